"""What a line of a chat means: a question, or one of the commands that begin with a slash."""

from __future__ import annotations

from dataclasses import dataclass

from valuescope.chat.conversation import ConversationError


@dataclass(frozen=True)
class ChatCommand:
    """One command: its words after the name, as they are written in `/help`, and what it does."""

    name: str
    words: str
    about: str


COMMANDS = {
    command.name: command
    for command in (
        ChatCommand(
            "edit", "[NAME STRENGTH]", "set an edit's strength (0: off, 1: as saved); alone: show all"
        ),
        ChatCommand(
            "compare", "[on | off]", "answer with the base model too, beside the edited one, same noise"
        ),
        ChatCommand("system", "[TEXT]", "set the system message, and begin anew; alone: the model's own"),
        ChatCommand("undo", "", "take the last question and answer back"),
        ChatCommand("new", "", "begin anew"),
        ChatCommand("save", "FILE.json", "write the transcript"),
        ChatCommand("help", "", "this list"),
        ChatCommand("quit", "", "leave (so do Ctrl-D and the end of the input)"),
    )
}
"""All commands under their names."""


def read_command(line: str) -> tuple[str, str] | None:
    """The name and the words of a command, None for a question; `//` begins a question with a slash.

    Raises ConversationError for a command that there is not.
    """
    if not line.startswith("/") or line.startswith("//"):
        return None
    name, _, words = line[1:].strip().partition(" ")
    if name not in COMMANDS:
        raise ConversationError(
            f"there is no command /{name}; there are {', '.join(f'/{known}' for known in COMMANDS)}"
        )
    return name, words.strip()
