"""Look at a page as a person would: headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
SHOWN_WITHIN = 90.0  # seconds until a page shows what it is expected to; long, for busy machines
SIZE = (1500, 900)


class PageError(RuntimeError):
    """A page that does not show what it should."""


def chromium() -> str | None:
    """The path of a Chromium, where there is one."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


def screenshot(url: str, out: Path, expected: Sequence[str]) -> str:
    """Open `url`, wait until all `expected` texts are on the page, write a picture; the page's text.

    Raises:
        PageError: where there is no Chromium or a text does not appear.
    """
    browser = chromium()
    if browser is None:
        raise PageError(f"no Chromium: none of {', '.join(CHROMIUMS)} is on the path")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]
        command += [f"--user-data-dir={folder}", f"--window-size={SIZE[0]},{SIZE[1]}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return asyncio.run(_look(Path(folder), url, out, tuple(expected)))
        finally:
            process.terminate()
            process.wait(20)


async def _look(folder: Path, url: str, out: Path, expected: tuple[str, ...]) -> str:
    port = (await _port(folder)).split()[0]
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [page for page in await answer.json() if page["type"] == "page"]
        async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
            await _command(socket, "Page.navigate", url=url)
            text = await _wait_for(socket, expected)
            picture = await _command(socket, "Page.captureScreenshot", format="png")
    out.write_bytes(base64.b64decode(picture["data"]))
    return text


async def _port(folder: Path) -> str:
    written = folder / "DevToolsActivePort"
    end = time.monotonic() + SHOWN_WITHIN
    while time.monotonic() < end:
        if written.exists() and (text := written.read_text(encoding="utf-8")).strip():
            return text
        await asyncio.sleep(0.1)
    raise PageError(f"Chromium did not start within {SHOWN_WITHIN:.0f} s")


async def _wait_for(socket: aiohttp.ClientWebSocketResponse, expected: tuple[str, ...]) -> str:
    end = time.monotonic() + SHOWN_WITHIN
    while True:
        text = str(await _evaluate(socket, "document.body ? document.body.innerText : ''"))
        missing = [one for one in expected if one.lower() not in text.lower()]
        if not missing:
            return text
        if time.monotonic() > end:
            raise PageError(f"the page does not show {missing}; it shows: {text[:1000]!r}")
        await asyncio.sleep(0.5)


async def _evaluate(socket: aiohttp.ClientWebSocketResponse, script: str) -> Any:
    answer = await _command(socket, "Runtime.evaluate", expression=script, returnByValue=True)
    return answer["result"].get("value", "")


async def _command(socket: aiohttp.ClientWebSocketResponse, method: str, **parameters: Any) -> dict[str, Any]:
    await socket.send_json({"id": 1, "method": method, "params": parameters})
    while True:  # events that nobody asked for come in between
        answer = await socket.receive_json(timeout=60)
        if answer.get("id") == 1:
            if "error" in answer:
                raise PageError(f"{method}: {answer['error']}")
            return dict(answer["result"])
