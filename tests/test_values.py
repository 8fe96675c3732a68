"""The built-in value systems and what can be asked of them."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from valuescope.values import ValueSystem, ValueSystemError, available_value_systems, load_value_system

CIRCLE = (
    "self-direction",
    "stimulation",
    "hedonism",
    "achievement",
    "power",
    "security",
    "conformity",
    "tradition",
    "benevolence",
    "universalism",
)


@pytest.fixture(scope="module")
def schwartz() -> ValueSystem:
    return load_value_system("schwartz")


@pytest.fixture(scope="module")
def chinese() -> ValueSystem:
    return load_value_system("chinese-social")


def test_available_systems_all_load() -> None:
    assert available_value_systems() == ("chinese-social", "schwartz")
    for name in available_value_systems():
        assert load_value_system(name).id == name


def test_schwartz_has_the_whole_tree(schwartz: ValueSystem) -> None:
    assert schwartz.levels == ("dimension", "value", "atomic")
    assert [len(schwartz.at_level(level)) for level in schwartz.levels] == [4, 10, 57]
    assert len(schwartz) == 71
    assert schwartz.circle == CIRCLE == schwartz.at_level("value")
    sizes = {value: len(schwartz.children(value)) for value in CIRCLE}
    assert list(sizes.values()) == [6, 3, 3, 6, 5, 7, 4, 5, 9, 9]


def test_schwartz_names_the_seven_values_that_the_paper_lists_not(schwartz: ValueSystem) -> None:
    absent = {value.id: value.parents for value in schwartz if not value.in_paper}
    assert absent == {
        "inner-harmony": ("universalism",),
        "spiritual-life": ("benevolence",),
        "meaning-in-life": ("benevolence",),
        "self-respect": ("achievement",),
        "privacy": ("self-direction",),
        "accepting-portion-in-life": ("tradition",),
        "self-indulgence": ("hedonism",),
    }
    assert "self-direction" in schwartz["self-respect"].note


def test_hedonism_and_its_atomic_values_stand_under_two_dimensions(schwartz: ValueSystem) -> None:
    both = ("openness-to-change", "self-enhancement")
    assert schwartz.parents("hedonism") == both
    assert schwartz.groups("hedonism") == both == schwartz.groups("pleasure")
    assert all(len(schwartz.groups(value)) == 1 for value in CIRCLE if value != "hedonism")
    assert schwartz.groups("conservation") == ("conservation",)
    assert schwartz.children("self-enhancement") == ("hedonism", "achievement", "power")


def test_schwartz_opposites(schwartz: ValueSystem) -> None:
    assert schwartz.opposites("openness-to-change") == ("conservation",)
    assert schwartz.opposites("self-enhancement") == ("self-transcendence",)
    assert schwartz.opposites("stimulation") == ("security", "conformity", "tradition")
    assert schwartz.opposites("power") == ("benevolence", "universalism")
    assert schwartz.opposites("creativity") == ()


def test_distance_is_the_shorter_way_round(schwartz: ValueSystem) -> None:
    assert schwartz.distance("power", "power") == 0
    assert schwartz.distance("self-direction", "universalism") == 1
    assert schwartz.distance("self-direction", "security") == 5
    assert schwartz.distance("stimulation", "benevolence") == 3
    for a in CIRCLE:
        steps = sorted(schwartz.distance(a, b) for b in CIRCLE)
        assert steps == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
        assert all(schwartz.distance(a, b) == schwartz.distance(b, a) for b in CIRCLE)


def test_chinese_social_follows_the_paper_and_knows_the_official_grouping(chinese: ValueSystem) -> None:
    assert [len(chinese.at_level(level)) for level in chinese.levels] == [3, 12]
    assert chinese.grouping == "paper"
    assert chinese.children("national") == ("prosperity", "democracy", "justice", "rule-of-law")
    assert chinese.children("society") == ("civility", "harmony", "freedom", "equality")
    official = chinese.with_grouping("official")
    assert set(official.children("national")) == {"prosperity", "democracy", "civility", "harmony"}
    assert set(official.children("society")) == {"freedom", "equality", "justice", "rule-of-law"}
    assert official.children("personal") == chinese.children("personal")
    assert official.groups("justice") == ("society",)
    assert chinese.groups("justice") == ("national",)
    assert official.with_grouping("paper") == chinese
    assert chinese.names["zh"] == "社会主义核心价值观"
    assert [chinese[value].names["zh"] for value in chinese.children("personal")] == [
        "爱国",
        "敬业",
        "诚信",
        "友善",
    ]


@pytest.mark.parametrize("name", ["schwartz", "chinese-social"])
def test_texts_are_complete_and_distinct(name: str) -> None:
    system = load_value_system(name)
    for language in ("en", "zh"):
        defined = [value.definition[language] for value in system if language in value.definition]
        assert len(set(defined)) == len(defined)
        for level in system.levels:
            names = [system[value].names[language] for value in system.at_level(level)]
            assert len(set(names)) == len(names)
    for value in system:
        assert value.level == "atomic" or set(value.definition) == {"en", "zh"}
        chinese = value.definition.get("zh", "")
        assert not set(chinese) & set(",.:;()"), f"{value.id}: half-width punctuation in Chinese"
        assert all(ord(character) < 128 for character in value.definition["en"])


def test_a_user_file_gives_what_the_built_in_gives(tmp_path, schwartz: ValueSystem) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + (files("valuescope.values") / "schwartz.toml").read_bytes())
    assert load_value_system(path) == schwartz
    assert load_value_system(str(path)) == schwartz


def test_a_system_is_json_and_hashable_and_cannot_be_changed(schwartz: ValueSystem) -> None:
    plain = json.loads(json.dumps(schwartz.to_dict()))
    assert plain["levels"]["atomic"]["en"] == "Atomic value"
    assert plain["values"][6]["id"] == "hedonism"
    assert hash(schwartz) == hash(load_value_system("schwartz"))
    with pytest.raises(TypeError):
        schwartz.values["power"] = schwartz["power"]
    with pytest.raises(TypeError):
        schwartz["power"].names["en"] = "Weakness"


def test_unknown_names_are_answered_with_the_known_ones(schwartz: ValueSystem, chinese: ValueSystem) -> None:
    with pytest.raises(ValueSystemError, match="no value 'benevolance'; did you mean 'benevolence'"):
        schwartz["benevolance"]
    with pytest.raises(ValueSystemError, match="no level 'group'; known: dimension, value, atomic"):
        schwartz.at_level("group")
    with pytest.raises(ValueSystemError, match="'pleasure' is not on the circle"):
        schwartz.distance("power", "pleasure")
    with pytest.raises(ValueSystemError, match="the system has none"):
        chinese.distance("justice", "equality")
    with pytest.raises(ValueSystemError, match="no grouping 'offical'; did you mean 'official'"):
        chinese.with_grouping("offical")
    with pytest.raises(ValueSystemError, match="no grouping 'x'; there is none"):
        schwartz.with_grouping("x")
    with pytest.raises(
        ValueSystemError, match=r"neither built in nor a file; give one of chinese-social, schwartz"
    ):
        load_value_system("schwarz")
    assert "power" in schwartz
    assert "nothing" not in schwartz
