"""The pieces of the writers: plans, prompts, replies, checks, settings and estimates; nobody is asked."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest
from faulty_server import Faults, written

from valuescope.data import Description, Place
from valuescope.data.checks import check_description, repeated_pairs, size
from valuescope.values import load_value_system
from valuescope.write import KINDS, Job, WriteError, estimate
from valuescope.write.acceptance import Written, kind_of, read_item, repeats, set_findings, telling_pairs
from valuescope.write.exemplars import exemplars
from valuescope.write.item_exchange import item_model, parse_reply, render, shape_text
from valuescope.write.plan import WritingPlan
from valuescope.write.slot import Slot, batches
from valuescope.write.writer_prompt import WriterPrompt, scene_lists, writer_prompts

TOPICS = [{"en": "duty vs. rest", "zh": "尽责与休息"}, {"en": "truth vs. peace", "zh": "真话与和气"}]


def slots_of(job: Job, name: str) -> list[Slot]:
    part = next(part for part in job.chosen if part.name == name)
    return list(part.slots(name, job.plan(part), dict.fromkeys(job.values, TOPICS)))


def items_of(job: Job, name: str, faults: Faults | None = None) -> list[tuple[Slot, dict[str, Any]]]:
    """Items as the test server writes them."""
    part = next(part for part in job.chosen if part.name == name)
    found = []
    for batch in job.batches(part, slots_of(job, name)):
        entries, _ = written(render(part, batch, job.value_system, {})[2], faults or Faults())
        for slot, entry in zip(batch, entries, strict=True):
            found.append((slot, {key: text for key, text in entry.items() if key != "number"}))
    return found


# ---------------------------------------------------------------- plan


def test_a_plan_balances_topics_and_keeps_its_beginning_when_it_grows() -> None:
    small, large = (slots_of(Job("c-voice", values=("justice",), per_value=n), "activation") for n in (4, 60))
    assert Counter(slot.topic for slot in large) == {"duty vs. rest": 30, "truth vs. peace": 30}
    assert [slot.brief for slot in small[:2]] == [slot.brief for slot in large[:2]]
    assert len({slot.key for slot in large}) == 60
    other = slots_of(Job("c-voice", values=("justice",), per_value=4, seed=1), "activation")
    assert [slot.brief for slot in other] != [slot.brief for slot in small]


def test_scenes_meet_once_before_they_come_back() -> None:
    people, places = scene_lists()["people"], scene_lists()["places"]
    assert len(people) == len(places) == len(set(people)) == len(set(places))
    slots = slots_of(Job("questions", values=("power",), per_value=1000), "questions")
    scenes = Counter(slot.fixed["scene"] for slot in slots)
    assert max(scenes.values()) == 1
    assert all(size(scene, "en") >= 2 for scene in scenes)


@pytest.mark.parametrize("dimension", load_value_system("schwartz").at_level("dimension"))
def test_situations_spread_over_topics_and_atomic_values(dimension: str) -> None:
    slots = slots_of(Job("valueinsight", values=(dimension,), per_value=200), "situations")
    pairs = Counter((slot.fixed["topic"], slot.fixed["atomic"]) for slot in slots)
    topics, atomics = (Counter(slot.fixed[name] for slot in slots) for name in ("topic", "atomic"))
    assert max(pairs.values()) == 1
    for counts in (topics, atomics):
        assert max(counts.values()) - min(counts.values()) <= 1


def test_halves_are_even_and_languages_have_keys_of_their_own() -> None:
    slots = slots_of(Job("contrast", values=("power",), per_value=10, languages=("en", "zh")), "contrast")
    kinds = Counter((slot.languages, slot.fixed["kind"]) for slot in slots)
    assert set(kinds.values()) == {5}
    assert slots[0].key == "power/statement/01"
    assert slots[-1].key == "power/zh/question/05"
    assert {slot.fixed.get("language", "en") for slot in slots} == {"en", "zh"}


def test_batches_keep_groups_apart() -> None:
    slots = [Slot(str(n), "v", "p", ("en",), group="ab"[n % 2]) for n in range(10)]
    assert [[slot.key for slot in batch] for batch in batches(slots, 3)] == [
        ["0", "2", "4"],
        ["6", "8"],
        ["1", "3", "5"],
        ["7", "9"],
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "poems"}, "kind 'poems' is unknown"),
        ({"kind": "contrast", "values": ("justice",)}, "values: 'justice' is unknown; contrast has self-dir"),
        ({"kind": "contrast", "values": ("power", "power")}, "names one twice"),
        ({"kind": "contrast", "languages": ("fr",)}, "languages: 'fr' is unknown"),
        ({"kind": "c-voice", "parts": ("poems",)}, "parts: 'poems' is unknown"),
        ({"kind": "c-voice", "per_value": 7}, "give an even number"),
        ({"kind": "questions", "per_value": 0}, "per_value is 0; it must be 1 or more"),
        ({"kind": "questions", "top_p": 1.5}, "top_p is 1.5"),
        ({"kind": "questions", "rounds": 0}, "rounds is 0"),
    ],
)
def test_a_job_that_cannot_be_done_says_why(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(WriteError, match=said):
        Job(**settings)


def test_defaults_are_those_of_the_paper() -> None:
    job = Job("c-voice")
    assert (job.temperature, job.top_p, job.languages) == (0.6, 0.65, ("en", "zh"))
    assert {part.per_call for part in job.chosen} == {10, 2}
    assert len(job.values) == 12
    assert Job("c-voice", languages=("zh", "en")) == job


# ---------------------------------------------------------------- prompts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("languages", [("en",), ("zh",), ("en", "zh")])
def test_every_prompt_has_all_its_fields(kind: str, languages: tuple[str, ...]) -> None:
    job = Job(kind, languages=languages, per_value=4)
    for part in job.chosen:
        for batch in job.batches(part, slots_of(job, part.name)):
            name, system, user = render(
                part, batch, job.value_system, {batch[0].key: "try 1 was turned away: x"}
            )
            assert system
            assert "{'" not in user
            assert name.split()[0] in writer_prompts()
            assert user.count("try 1 was turned away: x") == 1
            assert shape_text(part.fields, languages if part.bilingual else None) in user


def test_a_prompts_hash_changes_with_any_character() -> None:
    prompt = writer_prompts()["stories"]
    changed = WriterPrompt(prompt.name, prompt.version, prompt.purpose, prompt.system, prompt.template + ".")
    assert changed.hash != prompt.hash
    with pytest.raises(WriteError, match="field 'action_en' is absent"):
        prompt.render({})


# ---------------------------------------------------------------- replies

MODEL = item_model(("question",), None)


def test_a_reply_is_read_through_fences_and_chatter() -> None:
    text = 'Of course.\n```json\n{"items": [{"number": 1, "question": " Why? "}]}\n```'
    parsed = parse_reply(text, [1], MODEL)
    assert parsed.items == {1: {"question": "Why?"}}
    assert not parsed.faults


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the reply holds no JSON object"),
        ("I would rather not.", "no JSON object"),
        ('{"items": [{"number": 1, "question": "Wh}', "not valid JSON: Unterminated string"),
        ('{"things": []}', "items: Field required"),
        ('{"items": {"number": 1}}', "items: Input should be a valid list"),
        ('{"items": [{"number": 1}]}', "question: Field required"),
        ('{"items": [{"number": 1, "question": "  "}]}', "question: String should have at least 1 character"),
        ('{"items": [{"number": 1, "question": 5}]}', "question: Input should be a valid string"),
        ('{"items": [{"number": 1, "question": "\\ud800"}]}', "question: "),
        ('{"items": [{"number": 2, "question": "Why?"}]}', "missing from the reply"),
        ("{" * 5000 + "}" * 5000, "not valid JSON"),
    ],
)
def test_every_fault_of_a_reply_is_told(text: str, said: str) -> None:
    parsed = parse_reply(text, [1], MODEL)
    assert not parsed.items
    assert said in parsed.faults[1]
    assert parsed.errors().startswith("- entries 1: ")


def test_good_entries_are_kept_beside_bad_ones() -> None:
    entries = [
        {"number": 1, "question": "A?"},
        {"number": 1, "question": "B?"},
        {"number": 3, "question": ""},
    ]
    parsed = parse_reply(json.dumps({"items": [*entries, {"number": 9, "question": "C?"}]}), [1, 2, 3], MODEL)
    assert parsed.items == {1: {"question": "A?"}}
    assert list(parsed.faults) == [2, 3]


def test_texts_in_two_languages_need_both() -> None:
    model = item_model(("topic",), ("en", "zh"))
    parsed = parse_reply('{"items": [{"number": 1, "topic": {"en": "a vs. b"}}]}', [1], model)
    assert parsed.faults == {1: "topic.zh: Field required"}


# ---------------------------------------------------------------- checks


def test_what_the_test_server_writes_passes_and_what_breaks_a_rule_does_not() -> None:
    for kind, part, field in (
        ("c-voice", "activation", "story"),
        ("valueinsight", "descriptions", "description"),
        ("contrast", "contrast", "negative"),
        ("questions", "questions", "question"),
    ):
        job = Job(kind, per_value=4)
        system = job.value_system
        for faults, wanted in ((Faults(), False), (Faults(violations=1.0), True)):
            found = [read_item(slot, item, system)[1] for slot, item in items_of(job, part, faults)]
            named = [
                [finding for finding in findings if finding.field.startswith(field)] for findings in found
            ]
            share = sum(map(bool, named)) / len(named)
            assert share == 1 if wanted else share < 0.4, (kind, named[:2])  # a noun may be a key word


def story(text: str, number: int = 1, action: str = "Sweep the stairs today") -> tuple[Slot, dict[str, Any]]:
    slot = Slot(
        f"justice/evaluation/{number}", "justice", "evaluation", ("en",), "g", {"topic": {"en": "a vs. b"}}
    )
    return slot, {"story": {"en": text}, "aligned": {"en": action}, "violating": {"en": f"Leave it {number}"}}


LONG = "I " + " ".join(f"word{number}" for number in range(43)) + "."


def test_rules_of_single_items_come_from_the_data_checks() -> None:
    system = load_value_system("chinese-social")
    assert not read_item(*story(LONG), system)[1]
    found = {
        kind_of(one)
        for one in read_item(*story(LONG.replace("word1 ", "justice ") + " more" * 20), system)[1]
    }
    assert found == {"story.en: has N words", "story.en: names the value"}
    slot, item = story(LONG)
    assert kind_of(read_item(slot, {**item, "aligned": {"en": "扫楼梯"}}, system)[1][0]).startswith(
        "aligned.en: is not English"
    )
    asked = Slot(slot.key, slot.value, "activation", slot.languages, "g", slot.fixed)
    assert [kind_of(one) for one in read_item(asked, item, system)[1]] == ["rationale.en: is missing"]
    topic = Slot("justice/topic/1", "justice", "topics", ("en",), "justice")
    assert [one.rule for one in read_item(topic, {"topic": {"en": "just fairness"}}, system)[1]] == [
        "does not name two things in conflict"
    ]


def test_repeats_are_refused_against_all_that_was_taken_and_in_order() -> None:
    system = load_value_system("chinese-social")

    def made(text: str, number: int) -> Written:
        return read_item(*story(text, number), system)[0]

    fresh = "I " + " ".join(f"other{number}" for number in range(43)) + "."
    taken, new = [made(LONG, 1)], [made(LONG, 2), made(fresh, 3), made(fresh.replace("other5 ", "cat "), 4)]
    refused = repeats(taken, new)
    assert list(refused) == ["justice/evaluation/2", "justice/evaluation/4"]
    assert "justice/evaluation/1 holds it" in refused["justice/evaluation/2"].fix
    assert not repeats([], [made(fresh, 3)])


def planned(count: int) -> WritingPlan:
    return WritingPlan(load_value_system("chinese-social"), ("justice",), ("en",), count, 0)


def test_sets_name_every_item_that_is_too_many() -> None:
    system = load_value_system("chinese-social")
    items = [
        read_item(
            *story("I came home " + " ".join(f"w{one}x{n}" for n in range(41)) + ".", one, f"Act {one}"),
            system,
        )[0]
        for one in range(1, 6)
    ]
    found = [(finding, item) for finding, item in set_findings(items, planned(20)) if item is not None]
    assert [(finding.field, item.slot.key) for finding, item in found] == [
        ("story.en", "justice/evaluation/4"),
        ("story.en", "justice/evaluation/5"),
    ]
    assert not [item for _, item in set_findings(items, planned(200)) if item is not None]


def test_pairs_whose_words_tell_the_sides_apart_are_turned_away_until_they_do_not() -> None:
    job = Job("contrast", values=("tradition",), per_value=40)
    system = job.value_system
    crossed = [read_item(slot, item, system)[0] for slot, item in items_of(job, "contrast")]
    assert not telling_pairs(crossed, 40, {one.slot.key for one in crossed})
    marked = [
        read_item(slot, {**item, "negative": item["negative"] + (" zither" if place < 12 else "")}, system)[0]
        for place, (slot, item) in enumerate(items_of(job, "contrast"))
    ]
    fresh = {one.slot.key for one in marked[6:]}
    gone = []
    while found := telling_pairs(marked, 40, fresh):
        ((finding, one),) = found
        gone.append(one.slot.key)
        assert "zither" in finding.value
        fresh.remove(one.slot.key)
        marked.remove(one)
    assert len(gone) == 6
    assert set(gone) == {slot.key for slot, _ in items_of(job, "contrast")[6:12]}


def test_a_bag_of_words_that_is_right_too_often_turns_pairs_away() -> None:
    job = Job("contrast", values=("tradition",), per_value=40)
    signs = ["amber", "cedar", "fennel", "hazel", "iris", "jasmine", "laurel", "maple"]
    marked = [
        read_item(slot, {**item, "negative": f"{item['negative']} {signs[place % 8]}"}, job.value_system)[0]
        for place, (slot, item) in enumerate(items_of(job, "contrast"))
    ]
    found = telling_pairs(marked, 40, {one.slot.key for one in marked})
    assert len(found) == 4
    assert all(finding.rule == "words tell the sides apart" for finding, _ in found)


def test_an_estimate_counts_calls_without_asking() -> None:
    rows = {one.part: one for one in estimate(Job("c-voice", values=("justice", "freedom"), per_value=40))}
    assert {name: (one.items, one.calls) for name, one in rows.items()} == {
        "topics": (4, 2),
        "activation": (80, 8),
        "evaluation": (80, 8),
    }
    assert all(one.input_tokens > 100 and one.output_tokens > 20 for one in rows.values())
    refined = estimate(Job("valueinsight", values=("conservation",), per_value=40, parts=("situations",)))
    assert [(one.items, one.calls) for one in refined] == [(40, 16)]


# ---------------------------------------------------------------- the papers' sizes


def test_the_papers_sizes_are_planned_whole_within_seconds() -> None:
    start = time.process_time()
    rows = {row.part: row for row in estimate(Job("valueinsight", paper_size=True))}
    assert time.process_time() - start < 20
    situations = rows["situations"]
    assert (rows["descriptions"].items, situations.items) == (640, 15_000)
    assert situations.calls == 2 * 4 * 3750 // 5
    assert set(situations.by_value.values()) == {3750}
    assert sum(situations.by_topic.values()) == sum(situations.by_atomic.values()) == 15_000
    assert len(situations.by_atomic) == 57
    c_voice = Job("c-voice", paper_size=True)
    assert [c_voice.count(part) * len(c_voice.values) for part in c_voice.chosen if part.paper] == [
        72_000,
        2400,
    ]
    with pytest.raises(WriteError, match="per_value is 40 beside paper_size"):
        Job("c-voice", paper_size=True, per_value=40)


@pytest.mark.parametrize("count", [40, 390, 3750])
def test_no_plan_of_situations_is_turned_away_by_its_own_limits(count: int) -> None:
    topics = tuple(f"topic {number}" for number in range(30))
    for subjects in ((), topics):
        job = Job(
            "valueinsight", values=("conservation",), parts=("situations",), per_value=count, topics=subjects
        )
        (part,), system = job.chosen, job.value_system
        items = [
            read_item(slot, {"question": f"w{slot.key} {place} begins it. What would you do?"}, system)[0]
            for place, slot in enumerate(slots_of(job, "situations"))
        ]
        assert len(items) == count
        assert not [found for found, item in set_findings(items, job.plan(part)) if item is not None]
        assert {slot.topic for slot in slots_of(job, "situations")} <= set(
            subjects or scene_lists()["topics"]
        )


def test_descriptions_are_asked_for_beside_the_curated_one_of_an_atomic_value() -> None:
    job = Job("valueinsight", values=("conservation",), parts=("descriptions",), per_value=80)
    slots = slots_of(job, "descriptions")
    atomics = job.value_system.lowest_below("conservation")
    for slot in slots:
        models = [exemplars()[atomic, slot.fixed["stance"]] for atomic in atomics]
        assert slot.brief["model"] in models
    assert len({slot.brief["model"] for slot in slots}) == 2 * len(atomics)
    prompt = render(job.chosen[0], tuple(slots[:2]), job.value_system, {})[2]
    assert slots[1].brief["model"] in prompt
    plain = slots_of(Job("valueinsight", per_value=4, exemplars=False), "descriptions")
    assert not any("model" in slot.brief for slot in plain)
    chinese = slots_of(Job("valueinsight", per_value=4, languages=("zh",)), "descriptions")
    assert not any("model" in slot.brief for slot in chinese)


def test_the_curated_descriptions_cover_every_atomic_value_and_pass_every_check() -> None:
    system = load_value_system("schwartz")
    assert set(exemplars()) == {
        (atomic, stance) for atomic in system.at_level("atomic") for stance in ("for", "against")
    }
    for (atomic, stance), text in exemplars().items():
        for dimension in system.groups(atomic):
            record = Description(atomic, dimension, stance=stance, description=text)
            assert not check_description(record, Place(f"{atomic}/{stance}"), system)
    assert not repeated_pairs(list(exemplars().values()))


def test_a_rationale_apart_is_a_second_turn_and_needs_stories() -> None:
    part = next(part for part in Job("c-voice", rationale_apart=True).chosen if part.name == "activation")
    assert part.fields == ("story", "aligned", "violating")
    assert part.second_turn.fields == ("rationale",)
    together, apart = (
        {
            row.part: row
            for row in estimate(Job("c-voice", values=("justice",), per_value=20, rationale_apart=chosen))
        }
        for chosen in (False, True)
    )
    assert apart["activation"].calls == 2 * together["activation"].calls
    assert apart["activation"].output_tokens == together["activation"].output_tokens
    assert apart["evaluation"] == together["evaluation"]
    with pytest.raises(WriteError, match="rationale_apart is about the part activation"):
        Job("questions", rationale_apart=True)
