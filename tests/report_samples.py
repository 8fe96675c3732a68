"""A small report with every kind of block and chart, for the tests of the report's primitives."""

from __future__ import annotations

from valuescope.metrics import Estimate
from valuescope.report.blocks import (
    AnswerSheet,
    ArmAnswerText,
    AskedText,
    Bullets,
    Details,
    Em,
    Facts,
    Heading,
    Note,
    Opening,
    ResultBox,
    Section,
    Strong,
    Words,
)
from valuescope.report.plots import (
    BarFacet,
    Bars,
    Counts,
    Curve,
    CurveFacet,
    DotFacet,
    Dots,
    Figure,
    HeatCell,
    HeatFacet,
    Histogram,
    ScatterFacet,
    Strip,
    TradeFacet,
    TradePath,
    bars,
    counts_facet,
    curves,
    dots,
    heat_maps,
    histograms,
    scatters,
    tradeoff,
)
from valuescope.report.table import Code, Column, Table, Verdict

VALUES = ("Power", "安全")
LOW, HIGH = Estimate(-0.25, -0.5, 0.0, 40), Estimate(0.5, 0.25, 0.75, 40, 2)
NONE = Estimate(None, None, None, 0, 7)


def draw_all(title: str = "Effects") -> dict[str, Figure]:
    """Every chart, with something missing in each; styles that use every colour of a drawing."""
    series = (Dots("neurons", 1, (HIGH, None)), Dots("random", "control", (LOW, NONE)))
    facets = [DotFacet(f"M{n}", VALUES, series, "n = 40", n, ("a", "b"), "beside") for n in range(6)]
    cells = ((HeatCell(0.5, ".50", "up", strong=True), HeatCell(None, "?", "none")),)
    cells += ((HeatCell(-0.5, "−.50", "down", marked=True), HeatCell(None, "", "off", hatched=True)),)
    matrix = HeatFacet(
        "Matrix", VALUES, VALUES, cells, "steered", "seen", True, (("A", (0, 1)), ("B", (1,))), "a note"
    )
    amount = HeatFacet("Amount", VALUES, VALUES, cells, colour="amount")
    sweep = Strip(
        "change",
        (
            Curve("neurons", 0, (1, 4, 16), (LOW, None, HIGH)),
            Curve("random", "control", (1, 4, 16), (LOW, LOW, 0.1)),
        ),
        signed=True,
        levels=((0.3, "base", "dot"), (None, "bag of words", "dash")),
    )
    path = TradePath("neurons", 0, ((0.9, LOW, "at 1"), (HIGH, 0.4, "at 2"), (None, HIGH, "at 3")))
    random = TradePath("random", "control", ((0.9, 0.0, "at 1"),))
    drawn = {
        "dots": dots("dots", title, "Text.", facets, axis="change", reference=(0.4, "chance")),
        "plain": dots("plain", title, "Text.", [DotFacet("", VALUES, series)] * 2, axis="change"),
        "curves": curves(
            "curves",
            title,
            "Text.",
            [
                CurveFacet(
                    "Dose", (sweep,), marks=((4.0, "default"),), notes=(("hits", 0, ("1/2", "2/2", "0")),)
                )
            ],
            x_axis="strength",
        ),
        "tradeoff": tradeoff(
            "tradeoff",
            title,
            "Text.",
            [TradeFacet("Price", "fluency", (path, random), start=1.0, floors=((0.9, "floor"),))],
            axis="control",
        ),
        "heat": heat_maps("heat", title, "Text.", [matrix, amount]),
        "layers": heat_maps(
            "layers", title, "Text.", [counts_facet("M", "", (("Power", (0, 3)), ("安全", None)), 2), None]
        ),
        "bars": bars(
            "bars",
            title,
            "Text.",
            [
                BarFacet(
                    "Support",
                    VALUES,
                    (Bars("en", 0, (HIGH, None), (True, False)), Bars("zh", 1, (LOW, LOW), dashed=True)),
                )
            ],
            axis="points",
            reference=0.2,
        ),
        "histogram": histograms(
            "histogram",
            title,
            "Text.",
            [
                Histogram(
                    "Rates",
                    0,
                    1,
                    (Counts("all", (100, 0, 3)), Counts("kept", (0, 1, 2))),
                    "rate",
                    marks=((0.5, "bar"),) * 2,
                )
            ],
        ),
        "scatter": scatters(
            "scatter",
            title,
            "Text.",
            [ScatterFacet("Bullets", ((10.0, 20.0), (10.0, 20.0), (90.0, 70.0), (None, 3.0)), ("r = 1",))],
            x_axis="stated",
            y_axis="by logits",
        ),
    }
    assert all(drawn.values())
    return {name: figure for name, figure in drawn.items() if figure is not None}


def table_of(rows: list[dict[str, object]], **settings: object) -> Table[dict[str, object]]:
    """A table with a column of every kind."""
    columns = (
        Column(
            "method", "Method", lambda row: row["method"], small=lambda row: "a setting", terminal="method"
        ),
        Column("headline", "", lambda row: row["headline"]),
        Column("neurons", "Neurons", lambda row: row["neurons"], terminal="neurons"),
        Column("precision", "Precision", lambda row: row["precision"], signed=False, absent="no truth"),
        Column("effect", "Effect", lambda row: row["effect"], terminal="effect", estimate=True),
        Column("hash", "Hash", lambda row: Code("ab12")),
        Column("", "Verdict", lambda row: (Verdict(True, "clear"), Verdict(None, "no control"))),
        Column("", "", lambda row: row["neurons"], terminal="again", absent="-"),
    )
    return Table("methods", "Every method", columns, rows, **settings)  # type: ignore[arg-type]


ROWS: list[dict[str, object]] = [
    {"method": "VAPE", "headline": True, "neurons": 12000, "precision": 0.125, "effect": LOW},
    {"method": "控制", "headline": False, "neurons": None, "precision": None, "effect": None},
    {"method": "NeVA", "headline": False, "neurons": 3, "precision": 1.0, "effect": NONE},
]


def opening(text: str = "run", hero: Figure | None = None) -> Opening:
    """An opening with everything in it."""
    return Opening(
        text,
        lead=("Model ", Code(text), "."),
        notes=(Note(Strong(text), " a remark"), Note(text, warning=True)),
        hero=hero,
        result=ResultBox(text, (("VAPE", (text,)), ("NeVA", ()))),
    )


def sections(text: str = "word", figures: dict[str, Figure] | None = None) -> list[Section | None]:
    """Sections with every kind of block, all holding `text`."""
    answers = AnswerSheet(
        (
            AskedText(
                "Power",
                text,
                (ArmAnswerText("base", text, (Verdict(False, "no success"),)), ArmAnswerText("edited", " ")),
                text,
            ),
            AskedText(
                "Power",
                "Why?",
                (ArmAnswerText("base", text, (Verdict(True, "success"), Verdict(None, "not judged"))),),
            ),
        )
    )
    return [
        Section(
            "tables", "Tables", (table_of(ROWS), Words(text, Em(text), Verdict(False, text), style="small"))
        ),
        Section("figures", "Figures", tuple((figures or {}).values()), link="Pictures"),
        Section(
            "empty", "Nothing here", (None, "", table_of([], page=True), Bullets(()), Details("d", (None,)))
        ),
        None,
        Section("answers", "AnswerSheet", (answers, Heading(text), Bullets((text, (text, Code(text)))))),
        Section(
            "facts", "Facts", (text, Facts(((text, Code(text)), ("Seed", None))), Details(text, (text,)))
        ),
    ]
