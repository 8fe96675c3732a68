"""How far the unedited model supports every value, and whether stated percentages and log-probabilities agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import NamedTuple

from valuescope.lab.ask import Ask
from valuescope.lab.dilemma_design import DilemmaDesign
from valuescope.lab.dilemma_laboratory import DilemmaLaboratory, missing_of
from valuescope.lab.exploration import Measure
from valuescope.lab.part import Part
from valuescope.lab.result import Result
from valuescope.lab.strict import Found, Measured
from valuescope.metrics import Estimate, correlation
from valuescope.parts.perturbation import MissingSupports
from valuescope.parts.perturbation_views import POINTS, exploration, facts, language_name, value_bars
from valuescope.report.blocks import Section, Words
from valuescope.report.figure import Figure
from valuescope.report.numbers import SHARES
from valuescope.report.plots import BarFacet, Bars, ScatterFacet, scatters
from valuescope.report.table import Column, Table


class SupportFound(Found):
    """The unedited model's support of each value by one measure, in percent.

    `position_gaps`, `position_gap`: the support with the aligned option first minus that with it second, in points; a support
    whose gap is large says nothing. `total`: the mean sum of both options' percentages, where they are stated.
    """

    rates: dict[str, Measured] = {}
    overall: Measured | None = None
    position_gaps: dict[str, Measured] = {}
    position_gap: Measured | None = None
    total: Measured | None = None
    missing: MissingSupports = MissingSupports()


class AgreementFound(Found):
    """Both measures of every dilemma, and how they go together; `points` are (stated, by log-probabilities)."""

    pearson: Measured | None = None
    spearman: Measured | None = None
    reason: str = ""
    undefined_draws: float = 0.0
    points: tuple[tuple[float | None, float | None], ...] = ()
    values: tuple[str, ...] = ()


class LanguageFound(Found):
    """One language: how many dilemmas were asked, and the unedited model's support by each measure."""

    n: int = 0
    support: dict[str, SupportFound] = {}
    agreement: AgreementFound | None = None


class UneditedSupport(Part[None]):
    """The dilemmas put to the unedited model by every measure."""

    experiment, place, order, Found = "valueexploration", "languages.*", 10, LanguageFound

    def asks(self, design: DilemmaDesign) -> Iterator[Ask]:
        """The unedited model in every language and by every measure."""
        for language in design.spec.languages:
            for measure in design.spec.support.measures:
                yield design.base(language, measure)

    def measure(self, lab: DilemmaLaboratory) -> Mapping[str, LanguageFound]:
        """Support rates, and the agreement of two measures."""
        measures = lab.spec.support.measures
        return {
            language: LanguageFound(
                n=len(lab.evaluated(language)),
                support={measure: _support(lab, language, measure) for measure in measures},
                agreement=_agreement(lab, language) if len(measures) == 2 else None,
            )
            for language in lab.spec.languages
        }

    @classmethod
    def view(cls, found: Mapping[str, LanguageFound], result: Result) -> Section:
        """Rates by value, what is missing, and one measure against the other."""
        rates = _rates_figure(found, result)
        blocks = (
            rates or Words("No support could be read.", style="absent"),
            _table(found, result),
            _by_value(found, result),
            _agreement_figure(found),
        )
        return Section("support", "Support rates", blocks, link="Support")


def _support(lab: DilemmaLaboratory, language: str, measure: Measure) -> SupportFound:
    supports = lab.supports(language, measure)
    totals = [support.total for support in supports.support]
    stated = measure == "percentages"
    return SupportFound.model_validate(
        {
            **lab.rates(language, measure).to_dict(),
            "total": lab.how.mean(totals, clusters=lab.stories(language)).to_dict() if stated else None,
            "missing": MissingSupports.of(missing_of(supports)),
        }
    )


def _agreement(lab: DilemmaLaboratory, language: str) -> AgreementFound:
    stated = lab.supports(language, "percentages").percent
    letters = lab.supports(language, "log-probabilities").percent
    agreement = correlation(stated, letters, clusters=lab.stories(language), how=lab.how)
    values = [dilemma.value for dilemma in lab.evaluated(language)]
    points = list(zip(stated, letters, strict=True))
    return AgreementFound.model_validate({**agreement.to_dict(), "points": points, "values": values})


class _Row(NamedTuple):
    language: str
    measure: str
    support: SupportFound


def _rows(found: Mapping[str, LanguageFound]) -> list[_Row]:
    return [
        _Row(language, measure, support)
        for language, block in found.items()
        for measure, support in block.support.items()
    ]


def _rates_figure(found: Mapping[str, LanguageFound], result: Result) -> Figure | None:
    """Fig. 4: a panel per measure, a series per language."""
    values = result.head.values
    facets = [
        BarFacet(
            f"by {measure}",
            [result.head.value_name(value) for value in values],
            [
                Bars(language_name(row.language), place, [row.support.rates.get(value) for value in values])
                for place, row in enumerate(row for row in _rows(found) if row.measure == measure)
            ],
        )
        for measure in exploration(result).measures
    ]
    return value_bars(
        "support_rates",
        "Support rate of each value",
        "Mean support of the value-aligned option, both orders of the options averaged, with intervals over dilemmas; the table "
        "has the gap of the two orders beside each. "
        "Dotted: 50%, where neither option is preferred.",
        facets,
        "support of the aligned option (%)",
        percent=True,
    )


def _agreement_figure(found: Mapping[str, LanguageFound]) -> Figure | None:
    agreements = {language: block.agreement for language, block in found.items() if block.agreement}
    return scatters(
        "agreement",
        "Stated percentages against log-probabilities",
        "Each mark is a dilemma, and a larger one several dilemmas at the same place; the dashed line is where both measures "
        "agree. r: Pearson, rho: Spearman, with intervals.",
        [
            ScatterFacet(language_name(language), agreement.points, tuple(_words(agreement)))
            for language, agreement in agreements.items()
        ],
        x_axis="support stated in percent",
        y_axis="support by log-probabilities (%)",
    )


def _words(agreement: AgreementFound) -> Iterator[str]:
    for label, estimate in (("r", agreement.pearson), ("rho", agreement.spearman)):
        if estimate is not None and estimate.mean is not None:
            yield f"{label} = {SHARES.full(estimate)}"
    yield from ("no correlation:", agreement.reason) if agreement.reason else ()


def _table(found: Mapping[str, LanguageFound], result: Result) -> Table[_Row]:
    def kinds(row: _Row) -> str:
        return ", ".join(f"{kind} {count}" for kind, count in row.support.missing.by_kind.items()) or "none"

    columns: tuple[Column[_Row], ...] = (
        Column("", "Language and measure", lambda row: f"{language_name(row.language)}, by {row.measure}"),
        Column("", "Support (%)", lambda row: row.support.overall, POINTS, signed=False),
        Column("", "First place preferred by (points)", lambda row: row.support.position_gap, POINTS),
        Column("", "Both options add up to (%)", lambda row: row.support.total, POINTS, signed=False),
        Column("", "Missing", lambda row: f"{row.support.missing.missing} of {row.support.missing.asked}"),
        Column("", "Kinds", kinds),
    )
    return Table("", "Support of the unedited model", columns, _rows(found))


class _Rate(NamedTuple):
    language: str
    measure: str
    value: str
    rate: Estimate
    gap: Estimate | None


def _by_value(found: Mapping[str, LanguageFound], result: Result) -> Table[_Rate]:
    """Each value's support with the order gap beside it."""
    rates = [
        _Rate(row.language, row.measure, value, rate, row.support.position_gaps.get(value))
        for row in _rows(found)
        for value, rate in row.support.rates.items()
    ]
    shown: tuple[Column[_Rate], ...] = (
        Column("", "Language and measure", lambda row: f"{language_name(row.language)}, by {row.measure}"),
        Column("", "Value", lambda row: result.head.value_name(row.value)),
        Column("", "Support (%)", attrgetter("rate"), POINTS, signed=False),
        Column("", "Aligned option first minus second (points)", attrgetter("gap"), POINTS),
        Column("", "n", lambda row: row.rate.n),
    )
    columns = (
        *facts("language", "measure", "value"),
        Column("*", "", attrgetter("rate"), estimate=True),
        Column("order_gap", "", attrgetter("gap"), estimate=True),
        *shown,
    )
    return Table(
        "support", "Support of each value, and what the order of the options does to it", columns, rates
    )
