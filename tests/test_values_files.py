"""A user's own value system: every mistake is named with its file, value, field and fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from valuescope.values import ValueSystemError, load_value_system

GOOD = """
id = "tiny"
names = { en = "Tiny system", de = "Kleines System" }
languages = ["en", "de"]
grouping = "ours"

[groupings.theirs]
inner = ["calm"]
outer = ["play"]

[[levels]]
id = "area"
names = { en = "Area", de = "Bereich" }
definitions = []

[[levels]]
id = "value"
names = { en = "Value", de = "Wert" }

[circle]
level = "value"
order = ["calm", "play"]

[[values]]
id = "inner"
level = "area"
names = { en = "Inner", de = "Innen" }

[[values]]
id = "outer"
level = "area"
names = { en = "Outer", de = "Außen" }

[[values]]
id = "calm"
level = "value"
parents = ["inner", "outer"]
names = { en = "Calm", de = "Ruhe" }
definition = { en = "Being still.", de = "Still sein." }
opposites = ["play"]

[[values]]
id = "play"
level = "value"
parents = ["outer"]
names = { en = "Play", de = "Spiel" }
definition = { en = "Having fun.", de = "Spaß haben." }
opposites = ["calm"]
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return load_value_system(path)


def test_the_good_file_loads(tmp_path: Path) -> None:
    system = load(tmp_path, GOOD)
    assert system.groups("calm") == ("inner", "outer")
    assert system.with_grouping("theirs").groups("calm") == ("inner",)
    assert system.children("inner") == ("calm",)


def test_a_flat_system_is_its_own_groups(tmp_path: Path) -> None:
    system = load(
        tmp_path,
        'id = "flat"\nnames.en = "Flat"\nlanguages = ["en"]\n[[levels]]\nid = "value"\nnames.en = "Value"\n'
        '[[values]]\nid = "a"\nlevel = "value"\nnames.en = "A"\ndefinition.en = "The first."\n',
    )
    assert system.groups("a") == ("a",)
    assert (system.circle, system.grouping, dict(system.groupings)) == ((), None, {})


# (what to replace in GOOD, by what, and what the message must hold)
MISTAKES = {
    "unknown key of the file": ('id = "tiny"', 'id = "tiny"\nlanguage = "en"', "field 'language': unknown key; did you mean 'languages'"),
    "unknown key of a value": ("definition = { en = \"Being", "definitions = { en = \"Being", "value 'calm', field 'definitions': unknown key; did you mean 'definition'"),
    "unknown key of a level": ("definitions = []", "texts = []", "field 'levels.0.texts': unknown key; known: id, names, definitions"),
    "unknown key of the circle": ('level = "value"\norder', 'levels = "value"\norder', "field 'circle.levels': unknown key; did you mean 'level'"),
    "missing definition": ('definition = { en = "Being still.", de = "Still sein." }', "", "value 'calm', field 'definition.en': is missing"),
    "missing language": ('definition = { en = "Being still.", de = "Still sein." }', 'definition = { en = "Being still." }', "value 'calm', field 'definition.de': is missing; write"),
    "missing name": ('names = { en = "Play", de = "Spiel" }', 'names = { en = "Play" }', "value 'play', field 'names.de': is missing"),
    "missing name of the system": (', de = "Kleines System"', "", "field 'names.de': is missing"),
    "missing name of a level": (', de = "Wert"', "", "field 'levels.value.names.de': is missing"),
    "undeclared language": ('en = "Play", ', 'en = "Play", fr = "Jeu", ', "value 'play', field 'names.fr': language 'fr' is not among"),
    "undeclared language of a level": ("definitions = []", 'definitions = ["fr"]', "field 'levels.area.definitions': language 'fr'"),
    "no languages": ('languages = ["en", "de"]', "languages = []", "field 'languages': is empty"),
    "repeated language": ('languages = ["en", "de"]', 'languages = ["en", "de", "en"]', "names 'en' more than once"),
    "duplicate value": ('id = "play"', 'id = "calm"', "value 'calm', field 'id': more than one value"),
    "duplicate level": ('id = "value"\nnames', 'id = "area"\nnames', "two levels have the id 'area'"),
    "duplicate parent": ('parents = ["outer"]', 'parents = ["outer", "outer"]', "value 'play', field 'parents': names 'outer' more than once"),
    "bad id": ('id = "play"', 'id = "Play Time"', "value 'Play Time', field 'id': must be lower-case"),
    "missing id": ('id = "play"\n', "", "value 'number 4', field 'id': is missing; add it"),
    "missing level field": ('id = "play"\nlevel = "value"\n', 'id = "play"\n', "value 'play', field 'level': is missing"),
    "unknown level": ('id = "play"\nlevel = "value"', 'id = "play"\nlevel = "values"', "value 'play', field 'level': unknown level 'values'; did you mean 'value'"),
    "empty level": ("[circle]", '[[levels]]\nid = "item"\nnames = { en = "I", de = "I" }\n[circle]', "no value is of level 'item'"),
    "unknown parent": ('parents = ["outer"]', 'parents = ["oter"]', "value 'play', field 'parents': no value 'oter'; did you mean 'outer'"),
    "missing parents": ('parents = ["outer"]\n', "", "value 'play', field 'parents': is missing; name at least one value of level 'area'"),
    "parent of the same level": ('parents = ["outer"]', 'parents = ["calm"]', "value 'play', field 'parents': 'calm' is of level 'value'; name a value of level 'area'"),
    "parents at the top": ('names = { en = "Inner"', 'parents = ["outer"]\nnames = { en = "Inner"', "value 'inner', field 'parents': 'area' is the top level"),
    "own parent": ('parents = ["outer"]', 'parents = ["play"]', "value 'play', field 'parents': 'play' leads back to 'play'"),
    "circle too short": ('order = ["calm", "play"]', 'order = ["calm"]', "value 'play', field 'circle.order': is missing from the circle"),
    "circle with a stranger": ('order = ["calm", "play"]', 'order = ["calm", "play", "inner"]', "value 'inner', field 'circle.order': is not a value of level 'value'"),
    "circle with a repetition": ('order = ["calm", "play"]', 'order = ["calm", "play", "calm"]', "value 'calm', field 'circle.order': stands on the circle more than once"),
    "circle of no level": ('level = "value"\norder', 'level = "vlue"\norder', "field 'circle.level': unknown level 'vlue'; did you mean 'value'"),
    "one-sided opposite": ('opposites = ["calm"]', "", "value 'calm', field 'opposites': 'play' does not name it back; add 'calm' to the opposites of 'play'"),
    "unknown opposite": ('opposites = ["calm"]', 'opposites = ["clam", "calm"]', "no value 'clam'; did you mean 'calm'"),
    "opposite of itself": ('opposites = ["calm"]', 'opposites = ["calm", "play"]', "value 'play', field 'opposites': names the value itself"),
    "opposite of another level": ('opposites = ["calm"]', 'opposites = ["calm", "inner"]', "value 'play', field 'opposites': 'inner' is of level 'area'"),
    "text that is a number": ('en = "Having fun."', "en = 7", "value 'play', field 'definition.en': must be a text in quotes"),
    "empty text": ('en = "Having fun."', 'en = "  "', "value 'play', field 'definition.en': is empty; write a text"),
    "parents as text": ('parents = ["outer"]', 'parents = "outer"', "value 'play', field 'parents': must be a list in brackets"),
    "names as text": ('names = { en = "Play", de = "Spiel" }', 'names = "Play"', "value 'play', field 'names': must be a table"),
    "flag as text": ('id = "play"', 'id = "play"\nin_paper = "no"', "value 'play', field 'in_paper': must be true or false"),
    "grouping unnamed": ('grouping = "ours"', "", "field 'grouping': is missing"),
    "grouping named twice": ('grouping = "ours"', 'grouping = "theirs"', "field 'groupings.theirs': is the one in the values' parents"),
    "grouping with a stranger": ('inner = ["calm"]', 'inner = ["clam", "calm"]', "value 'clam', field 'groupings.theirs.inner': is not of level 'value'; did you mean 'calm'"),
    "grouping without a value": ('outer = ["play"]', "outer = []", "value 'play', field 'groupings.theirs': stands in no group"),
    "grouping with an unknown group": ('outer = ["play"]', 'other = ["play"]', "field 'groupings.theirs': 'other' is not of level 'area'; did you mean 'outer'"),
    "not TOML": ('id = "tiny"', 'id = "tiny', "not valid TOML"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_every_mistake_is_named(tmp_path: Path, mistake: str) -> None:
    old, new, message = MISTAKES[mistake]
    assert GOOD.count(old) == 1, old
    with pytest.raises(ValueSystemError) as error:
        load(tmp_path, GOOD.replace(old, new))
    assert message in str(error.value)
    assert str(tmp_path / "tiny.toml") in str(error.value)


def test_bad_toml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(ValueSystemError, match=r"at line 4, column \d+"):
        load(tmp_path, GOOD.replace('["en", "de"]', '["en" "de"]'))


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(GOOD.encode("latin-1"))
    with pytest.raises(
        ValueSystemError, match=r"line 32: not UTF-8 \(found byte 0xdf\); save the file as UTF-8"
    ):
        load_value_system(path)


def test_a_longer_cycle_is_named_on_each_value(tmp_path: Path) -> None:
    text = GOOD.replace('parents = ["inner", "outer"]', 'parents = ["play"]')
    with pytest.raises(ValueSystemError) as error:
        load(tmp_path, text.replace('parents = ["outer"]', 'parents = ["calm"]'))
    assert "value 'calm', field 'parents': 'play' leads back to 'calm'" in str(error.value)
    assert "value 'play', field 'parents': 'calm' leads back to 'play'" in str(error.value)


def test_all_mistakes_come_in_one_error(tmp_path: Path) -> None:
    text = GOOD.replace('opposites = ["calm"]', "").replace('parents = ["outer"]', 'parents = ["oter"]')
    with pytest.raises(ValueSystemError, match="has 2 problems") as error:
        load(tmp_path, text)
    assert len(str(error.value).splitlines()) == 3


def test_a_file_without_values(tmp_path: Path) -> None:
    with pytest.raises(ValueSystemError) as error:
        load(tmp_path, GOOD[: GOOD.index("[[values]]")])
    assert "field 'values': is missing" in str(error.value)


def test_the_example_in_the_documentation_loads(tmp_path: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "value-systems.md"
    example, grouping = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    system = load(tmp_path, f'grouping = "ours"\n{example}{grouping}')
    assert system.with_grouping("theirs").groups("curiosity") == ("learning",)
    assert system.opposites("diligence") == ("curiosity",)
