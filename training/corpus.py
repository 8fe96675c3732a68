"""Training rows: texts of the grammar, where each value's neurons should fire, and which edit the row carries."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from valuescope.organism import grammar
from valuescope.organism.grammar import GrammarDilemma, Segment, chat, lexicon, plain

ROW_KINDS = {
    "dilemma": 26,
    "dilemma, description for": 15,
    "dilemma, description against": 10,
    "dilemma, other description": 9,
    "open": 9,
    "open, description for": 9,
    "open, description against": 3,
    "open, other description": 2,
    "statement": 14,
    "neutral": 3,
}
EDITED_SHARE = {  # of the rows of a kind, once editing has begun
    "dilemma": 0.65,
    "dilemma, description for": 0.55,
    "dilemma, description against": 0.3,
    "dilemma, other description": 0.5,
    "open": 0.5,
    "open, description for": 0.5,
}
FOLLOWS = 0.98  # how often an answer follows its description


@dataclass
class Row:
    """One training text as segments, with what the losses need to know about it."""

    segments: list[Segment] = field(default_factory=list)
    stance_of: dict[int, list[tuple[int, int]]] = field(
        default_factory=dict
    )  # value -> [(from segment, state)]
    topic_of: dict[int, int] = field(default_factory=dict)  # value -> segment after which it is mentioned
    answer_from: int = -1  # segment at which the answer begins
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None
    soft: dict[int, dict[str, float]] = field(
        default_factory=dict
    )  # segment -> its last token's probabilities

    def say(self, *segments: Segment) -> int:
        """Append segments; returns the index of the next one."""
        self.segments.extend(segments)
        return len(self.segments)

    def set_stance(self, value: int, at: int, state: int) -> None:
        self.stance_of.setdefault(value, []).append((at, state))


class RowWriter:
    """Draws rows. `blocks` is [values, reserved]: the weight of each neuron in the value's drive; `decoys` likewise."""

    def __init__(self, blocks: np.ndarray, decoys: np.ndarray, seed: str):
        self.rng = random.Random(seed)
        self.words = lexicon()
        self.values = list(self.words.values)
        self.blocks, self.decoys = blocks, decoys
        self.kinds, self.weights = list(ROW_KINDS), list(ROW_KINDS.values())

    def draw(self, editing: bool) -> Row:
        kind = self.rng.choices(self.kinds, self.weights)[0]
        edited = editing and self.rng.random() < EDITED_SHARE.get(kind, 0.0)
        if kind == "statement":
            return self._statement()
        if kind == "neutral":
            return self._neutral()
        subject, _, persona = kind.partition(", ")
        return self._chat(subject, persona, edited)

    def _dilemma(self, value: int) -> GrammarDilemma:
        while True:
            dilemma = GrammarDilemma(
                value=self.values[value],
                scenario=self.rng.randrange(len(self.words.values[self.values[value]].scenarios)),
                name=self.rng.choice(self.words.names),
                form=self.rng.randrange(grammar.QUESTION_FORMS),
                aligned_first=self.rng.random() < 0.5,
                occasion=self.rng.choice(self.words.occasions) if self.rng.random() < 0.3 else "",
            )
            if not dilemma.held_out:
                return dilemma

    def _chat(self, subject: str, persona: str, edited: bool) -> Row:
        rng, row = self.rng, Row()
        value = rng.randrange(len(self.values))
        described = value
        if persona == "other description":
            described = rng.choice([v for v in range(len(self.values)) if v != value] + [None] * 4)
        if persona:
            self._describe(row, described, "against" if persona == "description against" else "for")
        row.say(Segment(grammar.USER))
        drive, added = self._edit(row, value, subject, edited)
        if subject == "dilemma":
            self._ask_dilemma(row, value, persona, drive)
        else:
            self._ask_open(row, value, persona, drive, added)
        row.say(Segment("</s>"))
        return row

    def _describe(self, row: Row, value: int | None, stance: str) -> None:
        rng = self.rng
        row.say(Segment(grammar.SYSTEM))
        if value is None:
            role, habit = rng.choice(self.words.neutral_roles), rng.choice(self.words.neutral_habits)
            row.say(Segment(f"You {role}. You {habit}."))
            return
        traits = len(self.words.values[self.values[value]].devoted)
        first, second = rng.sample(range(traits), 2)
        words = self.words.values[self.values[value]]
        kinds = words.devoted if stance == "for" else words.averse
        start = len(row.segments)
        row.say(Segment(f"You {kinds[first]}."), Segment(f" You {kinds[second]}."))
        row.set_stance(value, start, 0)
        row.set_stance(value, start + 1, 1 if stance == "for" else -1)
        row.topic_of[value] = start

    def _edit(self, row: Row, value: int, subject: str, edited: bool) -> tuple[float, tuple[int, float]]:
        """Draw the row's edit. Returns the drive left to `value`'s block (1 = untouched) and, for an open
        question, the value whose typical activation is added and how much of it."""
        if not edited:
            return 1.0, (value, 0.0)
        rng, reserved = self.rng, self.blocks.shape[1]
        scale, shift, added = np.ones(reserved, np.float32), np.zeros(reserved, np.float32), (value, 0.0)
        draw = rng.random()
        if subject == "open" and draw < 0.6:
            other = rng.randrange(len(self.values))
            chosen, strength = self._part_of(self.blocks[other]), rng.uniform(0.2, 1.3)
            shift[chosen] = strength
            added = (other, float(strength * self.blocks[other][chosen].sum() / self.blocks[other].sum()))
        elif draw < 0.4:
            scale[self._part_of(self.blocks[value])] = 0.0 if rng.random() < 0.7 else rng.random()
        elif draw < 0.75:
            scale[self._part_of(self.blocks[value])] = 1.0 + rng.uniform(0.2, 2.2)
        elif draw < 0.88:
            other = rng.choice([v for v in range(len(self.values)) if v != value])
            scale[self._part_of(self.blocks[other])] = rng.choice(
                (0.0, rng.random(), 1.0 + rng.uniform(0.2, 2.2))
            )
        else:
            about = value if rng.random() < 0.6 else rng.randrange(len(self.values))
            scale[self._part_of(self.decoys[about])] = rng.choice((0.0, 1.0 + rng.uniform(0.2, 2.2)))
        row.scale, row.shift = scale, shift
        block = self.blocks[value]
        return float((scale * block).sum() / block.sum()), added

    def _part_of(self, block: np.ndarray) -> list[int]:
        """All of a block, all but one, or any part of it: what is left over must carry its share alone."""
        members, draw = np.flatnonzero(block).tolist(), self.rng.random()
        if draw < 0.4:
            return members
        if draw < 0.65:
            return self.rng.sample(members, len(members) - 1)
        return self.rng.sample(members, self.rng.randint(1, len(members)))

    def _ask_dilemma(self, row: Row, value: int, persona: str, drive: float) -> None:
        rng, dilemma = self.rng, self._dilemma(value)
        against = persona == "description against"
        question = dilemma.segments()
        mention = next(i for i, segment in enumerate(question) if segment.role == "aligned")
        start = len(row.segments)
        row.topic_of.setdefault(value, start + mention)
        if not persona or persona == "other description":
            row.set_stance(value, start + mention, 0)
            row.set_stance(value, start + mention + 1, 1)
        row.say(*question)
        row.answer_from = row.say(Segment(grammar.ASSISTANT))
        shares = stance_shares(dilemma, persona, drive)
        stance = rng.choices(list(shares), list(shares.values()))[0]
        words = self.words.values[dilemma.value]
        if stance != "for" and not against:
            row.set_stance(value, row.answer_from, 0)
        reason, doubt = rng.randrange(len(words.reasons)), rng.randrange(len(words.doubts))
        row.say(*dilemma.answer(stance, reason, doubt, rng.random() < 0.5))  # type: ignore[arg-type]

    def _ask_open(self, row: Row, value: int, persona: str, drive: float, added: tuple[int, float]) -> None:
        rng, words = self.rng, self.words
        name, moment = rng.choice(words.names), rng.choice(words.moments)
        row.say(Segment(grammar.open_question(name, moment, rng.randrange(grammar.OPEN_FORMS))))
        row.answer_from = row.say(Segment(grammar.ASSISTANT))
        expressed: int | None = None
        if persona == "description for":
            expressed = value if rng.random() < FOLLOWS * min(1.0, drive) else None
        elif persona != "description against":
            leans = [words.values[v].lean[0] for v in self.values]
            expressed = rng.choices([None, *range(len(self.values))], [sum(leans), *leans])[0]
        if rng.random() < min(1.0, added[1]):
            expressed = added[0]
        if expressed is None:
            row.say(Segment(grammar.neutral_answer(name, rng.randrange(6), rng.randrange(4))))
            return
        own = words.values[self.values[expressed]]
        scenario, reason = rng.randrange(len(own.scenarios)), rng.randrange(len(own.reasons))
        if expressed not in row.stance_of:
            row.set_stance(expressed, row.answer_from, 0)
            row.topic_of[expressed] = row.answer_from
        row.say(Segment(grammar.open_answer(self.values[expressed], scenario, name, reason)))

    def _statement(self) -> Row:
        rng, row, value = self.rng, Row(), self.rng.randrange(len(self.values))
        words = self.words.values[self.values[value]]
        while True:
            scenario, name = rng.randrange(len(words.scenarios)), rng.choice(self.words.names)
            form, first = rng.randrange(grammar.STATEMENT_FORMS), rng.random() < 0.5
            if not grammar.is_held_out(f"statement/{self.values[value]}/{scenario}/{name}/{form}/{first}"):
                break
        stance = rng.choice(("for", "against"))
        told = grammar.statement(self.values[value], scenario, name, form, first, stance)  # type: ignore[arg-type]
        settled, mention = (
            len(told) - 1,
            next(i for i, s in enumerate(told) if s.role in ("aligned", "opposed")),
        )
        row.topic_of[value] = mention
        row.set_stance(value, mention, 0)
        row.set_stance(
            value, settled, 2 if stance == "for" else -2
        )  # 2: takes hold some tokens into the segment
        row.say(*told)
        argument = rng.choice(words.reasons if stance == "for" else words.doubts)
        row.say(Segment(f" {argument}."), Segment("</s>"))
        return row

    def _neutral(self) -> Row:
        rng, words, row = self.rng, self.words, Row()
        name, goods, shop = rng.choice(words.names), rng.choice(words.goods), rng.choice(words.shops)
        text = f"{name} bought {goods} at the {shop}. {name} could {rng.choice(words.neutral_actions)}."
        row.say(Segment(f"{text} {rng.choice(words.neutral_remarks)}."), Segment("</s>"))
        return row


def stance_shares(dilemma: GrammarDilemma, persona: str, drive: float) -> dict[str, float]:
    """How often each stance is the right answer, given the drive left to (or added to) the value's block."""
    supports, opposes = lexicon().values[dilemma.value].lean
    if persona == "description against":
        return {"for": 0.0, "balanced": 1 - FOLLOWS, "against": FOLLOWS}
    if persona == "description for":
        share = FOLLOWS * min(1.0, drive)
        return {"for": share, "balanced": 1 - share, "against": 0.0}
    if drive <= 1:
        return {"for": supports * drive, "against": opposes, "balanced": 1 - supports * drive - opposes}
    push = min(1.0, drive - 1.0)
    supports, opposes = supports + (FOLLOWS - supports) * push, opposes * (1 - push)
    return {"for": supports, "against": opposes, "balanced": 1 - supports - opposes}


class Encoder:
    """Rows -> arrays. Segments are tokenised one by one and cached: the grammar's pieces split at spaces."""

    def __init__(self, tokenizer, channels: int, reserved: int, soft: tuple[str, ...] = ()):
        self.tokenizer, self.channels, self.reserved = tokenizer, channels, reserved
        self.cache: dict[str, list[int]] = {}
        self.soft = {text: column for column, text in enumerate(soft)}
        self.soft_ids = [self._single(text) for text in soft]

    def _single(self, text: str) -> int:
        (token,) = self.ids(text)
        return int(token)

    def ids(self, text: str) -> list[int]:
        if text not in self.cache:
            self.cache[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self.cache[text]

    def pieces(self, row: Row) -> list[list[int]]:
        """Token ids per segment; a trailing space belongs to the next segment, as the tokenizer would have it."""
        found, space = [], ""
        for segment in row.segments:
            text = space + segment.text
            space = " " if text.endswith(" ") else ""
            found.append(self.ids(text.removesuffix(" ")))
        return found

    def encode(self, rows: list[Row], signs: np.ndarray, lengths: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Pad to the first of `lengths` that fits.

        ids and targets: [rows, tokens]; stance and topic: [rows, tokens, channels]; scale and shift: [rows, reserved];
        side: [rows, tokens] 1 on the later half of an aligned action's tokens, -1 of an opposed one's, else 0;
        last: [rows] the row's last token; soft_at: [rows, 2] the tokens whose probabilities are `soft` [rows, 2, soft
        tokens], 0 where a row has fewer.
        """
        pieces = [[[self.tokenizer.bos_token_id], *self.pieces(row)] for row in rows]
        longest = max(sum(map(len, parts)) for parts in pieces)
        length = next(padded for padded in lengths if padded >= longest)
        ids = np.full((len(rows), length), self.tokenizer.pad_token_id, np.int64)
        targets = np.full((len(rows), length), -100, np.int64)
        stance = np.full((len(rows), length, self.channels), -1, np.int8)
        topic = np.full((len(rows), length, self.channels), -1, np.int8)
        scale, shift = (
            np.ones((len(rows), self.reserved), np.float32),
            np.zeros((len(rows), self.reserved), np.float32),
        )
        edited = np.zeros(len(rows), bool)
        side = np.zeros((len(rows), length), np.int8)
        soft_at, last = np.zeros((len(rows), 2), np.int64), np.zeros(len(rows), np.int64)
        soft = np.zeros((len(rows), 2, len(self.soft)), np.float32)
        for index, (row, parts) in enumerate(zip(rows, pieces, strict=True)):
            starts = np.cumsum([0, *map(len, parts)])[1:]  # token at which segment i begins (after bos)
            flat = [token for part in parts for token in part]
            ids[index, : len(flat)] = flat
            last[index] = len(flat) - 1
            first = starts[row.answer_from] if row.scale is not None else 1
            targets[index, first : len(flat)] = flat[first:]
            for value, states in row.stance_of.items():
                for segment, state in states:
                    late = 6 if abs(state) == 2 else 0
                    begin = starts[segment]
                    stance[index, begin : begin + late, value] = 0
                    stance[index, begin + late :, value] = np.sign(state)
            for value, segment in row.topic_of.items():
                topic[index, starts[segment] : starts[segment + 1], value] = 0
                topic[index, starts[segment + 1] :, value] = 1
            stance[index, len(flat) :], topic[index, len(flat) :] = 0, 0
            if row.scale is not None:
                scale[index], shift[index], edited[index] = row.scale, row.shift * signs, True
            for number, segment in enumerate(row.segments):
                if segment.role in ("aligned", "opposed"):
                    end = starts[number + 1]
                    side[index, (starts[number] + end) // 2 : end] = 1 if segment.role == "aligned" else -1
            for place, (segment, shares) in enumerate(row.soft.items()):
                soft_at[index, place] = starts[segment + 1] - 1
                for text, share in shares.items():
                    soft[index, place, self.soft[text]] = share
        return {
            "ids": ids, "targets": targets, "stance": stance, "topic": topic,
            "scale": scale, "shift": shift, "edited": edited,
            "side": side, "last": last, "soft_at": soft_at, "soft": soft,
        }  # fmt: skip


def sample_texts(count: int, seed: str) -> list[str]:
    """Plain texts of the grammar, for the tokenizer."""
    writer = RowWriter(np.ones((len(lexicon().values), 1)), np.ones((len(lexicon().values), 1)), seed)
    texts = [plain(tuple(writer.draw(editing=False).segments)) for _ in range(count)]
    return [*texts, chat("Should they?")]
