"""An OpenAI-compatible server that writes valid items for the writers' prompts, and fails as real services do.

What it writes, and whether that is malformed or breaks a rule, follows from the prompt alone. Whether it answers at all
depends on how often the prompt was asked: the first time some get status 500 or 429, and some get nothing for a while.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NOUNS = [
    "ladder",
    "kettle",
    "harbour",
    "sister",
    "cousin",
    "ticket",
    "garden",
    "engine",
    "basket",
    "window",
    "uncle",
    "bridge",
    "letter",
    "market",
    "blanket",
    "lantern",
    "carpet",
    "river",
    "drawer",
    "barrel",
    "pillow",
    "saddle",
    "tunnel",
    "violin",
    "helmet",
    "bakery",
    "cellar",
    "meadow",
    "timber",
    "wagon",
    "anchor",
    "orchard",
    "bucket",
    "chimney",
    "pebble",
    "ribbon",
    "scarf",
    "shovel",
    "spoon",
    "stable",
    "tailor",
    "teapot",
    "thimble",
    "towel",
    "valley",
    "vessel",
    "walnut",
    "whistle",
    "zipper",
    "apron",
    "beetle",
    "biscuit",
    "bonnet",
    "button",
    "cabin",
    "candle",
    "canvas",
    "carrot",
    "castle",
    "cherry",
    "clover",
    "coat",
    "comet",
    "copper",
    "cradle",
    "curtain",
    "daisy",
    "desk",
    "donkey",
    "dragonfly",
    "duck",
    "easel",
    "elbow",
    "fence",
    "fiddle",
    "flute",
    "fork",
    "fountain",
    "frost",
    "gate",
    "glove",
    "goose",
    "grain",
]
VERBS = [
    "carry",
    "mend",
    "paint",
    "borrow",
    "fold",
    "lift",
    "measure",
    "wash",
    "pack",
    "water",
    "polish",
    "stack",
    "count",
    "sort",
    "deliver",
    "gather",
    "hang",
    "weigh",
    "stir",
    "sweep",
    "thread",
    "trim",
    "unload",
    "wrap",
    "bake",
    "boil",
    "brush",
    "chop",
    "dig",
    "dust",
    "fetch",
    "file",
    "glue",
    "grease",
    "grind",
    "hammer",
    "hem",
    "iron",
    "knead",
    "label",
    "load",
    "oil",
    "patch",
    "peel",
    "pickle",
    "plant",
    "pour",
    "press",
    "prune",
    "rake",
    "rinse",
    "roast",
    "roll",
    "sand",
    "scrub",
    "seal",
    "sew",
    "shake",
    "sharpen",
]
HAN = (
    "桥河树鞋碗窗门灯车票书信花草鱼鸟猫狗雨雪风云山石田米面茶盐油糖瓜豆葱蒜锅盆桶篮筐绳布针线纸笔墨砚琴鼓钟表床椅桌柜箱"
    "伞帽衣裤袜巾被枕席帘砖瓦梯墙井泥沙船桨网钩帆港湾岛滩村镇街巷店铺摊站台厅院园棚圈槽仓炉灶烟火柴炭煤铁铜锡银锯锤钉刨"
)


@dataclass
class Faults:
    """Shares of prompts: answered with an error or not for `hang` seconds at first, with broken JSON, and of items that
    break a rule or repeat a fixed text."""

    errors: float = 0.0
    malformed: float = 0.0
    hangs: float = 0.0
    violations: float = 0.0
    repeats: float = 0.0
    hang: float = 8.0
    delay: float = 0.0
    refuse_all: bool = False


@dataclass
class Log:
    """What the server saw. `answered`: times that each prompt got a whole answer, by the prompt's text."""

    requests: int = 0
    errors: int = 0
    hangs: int = 0
    malformed: int = 0
    violations: int = 0
    repeats: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    lock: Any = field(default_factory=threading.Lock)


class Server(ThreadingHTTPServer):
    """One server with its own faults and log; every request has a thread."""

    daemon_threads = True

    def __init__(self, faults: Faults) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults, self.log = faults, Log()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed while it waited is no news."""


@contextmanager
def serving(faults: Faults | None = None) -> Iterator[Server]:
    server = Server(faults or Faults())
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt, log, faults = body["messages"][-1]["content"], self.server.log, self.server.faults
        lot = random.Random(f"fate {prompt}").random()
        with log.lock:
            log.requests += 1
            log.bodies.append(body)
            log.asked[prompt] += 1
            first = log.asked[prompt] == 1
            failing = faults.refuse_all or (first and lot < faults.errors)
            hanging = not failing and first and lot < faults.errors + faults.hangs
            log.errors += failing
            log.hangs += hanging
        if failing:
            limited = int(lot * 1e6) % 2
            self._send(429 if limited else 500, {"error": {"message": "busy", "type": "server_error"}})
            return
        if hanging:
            time.sleep(faults.hang)
        time.sleep(faults.delay)
        text = self._write(prompt)
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        usage["total_tokens"] = sum(usage.values())
        message = {"role": "assistant", "content": text}
        content = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "writer",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        if self._send(200, content):
            with log.lock:
                log.answered[prompt] += 1

    def _write(self, prompt: str) -> str:
        faults, log = self.server.faults, self.server.log
        repair = re.search(r"entries of these numbers only: ([\d, ]+)\.", prompt)
        entries, counts = written(prompt, faults)
        if repair:
            numbers = {int(number) for number in repair[1].split(",")}
            entries = [entry for entry in entries if entry["number"] in numbers]
        text = json.dumps({"items": entries}, ensure_ascii=False)
        broken = not repair and random.Random(f"json {prompt}").random() < faults.malformed
        with log.lock:
            log.malformed += broken
            log.violations += counts["violations"]
            log.repeats += counts["repeats"]
        return text[: len(text) * 2 // 3] if broken else f"Here you are:\n```json\n{text}\n```"

    def _send(self, status: int, content: Any) -> bool:
        sent = json.dumps(content).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)
            self.wfile.flush()
        except OSError:
            return False
        return True

    def log_message(self, format: str, *args: Any) -> None:
        pass


def written(prompt: str, faults: Faults) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The entries that a prompt asks for, and how many of them break a rule or repeat a fixed text."""
    shape = json.loads(re.findall(r"^\{.*\}$", prompt, re.MULTILINE)[-1])["items"][0]
    asked = prompt.split("The items to write:" if "The items to write:" in prompt else "The drafts:")[1]
    counts = Counter[str]()
    entries = []
    for number in re.findall(r"^(\d+)\. ", asked, re.MULTILINE):
        rng = random.Random(f"{prompt}|{number}")
        fate = rng.random()
        bad = fate < faults.violations
        if faults.violations <= fate < faults.violations + faults.repeats and "story" in shape:
            rng = random.Random("the same story every time")
            counts["repeats"] += 1
        counts["violations"] += bad
        entry: dict[str, Any] = {"number": int(number)}
        if "positive" in shape:
            question, language = (
                " pairs of questions" in prompt,
                "zh" if "Language: Chinese" in prompt else "en",
            )
            entry |= _pair(rng, question, language, bad)
        for name in set(shape) - {"number", "positive", "negative"}:
            form = shape[name]
            entry[name] = (
                {language: _text(name, language, rng, prompt, bad) for language in sorted(form)}
                if isinstance(form, dict)
                else _text(name, "zh" if "Language: Chinese" in prompt else "en", rng, prompt, bad)
            )
        entries.append(entry)
    return entries, counts


def _phrase(rng: random.Random) -> str:
    return f"{rng.choice(VERBS)} the {rng.choice(NOUNS)} near the {rng.choice(NOUNS)}"


def _words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choice((*NOUNS, *VERBS)) for _ in range(count))


def _text(name: str, language: str, rng: random.Random, prompt: str, bad: bool) -> str:
    if language == "zh":
        size = {"story": 80, "rationale": 50, "description": 70, "question": 40, "topic": 4}.get(name, 8)
        size = 130 if "100 to 180" in prompt else size
        short = bad and name in ("story", "question", "description")
        drawn = "".join(rng.choice(HAN) for _ in range(size // 8 if short else size))
        form = {
            "story": "我{}。",
            "topic": "{}与种地",
            "description": "你{}。",
            "question": "{}，你会怎么做？",
        }
        return form.get(name, "{}").format(drawn)
    match name:
        case "story":
            return f"I {_words(rng, 20 if bad else 43)}."
        case "aligned" | "violating":
            return _phrase(rng).capitalize()
        case "topic":
            return f"{_words(rng, 2)}{' and ' if bad else ' vs. '}{_words(rng, 2)}"
        case "rationale":
            return f"It matters here: {_words(rng, 25)}."
        case "description":
            return f"You {_words(rng, 20 if bad else 65)}."
        case _ if "situations" in prompt:
            return f"You {_words(rng, 30 if bad else 120)}. What would you do?"
        case _:
            return f"{_words(rng, 3 if bad else 25).capitalize()}?"


def _pair(rng: random.Random, question: bool, language: str, bad: bool) -> dict[str, str]:
    """Two sides of the same words in another order; a bad one begins otherwise on one side."""
    names = HAN if language == "zh" else NOUNS
    words = [rng.choice(names) for _ in range(18)]
    start, between = ("我" if language == "zh" else "I "), "" if language == "zh" else " "
    end = {("en", False): ".", ("en", True): "?", ("zh", False): "。", ("zh", True): "？"}[language, question]
    first, rest = words[:4], words[4:]
    sides = [f"{start}{between.join([*first, *order])}{end}" for order in (rest, rest[::-1])]
    return {"positive": sides[0], "negative": f"Rather {sides[1]}" if bad else sides[1]}


if __name__ == "__main__":
    with serving(Faults(errors=0.1, malformed=0.1, hangs=0.03, violations=0.05, repeats=0.03)) as running:
        print(running.url, flush=True)
        threading.Event().wait()
