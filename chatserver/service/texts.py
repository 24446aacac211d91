"""Rules for texts: bodies, names of rooms, reactions.

Names of people: `names.py`.
"""

import re
import unicodedata
from collections.abc import Callable

from chatserver.errors import ChatError

# The pattern tests the @ before the character in front of it, so the engine looks only at the @s.
_MENTION = re.compile(r"@(?<![\w@.-]@)([\w](?:[\w.-]{0,30}[\w])?)")
# Marks of direction, and blanks of zero width. Joiners are not here: they are parts of words and emoji.
_INVISIBLE = frozenset(
    "\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_VISIBLE = re.compile("[^\\s\u200c\u200d\u2800\u3164]")
# One emoji (UTS 51): a flag, a keycap, or pictures that are joined, each with its modifiers.
_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f004\U0001f0cf\U0001f170-\U0001f19a\U0001f201-\U0001f251\U0001f300-\U0001faff]"
    "[\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"
)
_EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:\u200d{_PICTURE})*"
)
MENTIONS = 50  # looked up in one message


def clean_name(text: str | None) -> str:
    """A room's name, trimmed: 1 to 200 characters, none of which controls how others are shown."""
    name = " ".join((text or "").split())
    if not 1 <= len(name) <= 200 or any(map(_is_control, name)) or not _VISIBLE.search(name):
        raise ChatError(
            "request.invalid",
            "A name has 1 to 200 printable characters.",
            detail={"field": "name", "reason": "length"},
        )
    return name


def clean_topic(text: str) -> str:
    """A room's topic, trimmed: at most 1,000 characters."""
    topic = text.strip()
    if len(topic) > 1000:
        raise ChatError(
            "request.invalid",
            "A topic has at most 1,000 characters.",
            detail={"field": "topic", "reason": "length"},
        )
    return topic


def clean_description(text: str) -> str:
    """A room's description, trimmed: at most 4,000 characters."""
    description = text.strip()
    if len(description) > 4000:
        raise ChatError(
            "request.invalid",
            "A description has at most 4,000 characters.",
            detail={"field": "description", "reason": "length"},
        )
    return description


def clean_reason(text: str) -> str:
    """The reason of a ban, trimmed: at most 500 characters."""
    reason = text.strip()
    if len(reason) > 500:
        raise ChatError(
            "request.invalid",
            "A reason has at most 500 characters.",
            detail={"field": "reason", "reason": "length"},
        )
    return reason


def clean_section(text: str) -> str:
    """A heading in somebody's own list of rooms, trimmed: at most 50 characters of one line; empty for none."""
    return clean_line(text, 50, "section", "A section")


def clean_status_emoji(text: str) -> str:
    """The emoji of a status: one, or none. Letters would pass for a role or a part of the name beside it."""
    emoji = text.strip()
    if emoji and not (len(emoji) <= 32 and _EMOJI.fullmatch(emoji)):
        raise ChatError(
            "request.invalid",
            "A status has one emoji.",
            detail={"field": "emoji", "reason": "emoji"},
        )
    return emoji


def clean_status_text(text: str) -> str:
    """The text of a status, trimmed: at most 100 characters of one line; empty for none."""
    return clean_line(text, 100, "text", "A status")


def clean_line(text: str, most: int, field: str, what: str) -> str:
    """A text of one line, trimmed: at most `most` characters, none of which controls how others are shown.

    Empty for none. Raises `ChatError` request.invalid for the `field`, saying `what` it is, such as "A title".
    """
    line = " ".join(text.split())
    if len(line) > most or any(map(_is_control, line)) or (line and not _VISIBLE.search(line)):
        raise ChatError(
            "request.invalid",
            f"{what} has at most {most} printable characters.",
            detail={"field": field, "reason": "length"},
        )
    return line


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or char in _INVISIBLE


def check_body(body: str, limit: int) -> None:
    """Raise `ChatError` request.invalid for an empty body, limit.size for more than `limit` characters."""
    if not body.strip():
        raise ChatError(
            "request.invalid",
            "A message needs a text.",
            detail={"field": "body", "reason": "empty"},
        )
    if len(body) > limit:
        raise ChatError(
            "limit.size",
            f"A message has at most {limit} characters.",
            detail={"field": "body", "reason": "long", "most": limit},
        )


def check_emoji(emoji: str) -> None:
    """Raise `ChatError` request.invalid for a blank reaction, or one with control characters."""
    if not emoji.strip() or any(unicodedata.category(char) == "Cc" for char in emoji):
        raise ChatError(
            "request.invalid",
            "A reaction needs a printable text.",
            detail={"field": "emoji", "reason": "form"},
        )


def mentioned_names(body: str) -> list[str]:
    """The user names behind @ in a text, folded, at most MENTIONS."""
    if "@" not in body:
        return []
    names = (unicodedata.normalize("NFKC", name).casefold() for name in _MENTION.findall(body))
    return list(dict.fromkeys(names))[:MENTIONS]


def with_other_mentions(body: str, other: Callable[[str], str | None]) -> str:
    """The text with other names behind @: `other` gets each one, folded, and returns one, or None to leave it."""

    def replaced(found: re.Match[str]) -> str:
        name = other(unicodedata.normalize("NFKC", found[1]).casefold())
        return found[0] if name is None else f"@{name}"

    return _MENTION.sub(replaced, body)
