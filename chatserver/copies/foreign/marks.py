"""Marks of chats that mention people by their user names."""

import re

from chatserver.copies.foreign.people import People
from chatserver.formatting import emoji

_MENTION = re.compile(r"(?<![\w@.-])@([\w](?:[\w.-]{0,62}[\w])?)")
_PICTURE = re.compile(r"!(\[[^\]\n]*\]\()")
_EVERYBODY = {"all": "@room", "channel": "@room", "everyone": "@room", "here": "@here"}


def named_marks(text: str, people: People) -> str:
    """Mentions by the user names of the source, emoji by name, and pictures as links; a text without code."""

    def mentioned(match: re.Match[str]) -> str:
        name = match[1].casefold()
        return _EVERYBODY.get(name) or f"@{people.ours(name) or match[1]}"

    return emoji.replaced(_PICTURE.sub(r"\1", _MENTION.sub(mentioned, text)))
