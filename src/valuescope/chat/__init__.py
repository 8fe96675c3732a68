"""A conversation with a model under edits whose strengths can be set while it goes on."""

from valuescope.chat.commands import COMMANDS, ChatCommand, read_command
from valuescope.chat.conversation import Conversation, ConversationError, Exchange
from valuescope.chat.room import Reply, Room, Side
from valuescope.chat.steering import Steering

__all__ = [
    "COMMANDS",
    "ChatCommand",
    "Conversation",
    "ConversationError",
    "Exchange",
    "Reply",
    "Room",
    "Side",
    "Steering",
    "read_command",
]
