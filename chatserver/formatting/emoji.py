"""Emoji by the names that other chats have for them (catalogue.py), else by those of Unicode."""

import re
import unicodedata

from chatserver.errors import ChatError
from chatserver.formatting.catalogue import emoji_names
from chatserver.service.texts import clean_status_emoji

NAME_CHARS = 30  # with its colons a name has the 32 characters of a reaction
_TONES = {f"skin-tone-{number}": chr(0x1F3FB + number - 2) for number in range(2, 7)}
_CODE = re.compile(r"(?<![\w:/]):([A-Za-z0-9_+'-]{1,60})(?:::(skin-tone-[2-6]))?:(?![\w/])")
_SKIN = re.compile(
    "[\U0001f466-\U0001f487\U0001f44a-\U0001f450\U0001f590-\U0001f64f\U0001f90c-\U0001f91f☝✊-✍]"
)

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAMES = {name: f"{number}\ufe0f\u20e3" for number, name in enumerate(_NUMBERS)}
_NAMES |= {
    f"flag-{a}{b}": chr(0x1F1E6 + ord(a) - 97) + chr(0x1F1E6 + ord(b) - 97)
    for a in "abcdefghijklmnopqrstuvwxyz"
    for b in "abcdefghijklmnopqrstuvwxyz"
}
_BEHIND = ("", " FACE", " SIGN", " SYMBOL")


def character(name: str) -> str | None:
    """The emoji of a name without colons, such as `thumbsup` or `wave::skin-tone-3`; None if none is known."""
    base, _, tone = name.strip(":").casefold().partition("::")
    found = emoji_names().get(base) or _NAMES.get(base) or _of_unicode(base)
    if found is None or tone not in _TONES or not _SKIN.match(found):
        return found
    return found.rstrip("\ufe0f") + _TONES[tone]


def reaction(name: str) -> str:
    """The text of a reaction of this name: the emoji, or `:name:`."""
    return character(name) or f":{name.strip(':').partition('::')[0][:NAME_CHARS].casefold()}:"


def of_code(code: str) -> str | None:
    """The emoji of code points in hexadecimal, such as `1f1ef-1f1f5`."""
    try:
        return "".join(chr(int(each, 16)) for each in code.split("-"))
    except (ValueError, OverflowError):
        return None


def replaced(text: str) -> str:
    """A text with the emoji whose names stand between colons in it; unknown names stay."""

    def one(match: re.Match[str]) -> str:
        found = character(f"{match[1]}::{match[2]}" if match[2] else match[1])
        return found or match[0]

    return _CODE.sub(one, text) if ":" in text else text


def _of_unicode(name: str) -> str | None:
    words = name.replace("_", " ").replace("-", " ").upper()
    for behind in _BEHIND:
        try:
            return clean_status_emoji(unicodedata.lookup(words + behind)) or None
        except (KeyError, ChatError):
            """No character has this name, or it is none that is shown as a picture."""
    return None
