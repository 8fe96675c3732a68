"""chat: talk to a model while turning its edits."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from valuescope.cli.command import command, option
from valuescope.cli.model_options import ChatOptions, ModelOptions
from valuescope.cli.terminal import aligned, printable

if TYPE_CHECKING:
    from rich.table import Table

    from valuescope.chat import Reply, Room


@command(
    "talk to a model and turn its edits while you do; the base model's answer beside it",
    "valuescope chat smollm2 --edit power.json:1.5 --compare",
)
def chat(
    model: ModelOptions,
    options: ChatOptions,
    edit: list[str] = option(
        [],
        "an edit, its name in the chat (default: the file's) and its strength (default 1: as it was saved)",
        "[NAME=]FILE[:STRENGTH]",
    ),
    compare: bool = option(False, "the base model answers too, with the same noise", "--compare"),
    max_new_tokens: int = option(256, "tokens of an answer"),
    temperature: float | None = option(None, "0 is greedy (default: the model's own, else 1)"),
    top_p: float | None = option(None, "(default: the model's own, else 1)"),
    seed: int = option(0, "of the noise"),
    force: bool = option(False, "use edits that were made for another model", "--force"),
) -> None:
    """`valuescope chat`."""
    from valuescope.chat import Room, Steering
    from valuescope.edit.named_edits import named_edits
    from valuescope.generate import Engine, Sampling

    edits = named_edits(edit)  # before the model, which takes longer
    loaded = options.on(model.load())
    steering = Steering(loaded, edits, force=force)
    settled = loaded.sampling.settled(loaded.identity.id, temperature, top_p)
    with Engine(loaded) as engine:
        room = Room(engine, steering, Sampling(max_new_tokens, *settled, seed))
        room.compare = compare
        print(
            f"{loaded.identity.id}: {steering.describe()}; temperature {settled[0]:g}, top_p {settled[1]:g}, seed {seed}"
        )
        print("/help lists the commands")
        _Terminal(room).talk()


class _Terminal:
    """Reads lines, from a person or a pipe, and shows what becomes of them."""

    def __init__(self, room: Room) -> None:
        self.room, self.person = room, sys.stdin.isatty()
        self._commands: dict[str, Callable[[str], None]] = {
            "edit": self._edit,
            "compare": self._compare,
            "system": self._system,
            "undo": self._undo,
            "new": self._new,
            "save": self._save,
            "help": self._help,
        }

    def talk(self) -> None:
        """Until the input ends. A person is told what went wrong and may go on; for a pipe it is the end."""
        from valuescope.chat import read_command

        for line in self._lines():
            try:
                read = read_command(line)
                if read is None:
                    self._ask(line.removeprefix("/") if line.startswith("//") else line)
                elif read[0] == "quit":
                    return
                else:
                    self._commands[read[0]](read[1])
            except (ValueError, RuntimeError, OSError) as error:
                if not self.person:
                    raise
                print(" ".join(str(error).split()))

    def _lines(self) -> Iterator[str]:
        if not self.person:
            for line in sys.stdin:
                if line.strip():
                    print(f"\n> {line.strip()}")
                    yield line.strip()
            return
        import readline  # noqa: F401 - gives `input` its history and its keys

        while True:
            try:
                line = input("\n> ").strip()
            except EOFError:
                return
            except KeyboardInterrupt:
                print("\n/quit leaves")
                continue
            if line:
                yield line

    def _ask(self, question: str) -> None:
        reply = self.room.ask(question)
        try:
            if not self.room.compare:
                self._stream(reply)
            elif sys.stdout.isatty():
                self._columns(reply)
            else:
                self._in_turn(reply)
        except KeyboardInterrupt:
            reply.cancel()
            print("\nstopped; the question is not kept")
            return
        if not self.room.keep(reply).finished:
            print(f"[cut at {self.room.sampling.max_new_tokens} tokens]")

    def _stream(self, reply: Reply) -> None:
        for _, piece in reply.pieces():
            print(printable(piece), end="", flush=True)
        print()

    def _in_turn(self, reply: Reply) -> None:
        texts = dict.fromkeys(reply.answers, "")
        for side, piece in reply.pieces():
            texts[side] += piece
        for side, text in texts.items():
            title = side if side == "base" else self.room.steering.describe()
            print(f"[{title}] {printable(text)}")

    def _columns(self, reply: Reply) -> None:
        from rich.console import Console
        from rich.live import Live

        texts = dict.fromkeys(reply.answers, "")
        with Live(console=Console(), refresh_per_second=8, vertical_overflow="visible") as live:
            for side, piece in reply.pieces():
                texts[side] += piece
                live.update(self._table(list(texts.values())))

    def _table(self, texts: list[str]) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(expand=True, box=None, padding=(0, 2, 0, 0))
        for title in ("base", self.room.steering.describe()):
            table.add_column(title, ratio=1, overflow="fold")
        table.add_row(*(Text(printable(text)) for text in texts))
        return table

    def _edit(self, words: str) -> None:
        from valuescope.chat import ConversationError
        from valuescope.edit.named_edits import read_strength

        name, _, strength = words.partition(" ")
        if words and not strength:
            raise ConversationError(f"/edit {words}: give a strength too, as in /edit {name} 1.5")
        if words:
            self.room.steering.set(name, read_strength(strength.strip(), f"/edit {name}"))
        for name, current in self.room.steering.strengths.items():
            print(f"{name} {current:g}: {self.room.steering.find(name).describe()}")
        if not self.room.steering.strengths:
            print("no edits: give some with --edit FILE")

    def _compare(self, words: str) -> None:
        from valuescope.chat import ConversationError

        if words not in ("", "on", "off"):
            raise ConversationError(f"/compare {words}: say on or off, or nothing to change it")
        self.room.compare = not self.room.compare if not words else words == "on"
        print("the base model answers too" if self.room.compare else "one answer to each question")

    def _system(self, words: str) -> None:
        self.room.begin(words)
        print("a new conversation" + (" under this system message" if words else ""))

    def _undo(self, words: str) -> None:
        print(f"taken back: {self.room.conversation.undo().question}")

    def _new(self, words: str) -> None:
        self.room.begin(self.room.conversation.system)
        print("a new conversation")

    def _save(self, words: str) -> None:
        print(f"saved {self.room.save(Path(words or 'chat.json').expanduser())}")

    def _help(self, words: str) -> None:
        from valuescope.chat import COMMANDS

        rows = [(f"/{known.name} {known.words}", known.about) for known in COMMANDS.values()]
        print("\n".join(aligned(rows)))
