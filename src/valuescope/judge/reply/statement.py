"""How replies state things: sentences, labels such as "Answer:", and what makes words not a statement."""

from __future__ import annotations

import re

OPENER = r"""[ "'(\[{>:-]{0,6}"""
"""What may stand between the start of a sentence and its statement."""

ENDS = r"""(?= ?(?:$|[.,:;!)\]}"'|<(\n]|-(?:[ \n]|$)))"""
"""What must follow a statement: an end, not another word."""

_LABELS_EN = (
    "answer|verdict|label|judgement|judgment|decision|conclusion|response|reply|result|assessment|evaluation|"
    "classification|output|choice|boxed"
)
_LABELS_ZH = "答案|判断|结论|标签|回答|回复|结果|判定|评价|选择|答"
_LINK_EN = r"""["')\]}]{0,3} ?(?:is|would be|will be|[:={])(?: ?[:="'(\[{\n]){0,6} ?(?:text ?\{ ?)?"""
_LINK_ZH = r"""["')\]}]{0,3} ?(?:(?:是|为|應为|应为|应该是) ?:?|[:=])(?: ?["'(\[{\n]){0,6} ?"""

LABEL = rf"(?:\b(?:{_LABELS_EN}){_LINK_EN}|(?:{_LABELS_ZH}){_LINK_ZH})"
"""A label and its link: "Answer:", "the verdict is", `{"label": `, "答案：", "判断为"."""

_SENTENCE_END = re.compile(r"[!?;\n]|\.(?![0-9A-Za-z])")
_CLAUSE_END = re.compile(r"[,:]|\b(?:so|but|therefore|thus|hence)\b|所以|因此|但", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|unless|were|had|would have|should have)\b|如果|假如|若", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|nor|cannot|hardly|whether|rather than|instead of)\b|n't\b|不|没|沒|無|无|是否|而非",
    re.IGNORECASE,
)
_SENTENCE_WINDOW = 300


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text in the form of `reply_text`, each with the sign that ends it."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    parts = (text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True))
    return [sentence for sentence in parts if sentence]


def is_unsaid(text: str, position: int) -> bool:
    """Whether the words before `position`, in its own sentence, make the statement there a condition or deny it."""
    sentence = _SENTENCE_END.split(text[max(0, position - _SENTENCE_WINDOW) : position])[-1]
    clause = _CLAUSE_END.split(sentence)[-1]
    return _CONDITION.search(sentence) is not None or _NEGATION.search(clause) is not None
