"""Writing a set: rounds of calls until every slot holds an item that passes the checks, or the rounds are used up.

Every call is fixed by the plan and by the replies before it, and every reply is kept under the hash of its call. So the
same job run again walks the same way, asks nothing twice, and ends with the same items, wherever it was cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from valuescope.data import Finding
from valuescope.judge.asked_model import AskError
from valuescope.judge.asking import Asker, Call
from valuescope.judge.quoting import quote
from valuescope.progress import Progress
from valuescope.write.acceptance import (
    Written,
    by_value,
    kind_of,
    read_item,
    repeats,
    set_findings,
    telling_pairs,
)
from valuescope.write.item_exchange import Parsed, read_repair, read_reply, render, render_second_turn
from valuescope.write.job import Job, least_calls
from valuescope.write.kinds import SetPart
from valuescope.write.outcome import CallTally, PartOutcome, SetOutcome
from valuescope.write.plan import Topics, WritingPlan
from valuescope.write.slot import Batch, Slot
from valuescope.write.writer_prompt import writer_prompts

_SEEDS = 1000  # draws per seed: rounds never get that far


class Writer:
    """Writes one job with one model.

    Args:
        job: what to write.
        asker: the model, with a store, and with the job's top_p in its configuration.
        progress: told (stage, calls done, calls in all).
        say: told one line after every round.
    """

    def __init__(self, job: Job, asker: Asker, progress: Progress, say: Callable[[str], None]) -> None:
        self._job, self._asker, self._progress, self._say = job, asker, progress, say
        self._system = job.value_system

    def run(self) -> SetOutcome:
        """Write all parts; what could not be written is missing from the outcome."""
        outcome = SetOutcome(self._job)
        topics: Topics = {}
        try:
            for part in self._job.chosen:
                slots = tuple(part.slots(part.name, self._job.plan(part), topics))
                written = PartOutcome(part, slots)
                outcome.parts.append(written)
                outcome.tally.minimum += least_calls(self._job, part, slots)
                self._write(written, outcome)
                if part.name == "topics":
                    topics = _by_topic(written.items)
                    if written.missing and not outcome.stopped:
                        names = ", ".join(dict.fromkeys(slot.value for slot in written.missing))
                        outcome.stopped = (
                            f"conflict topics are missing for {names}, so their stories cannot be asked for"
                        )
                if outcome.stopped:
                    break
        except AskError as error:
            outcome.stopped = str(error)
        return outcome

    def _write(self, written: PartOutcome, outcome: SetOutcome) -> None:
        notes = dict[str, str]()
        for number in range(1, self._job.rounds + 1):
            missing = written.missing
            if not missing:
                return
            before = len(written.rejections)
            errors = self._round(written, number, missing, notes, outcome)
            refused = written.rejections[before:]
            notes |= {
                rejection.key: f"try {number} was turned away: {rejection.reasons[0]}"
                for rejection in refused
            }
            # A conflict that is asked for alone must differ from the one that is kept.
            if written.part.name == "topics":
                kept = {item.slot.value: " / ".join(item.row["topic"].values()) for item in written.items}
                for slot in written.missing:
                    if slot.value in kept:
                        notes[slot.key] = (
                            f"{notes.get(slot.key, '')}; taken already: {kept[slot.value]}".strip("; ")
                        )
            tally = outcome.tally
            self._say(
                f"{written.part.name}, round {number}: {len(missing)} asked for, {len(written.items)} of {len(written.slots)} taken, "
                f"{len(refused)} rejected; calls {tally.calls} (minimum {tally.minimum}), tokens {tally.input_tokens} in, "
                f"{tally.output_tokens} out"
            )
            if errors:
                outcome.stopped = (
                    f"{len(errors)} calls for {written.part.name} ended in errors, so nothing after them was asked; the last: "
                    f"{errors[-1]}"
                )
                return

    def _round(
        self,
        written: PartOutcome,
        number: int,
        missing: Sequence[Slot],
        notes: Mapping[str, str],
        outcome: SetOutcome,
    ) -> list[str]:
        """Ask once for what is missing and judge what came; the errors of calls that had no reply."""
        part, tally = written.part, outcome.tally
        asked = self._job.batches(part, missing)
        stage = f"{part.name}, round {number}"
        calls = [self._call(part, batch, render(part, batch, self._system, notes), number) for batch in asked]
        found, errors = self._read(part, asked, calls, stage, number, tally)
        if part.refine:
            drafts = [dict(sorted(parsed.items.items())) for parsed in found]  # by their places in the batch
            drafted = [(batch, held) for batch, held in zip(asked, drafts, strict=True) if held]
            kept = [tuple(batch[place - 1] for place in held) for batch, held in drafted]
            turn = part.second_turn
            calls = [
                self._call(
                    turn, slots, render_second_turn(turn, slots, list(held.values()), self._system), number
                )
                for slots, (_, held) in zip(kept, drafted, strict=True)
            ]
            refined, further = self._read(turn, kept, calls, f"{stage}, {turn.prompt}", number, tally)
            errors += further
            if part.added:
                refined = [
                    _completed(parsed, list(held.values()))
                    for parsed, (_, held) in zip(refined, drafted, strict=True)
                ]
            found = [Parsed({}, parsed.faults) for parsed in found]  # a draft is no item yet
            asked, found = [*asked, *kept], [*found, *refined]
        new = list[Written]()
        for batch, parsed in zip(asked, found, strict=True):
            for place, slot in enumerate(batch, 1):
                if place in parsed.items:
                    item, findings = read_item(slot, parsed.items[place], self._system)
                    written.read += 1
                    if findings:
                        self._reject(written, number, "item", slot, findings, parsed.items[place])
                    else:
                        new.append(item)
                elif place in parsed.faults:
                    written.read += 1
                    fault = parsed.faults[place]
                    written.reject(slot, number, "reply", [fault.split(":")[0]], [fault], None)
        new.sort(key=written.place)
        self._take(
            written,
            number,
            new,
            [item for part in outcome.parts if part is not written for item in part.items],
        )
        return errors

    def _take(self, written: PartOutcome, number: int, new: list[Written], others: list[Written]) -> None:
        """Add what is no repeat and fits into its set."""
        refused = repeats([*others, *written.items], new)
        for item in new:
            if item.slot.key in refused:
                self._reject(written, number, "repeat", item.slot, [refused[item.slot.key]], item.row)
        fresh = {item.slot.key for item in new} - refused.keys()
        # Earlier rounds stand first, so that a set's limits turn the newcomers away.
        taken = [*written.items, *(item for item in new if item.slot.key in fresh)]
        plan = self._job.plan(written.part)
        for group in by_value(taken).values():
            for find in (self._misfits, self._telling):
                while turned := find(group, fresh, plan):
                    for key, (item, findings) in turned.items():
                        self._reject(written, number, "set", item.slot, findings, item.row)
                        fresh.discard(key)
                    group = [item for item in group if item.slot.key not in turned]
        held = {item.slot.key for item in written.items} | fresh
        written.items = tuple(sorted((item for item in taken if item.slot.key in held), key=written.place))

    def _misfits(
        self, group: Sequence[Written], fresh: set[str], plan: WritingPlan
    ) -> dict[str, tuple[Written, list[Finding]]]:
        """The new items that do not fit into their set, each with why."""
        turned = dict[str, tuple[Written, list[Finding]]]()
        if any(item.slot.key in fresh for item in group):
            for finding, item in set_findings(group, plan):
                if item is not None and item.slot.key in fresh:
                    turned.setdefault(item.slot.key, (item, []))[1].append(finding)
        return turned

    def _telling(
        self, group: Sequence[Written], fresh: set[str], plan: WritingPlan
    ) -> dict[str, tuple[Written, list[Finding]]]:
        """The same for new contrast pairs whose words tell the sides apart."""
        newcomers = fresh & {item.slot.key for item in group}
        telling = telling_pairs(group, plan.count, newcomers) if newcomers else []
        return {item.slot.key: (item, [finding]) for finding, item in telling}

    def _reject(
        self,
        written: PartOutcome,
        number: int,
        stage: str,
        slot: Slot,
        findings: Sequence[Finding],
        item: Mapping[str, Any],
    ) -> None:
        reasons = [
            f"{finding.field}: {finding.rule} (found {finding.value}); {finding.fix}" for finding in findings
        ]
        written.reject(slot, number, stage, list(dict.fromkeys(map(kind_of, findings))), reasons, item)

    def _read(
        self,
        part: SetPart,
        asked: Sequence[Batch],
        calls: Sequence[Call],
        stage: str,
        number: int,
        tally: CallTally,
    ) -> tuple[list[Parsed], list[str]]:
        """The entries of each reply, after one repair turn for those that cannot be read."""
        replies = tally.ask(self._asker, calls, self._progress, stage)
        errors = [reply.error for reply in replies if reply.error]
        found = [read_reply(part, batch, reply) for batch, reply in zip(asked, replies, strict=True)]
        faulty = [
            place
            for place, (parsed, reply) in enumerate(zip(found, replies, strict=True))
            if parsed.faults and not reply.withheld
        ]
        repairs = []
        for place in faulty:
            words = {
                "asked": calls[place].user,
                "reply": quote(replies[place].text, "reply"),
                "errors": found[place].errors(),
                "numbers": ", ".join(map(str, found[place].faults)),
            }
            prompt = writer_prompts()["repair"]
            repairs.append(
                self._call(part, asked[place], (prompt.id, prompt.system, prompt.render(words)), number)
            )
        if repairs:
            tally.repairs += len(repairs)
            replies = tally.ask(self._asker, repairs, self._progress, f"{stage}, repair")
            errors += [reply.error for reply in replies if reply.error]
            for place, reply in zip(faulty, replies, strict=True):
                found[place] = read_repair(part, asked[place], found[place], reply)
        return found, errors

    def _call(self, part: SetPart, batch: Batch, prompt: tuple[str, str, str], number: int) -> Call:
        name, system, user = prompt
        expected = part.tokens * len(batch) * (len(batch[0].languages) if part.bilingual else 1)
        return Call(
            user,
            system,
            name,
            draw=self._job.seed * _SEEDS + number,
            temperature=self._job.temperature or 0.0,
            max_tokens=self._job.max_tokens or 3 * expected + 200,
        )


def _completed(parsed: Parsed, drafts: Sequence[Mapping[str, Any]]) -> Parsed:
    """Drafts with the fields that a second turn added to them."""
    items = {place: {**drafts[place - 1], **added} for place, added in parsed.items.items()}
    return Parsed(items, parsed.faults)


def _by_topic(items: Sequence[Written]) -> Topics:
    topics = dict[str, list[Mapping[str, str]]]()
    for item in items:
        topics.setdefault(item.slot.value, []).append(item.row["topic"])
    return topics
