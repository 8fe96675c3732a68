"""The studio's page in a browser: sliders change answers, answers stream, can be stopped, and nothing they say is run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
from studio_samples import longer, open_studio

pytest.importorskip("fastapi")
playwright = pytest.importorskip("playwright.sync_api")

from valuescope.studio.server import serve_page  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
QUESTION = "Should Mei rest on the sofa or climb the wild ridge?"
READY = "#send:not([disabled])"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pages = tmp_path_factory.mktemp("pages")
    (pages / "index.html").write_text("<h1>pages of neurons</h1>")
    with open_studio(pages) as studio:
        told = Queue[str]()
        shown = longer(studio, 100)
        threading.Thread(target=serve_page, args=(shown, 0, told.put), daemon=True).start()
        yield told.get(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    # Of refusals (400) the browser itself writes a line.
    page.on(
        "console",
        lambda message: (
            faults.append(message.text) if message.type == "error" and "400" not in message.text else None
        ),
    )
    page.goto(address)
    page.wait_for_selector("#sliders input")
    yield page
    page.close()
    assert faults == []


def ask(page: Any, question: str = QUESTION) -> dict[str, str]:
    """The answer of each side."""
    page.fill("#question", question)
    page.click("#send")
    page.wait_for_selector("#stop:not([disabled])", state="attached")
    page.wait_for_selector(READY, timeout=60_000)
    sides = page.locator(".turn").last.locator(".side")
    return {
        side.locator("b").inner_text(): side.locator("span").inner_text()
        for side in (sides.nth(number) for number in range(sides.count()))
    }


def set_slider(page: Any, name: str, strength: str) -> None:
    page.locator(f'#sliders input[data-name="{name}"]').fill(strength)


def test_sliders_change_the_answer_and_not_the_base(page: Any) -> None:
    set_slider(page, "power", "1.5")
    strong = ask(page)
    assert list(strong) == ["base", "power 1.5"]
    page.click("#undo")
    playwright.expect(page.locator("#question")).to_have_value(QUESTION)
    set_slider(page, "power", "0")
    off = ask(page)
    assert off["base"] == strong["base"]
    assert list(off) == ["base"]  # two sides of one name: nothing acts, so both are the base
    page.click("#undo")
    playwright.expect(page.locator("#question")).to_have_value(QUESTION)
    set_slider(page, "power", "2")
    stronger = ask(page)
    assert stronger["base"] == strong["base"]
    assert len({strong["power 1.5"], stronger["power 2"], strong["base"]}) == 3


def test_an_answer_can_be_stopped_and_is_not_kept(page: Any) -> None:
    page.fill("#question", QUESTION)
    page.click("#send")
    playwright.expect(page.locator(".side span").first).not_to_be_empty()  # it streams
    page.click("#stop")
    page.wait_for_selector(READY)
    assert "stopped; the question is not kept" in page.locator("#log").inner_text()
    page.click("#undo")
    playwright.expect(page.locator("#log")).to_contain_text("nothing to take back")


def test_two_tabs_do_not_disturb_each_other(page: Any, browser: Any, address: str) -> None:
    other = browser.new_page()
    other.goto(address)
    other.wait_for_selector("#sliders input")
    set_slider(other, "power", "2")
    page.fill("#question", QUESTION)
    page.click("#send")
    from_other = ask(other)
    page.wait_for_selector(READY, timeout=60_000)
    mine = page.locator(".turn .side span").nth(1).inner_text()
    assert mine != from_other["power 2"]
    page.click("#undo")
    playwright.expect(page.locator(".turn")).to_have_count(0)
    assert other.locator(".turn").count() == 1
    other.close()
    assert ask(page)["power 1"] == mine


def test_the_profile_is_measured_with_progress(page: Any) -> None:
    page.click("#tab-profile")
    page.click("#measure")
    page.wait_for_selector("#profile table", timeout=60_000)
    assert page.locator("#profile tbody tr").count() == 2
    assert "power 1" in page.locator("#progress-text").inner_text()


def test_a_cell_of_the_matrix_shows_its_numbers_and_answers(page: Any) -> None:
    page.click("#tab-leakage")
    cell = page.locator(".matrix button").nth(1)
    cell.click()
    page.wait_for_selector("#cell h3")
    assert cell.get_attribute("aria-pressed") == "true"
    assert "random neurons" in page.locator("#cell").inner_text()


def test_hostile_text_is_shown_and_not_run(page: Any) -> None:
    page.click("#tab-answers")
    page.wait_for_selector("#answers .turn")
    page.fill("#search", "onerror")
    playwright.expect(page.locator("#found")).to_have_text("1 questions")
    assert "<script>" in page.locator("#answers").inner_text()
    assert page.title() == "valuescope studio"
    assert page.locator("#answers img").count() == 0
    page.click("#tab-neurons")
    assert "pages of neurons" in page.frame_locator("#neurons iframe").locator("h1").inner_text()


def test_keys_move_between_rooms_and_nothing_is_wider_than_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 420, "height": 800})
    page.focus("#tab-talk")
    for room in ("profile", "leakage", "neurons", "answers", "talk"):
        page.keyboard.press("ArrowRight")
        assert page.locator(f"#tab-{room}").get_attribute("aria-selected") == "true"
        playwright.expect(page.locator(f"#room-{room}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 420
    labelled = (
        "[...document.querySelectorAll('input,textarea,select')].every(field => field.labels.length === 1)"
    )
    assert page.evaluate(labelled)
