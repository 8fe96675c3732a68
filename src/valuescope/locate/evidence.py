"""What a locator reads: activations, and which label speaks for or against which value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from valuescope.activations import Activations, Residuals, text_key
from valuescope.activations.counters import add_hashes, text_hash
from valuescope.data.records import LabelledText
from valuescope.files import sha256_of


class LocateError(ValueError):
    """A locator, its parameters or its evidence are not usable as given."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Activations of texts for (and against) each value.

    `positive` and `negative` map a value to the label of its texts; VAPE reads the positive ones only,
    ValueLocate and NeVA both. A label may serve several values (one neutral label as everyone's negative).
    `texts` are the very texts that were counted: locators that run passes of their own (LPIP, QRNCA, CGVST)
    need them, and NeVA's bag-of-words baseline. Where there are residuals, they stand in their order.
    """

    activations: Activations
    values: tuple[str, ...]
    positive: Mapping[str, str]
    negative: Mapping[str, str] = field(default_factory=dict)
    texts: Sequence[LabelledText] = ()

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) != len(self.values):
            raise LocateError(f"values are {self.values}; give at least one, each once")
        for value in self.values:
            if value not in self.positive:
                raise LocateError(f"value {value!r} has no positive label; give one in `positive`")
        known = self.activations.counters.labels
        for side, labels in (("positive", self.positive), ("negative", self.negative)):
            for value, label in labels.items():
                if value not in self.values:
                    raise LocateError(
                        f"{side} label {label!r} is for {value!r}, which is not among the values"
                    )
                if label not in known:
                    raise LocateError(
                        f"{side} label {label!r} of {value!r} was not counted; "
                        f"the labels are {', '.join(known)}"
                    )
        if self.texts:
            self._require_counted()

    @property
    def data_hash(self) -> str:
        """Hash of the texts behind the activations and of what their labels stand for."""
        roles = [[value, self.positive[value], self.negative.get(value)] for value in self.values]
        return sha256_of([self.activations.counters.data_hash, roles])

    def positive_labels(self) -> list[str]:
        """The positive label of every value, in order."""
        return [self.positive[value] for value in self.values]

    def negative_labels(self, method: str) -> list[str]:
        """The negative label of every value; LocateError names a value without one."""
        for value in self.values:
            if value not in self.negative:
                raise LocateError(
                    f"{method} contrasts texts: value {value!r} has no negative label in `negative`"
                )
        return [self.negative[value] for value in self.values]

    def texts_of(self, labels: Sequence[str], method: str, limit: int | None = None) -> list[LabelledText]:
        """The texts of some labels, at most `limit` of each, in order; LocateError where a label has none."""
        if not self.texts:
            raise LocateError(f"{method} runs texts through the model; give those counted as `texts`")
        left = {label: len(self.texts) if limit is None else limit for label in labels}
        chosen = []
        for text in self.texts:
            if left.get(text.label, 0) > 0:
                left[text.label] -= 1
                chosen.append(text)
        missing = sorted(set(labels) - {text.label for text in chosen})
        if missing:
            raise LocateError(f"{method}: there are no texts with the label {', '.join(missing)}")
        return chosen

    def residuals(self) -> Residuals:
        """The residuals; LocateError where the pass did not keep any."""
        if self.activations.residuals is None:
            raise LocateError("the activations hold no residuals; collect them with residuals=True")
        return self.activations.residuals

    def _require_counted(self) -> None:
        """Raise LocateError unless the texts are those behind the counters (and residuals)."""
        keys = [text_key(text) for text in self.texts]
        kept = self.activations.residuals
        if kept is not None and tuple(keys) != kept.keys:
            raise LocateError(
                f"the {len(keys)} texts are not those of the {len(kept)} residuals, "
                "in their order; give the very texts that were collected"
            )
        counters = self.activations.counters
        labelled = zip(self.texts, keys, strict=True)
        if add_hashes(text_hash(text.label, key) for text, key in labelled) != counters.data_hash:
            raise LocateError(
                f"the {len(keys)} texts are not those of the {int(counters.prompts.sum())} that were counted; "
                "give the very texts that were collected"
            )
