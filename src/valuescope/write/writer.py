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
from valuescope.write.exchange import Parsed, read_repair, read_reply, render, render_refinement
from valuescope.write.job import Job, least_calls
from valuescope.write.kinds import SetPart, Topics
from valuescope.write.outcome import CallTally, PartOutcome, Rejection, SetOutcome
from valuescope.write.prompt import writer_prompts
from valuescope.write.slot import Batch, Slot

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
                slots = tuple(part.slots(part.name, self._job.plan, topics))
                one = PartOutcome(part, slots)
                outcome.parts.append(one)
                outcome.tally.minimum += least_calls(self._job, part, slots)
                self._write(one, outcome)
                if part.name == "topics":
                    topics = _by_topic(one.items)
                    if one.missing and not outcome.stopped:
                        names = ", ".join(dict.fromkeys(slot.value for slot in one.missing))
                        outcome.stopped = (
                            f"conflict topics are missing for {names}, so their stories cannot be asked for"
                        )
                if outcome.stopped:
                    break
        except AskError as error:
            outcome.stopped = str(error)
        return outcome

    def _write(self, one: PartOutcome, outcome: SetOutcome) -> None:
        notes = dict[str, str]()
        for number in range(1, self._job.rounds + 1):
            missing = one.missing
            if not missing:
                return
            before = len(one.rejections)
            errors = self._round(one, number, missing, notes, outcome)
            refused = one.rejections[before:]
            notes |= {each.key: f"try {number} was turned away: {each.reasons[0]}" for each in refused}
            if (
                one.part.name == "topics"
            ):  # a conflict that is asked for alone must differ from the one that is kept
                kept = {each.slot.value: " / ".join(each.row["topic"].values()) for each in one.items}
                for slot in one.missing:
                    if slot.value in kept:
                        notes[slot.key] = (
                            f"{notes.get(slot.key, '')}; taken already: {kept[slot.value]}".strip("; ")
                        )
            tally = outcome.tally
            self._say(
                f"{one.part.name}, round {number}: {len(missing)} asked for, {len(one.items)} of {len(one.slots)} taken, "
                f"{len(refused)} rejected; calls {tally.calls} (minimum {tally.minimum}), tokens {tally.input_tokens} in, "
                f"{tally.output_tokens} out"
            )
            if errors:
                outcome.stopped = (
                    f"{len(errors)} calls for {one.part.name} ended in errors, so nothing after them was asked; the last: "
                    f"{errors[-1]}"
                )
                return

    def _round(
        self,
        one: PartOutcome,
        number: int,
        missing: Sequence[Slot],
        notes: Mapping[str, str],
        outcome: SetOutcome,
    ) -> list[str]:
        """Ask once for what is missing and judge what came; the errors of calls that had no reply."""
        part, tally = one.part, outcome.tally
        asked = self._job.batches(part, missing)
        stage = f"{part.name}, round {number}"
        calls = [self._call(part, batch, render(part, batch, self._system, notes), number) for batch in asked]
        found, errors = self._read(part, asked, calls, stage, number, tally)
        if part.refine:
            drafts = [dict(sorted(parsed.items.items())) for parsed in found]  # by their places in the batch
            drafted = [(batch, held) for batch, held in zip(asked, drafts, strict=True) if held]
            kept = [tuple(batch[place - 1] for place in held) for batch, held in drafted]
            calls = [
                self._call(
                    part, slots, render_refinement(part, slots, list(held.values()), self._system), number
                )
                for slots, (_, held) in zip(kept, drafted, strict=True)
            ]
            refined, further = self._read(part, kept, calls, f"{stage}, refinement", number, tally)
            errors += further
            found = [Parsed({}, parsed.faults) for parsed in found]  # a draft is no item yet
            asked, found = [*asked, *kept], [*found, *refined]
        new = list[Written]()
        for batch, parsed in zip(asked, found, strict=True):
            for place, slot in enumerate(batch, 1):
                if place in parsed.items:
                    written, findings = read_item(slot, parsed.items[place], self._system)
                    one.read += 1
                    if findings:
                        self._reject(one, number, "item", slot, findings, parsed.items[place])
                    else:
                        new.append(written)
                elif place in parsed.faults:
                    one.read += 1
                    kind = parsed.faults[place].split(":")[0]
                    one.rejections.append(
                        Rejection(
                            slot.key,
                            slot.value,
                            part.name,
                            number,
                            "reply",
                            (kind,),
                            (parsed.faults[place],),
                            None,
                        )
                    )
        order = {slot.key: place for place, slot in enumerate(one.slots)}
        new.sort(key=lambda each: order[each.slot.key])
        self._take(
            one,
            number,
            new,
            order,
            [each for other in outcome.parts if other is not one for each in other.items],
        )
        return errors

    def _take(
        self,
        one: PartOutcome,
        number: int,
        new: list[Written],
        order: Mapping[str, int],
        others: list[Written],
    ) -> None:
        """Add what is no repeat and fits into its set."""
        refused = repeats([*others, *one.items], new)
        for each in new:
            if each.slot.key in refused:
                self._reject(one, number, "repeat", each.slot, [refused[each.slot.key]], each.row)
        fresh = {each.slot.key for each in new} - refused.keys()
        # Earlier rounds stand first, so that a set's limits turn the newcomers away.
        held = [*one.items, *(each for each in new if each.slot.key in fresh)]
        for group in by_value(held).values():
            for find in (self._misfits, self._telling):
                while turned := find(group, fresh):
                    for key, (item, findings) in turned.items():
                        self._reject(one, number, "set", item.slot, findings, item.row)
                        fresh.discard(key)
                    group = [each for each in group if each.slot.key not in turned]
                    held = [each for each in held if each.slot.key not in turned]
        one.items = tuple(sorted(held, key=lambda each: order[each.slot.key]))

    def _misfits(self, group: Sequence[Written], fresh: set[str]) -> dict[str, tuple[Written, list[Finding]]]:
        """The new items that do not fit into their set, each with why."""
        turned = dict[str, tuple[Written, list[Finding]]]()
        if any(each.slot.key in fresh for each in group):
            for finding, item in set_findings(group, self._job.count, self._system):
                if item is not None and item.slot.key in fresh:
                    turned.setdefault(item.slot.key, (item, []))[1].append(finding)
        return turned

    def _telling(self, group: Sequence[Written], fresh: set[str]) -> dict[str, tuple[Written, list[Finding]]]:
        """The same for new contrast pairs whose words tell the sides apart."""
        own = fresh & {each.slot.key for each in group}
        found = telling_pairs(group, self._job.count, own) if own else []
        return {item.slot.key: (item, [finding]) for finding, item in found}

    def _reject(
        self,
        one: PartOutcome,
        number: int,
        stage: str,
        slot: Slot,
        findings: Sequence[Finding],
        item: Mapping[str, Any],
    ) -> None:
        kinds = tuple(dict.fromkeys(map(kind_of, findings)))
        told = tuple(
            f"{finding.field}: {finding.rule} (found {finding.value}); {finding.fix}" for finding in findings
        )
        one.rejections.append(
            Rejection(slot.key, slot.value, slot.part, number, stage, kinds, told, dict(item))
        )

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


def _by_topic(items: Sequence[Written]) -> Topics:
    topics = dict[str, list[Mapping[str, str]]]()
    for one in items:
        topics.setdefault(one.slot.value, []).append(one.row["topic"])
    return topics
