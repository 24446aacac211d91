"""What texts from people must look like: bodies, names, reactions; and ids that the server makes."""

import re
import secrets
import time
import unicodedata

from chatserver.errors import ChatError

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_USERNAME = re.compile(r"[\w](?:[\w.-]{0,30}[\w])?")
# The @ first, what stands before it second: so the engine looks at the @s alone.
_MENTION = re.compile(r"@(?<![\w@.-]@)([\w](?:[\w.-]{0,30}[\w])?)")
MENTIONS = 50  # looked up in one message


def new_id() -> str:
    """20 characters: milliseconds since 1970 and 52 random bits, so that ids sort by age."""
    number = (time.time_ns() // 1_000_000) << 52 | secrets.randbits(52)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(95, -1, -5))


def clean_username(text: str) -> str:
    """The name as it is kept: NFKC, case folded. Raises `ChatError` request.invalid."""
    name = unicodedata.normalize("NFKC", text).strip().casefold()
    if not _USERNAME.fullmatch(name):
        raise ChatError(
            "request.invalid",
            "A user name has 1 to 32 letters, digits, dots, dashes or underscores.",
        )
    return name


def clean_name(text: str | None, fallback: str | None = None) -> str:
    """A display name or a room's name: trimmed, no control characters, 1 to 200 characters."""
    name = " ".join((text or "").split()) or (fallback or "")
    if not name or len(name) > 200 or any(unicodedata.category(char) == "Cc" for char in name):
        raise ChatError("request.invalid", "A name has 1 to 200 printable characters.")
    return name


def check_body(body: str, limit: int) -> None:
    """Raise `ChatError` request.invalid for an empty body, limit.size for more than `limit` characters."""
    if not body.strip():
        raise ChatError("request.invalid", "A message needs a text.")
    if len(body) > limit:
        raise ChatError("limit.size", f"A message has at most {limit} characters.")


def check_emoji(emoji: str) -> None:
    """Raise `ChatError` request.invalid for a blank reaction, or one with control characters."""
    if not emoji.strip() or any(unicodedata.category(char) == "Cc" for char in emoji):
        raise ChatError("request.invalid", "A reaction needs a printable text.")


def mentioned_names(body: str) -> list[str]:
    """The user names behind @ in a text, folded, at most MENTIONS."""
    if "@" not in body:
        return []
    names = (unicodedata.normalize("NFKC", name).casefold() for name in _MENTION.findall(body))
    return list(dict.fromkeys(names))[:MENTIONS]
