"""How a model asks to be sampled: what its generation_config says, and what of it is heeded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from transformers import GenerationConfig

from valuescope.models.checkpoint import BUNDLED, warn_once

PLAIN = 1.0
"""Temperature and top_p where the model names none: its own distribution, whole."""
_UNUSED: Mapping[str, tuple[Any, ...]] = {
    "do_sample": (True,),
    **dict.fromkeys(("num_beams", "repetition_penalty", "encoder_repetition_penalty"), (1,)),
    **dict.fromkeys(("typical_p", "top_h", "guidance_scale"), (1,)),
    **dict.fromkeys(("top_k", "min_p", "epsilon_cutoff", "eta_cutoff", "no_repeat_ngram_size"), (0,)),
    **dict.fromkeys(("bad_words_ids", "sequence_bias", "exponential_decay_length_penalty"), ()),
    **dict.fromkeys(("suppress_tokens", "begin_suppress_tokens"), ([],)),
    **dict.fromkeys(("forced_bos_token_id", "forced_eos_token_id", "watermarking_config"), ()),
}
"""What would change answers and is not used here, with the values that ask for nothing."""


@dataclass(frozen=True)
class SamplingDefaults:
    """`temperature` and `top_p` as a generation_config names them (None: it does not), and `unused`: what else it sets."""

    temperature: float | None = None
    top_p: float | None = None
    unused: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, config: GenerationConfig | None) -> SamplingDefaults:
        """Of a model's generation_config; None: there is none."""
        unused = {
            name: value
            for name, nothing in _UNUSED.items()
            if (value := getattr(config, name, None)) is not None and value not in nothing
        }
        return cls(getattr(config, "temperature", None), getattr(config, "top_p", None), unused)

    def settled(
        self, name: str, temperature: float | None = None, top_p: float | None = None
    ) -> tuple[float, float]:
        """Temperature and top_p: those asked for, else (None) the model's, else 1.0.

        Where the model is asked and names none, or names more than is used, that is said once; `name` is the model's.
        """
        asked = {"temperature": temperature, "top_p": PLAIN if temperature == 0 else top_p}
        missing = [key for key, value in asked.items() if value is None and getattr(self, key) is None]
        if missing and name not in BUNDLED:  # those were made to be drawn at 1.0
            gguf = " (a GGUF file carries none)" if name.lower().endswith(".gguf") else ""
            warn_once(
                f"{name}: no generation_config{gguf} names its {' and '.join(missing)}, so answers are drawn at {PLAIN}; "
                "small chat models may need less"
            )
        if None in asked.values() and self.unused:
            rest = ", ".join(f"{key} {value}" for key, value in self.unused.items())
            warn_once(f"{name}: its generation_config also sets {rest}, which is not used here")
        first, second = self.plain
        return first if temperature is None else temperature, second if top_p is None else top_p

    @property
    def plain(self) -> tuple[float, float]:
        """Temperature and top_p, 1.0 where none is named."""
        first, second = self.temperature, self.top_p
        return PLAIN if first is None else first, PLAIN if second is None else second
