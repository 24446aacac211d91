"""What plugins that lead to users elsewhere are told: whom a message concerns, and who wants to be reminded of one."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from chatserver.localized import Localized
from chatserver.model import MessagePosted


class Why(StrEnum):
    """Why a message concerns a user."""

    DIRECT = "direct"
    MENTION = "mention"
    REPLY = "reply"
    THREAD = "thread"  # which the user follows: a plugin knows of it, see `Context.concern`
    WORD = "word"
    WATCHED = "watched"
    REMINDER = "reminder"  # nobody but the user wanted it: see `Context.remind`


class Concerned(NamedTuple):
    """A message, and the users (ids) whom it concerns."""

    event: MessagePosted
    users: Mapping[str, Why]


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """A user (id) wanted to be told of a message (id) at a time, whether or not they have read it.

    `at` is that time (Unix time): with the same one it is the same reminder. `title` says what it is, such as
    `{"en": "Reminder", "ja": "リマインダー"}`, and `text` what the user has noted; it may be empty.
    """

    plugin: str
    user: str
    message: str
    at: float
    title: Localized
    text: str = ""


class ExpiredMessages(NamedTuple):
    """Messages (ids) of a room that it does not keep any longer; they are shown to nobody."""

    room: str
    messages: Sequence[str]
