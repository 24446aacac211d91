"""Finds passwords that are too easy to guess, offline; only new passwords are checked.

NIST SP 800-63B-3, 5.1.1.2: common values, repetitive and sequential characters, words of the context.
`common.txt` has the passwords tried first in attacks, one a line, sorted, in lower case. `breached.py` looks up
far more of them in a file of the operator.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from chatserver import ChatError
from chatserver_plugins.password.hashing import secret_bytes

Reason = Literal["short", "long", "common", "context", "simple", "breached"]

MIN_CHARACTERS = 8  # NIST SP 800-63B-3, 5.1.1.2
MAX_CHARACTERS = 256  # of four bytes each they fit what is hashed
TEXTS: dict[Reason, str] = {
    "short": "A password has at least {least} characters.",
    "long": "A password has at most {most} characters.",
    "common": "This password is one of the first to be guessed: choose another one.",
    "context": "This password is little more than your name or the server's: choose another one.",
    "simple": "This password is little more than a sequence or a repetition: choose another one.",
    "breached": "This password is known from a data breach: choose another one.",
}
DECORATION = 6  # characters around a common word, such as a year and a !, that do not help
FREE = 4  # least number of characters outside words and sequences
WORD = 3  # letters; shorter names occur in many good passwords
KEYBOARD = (
    "1234567890",
    "qwertyuiop",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "yxcvbnm",
)
_LEET = str.maketrans("0134578@$!+|", "oleastbasitl")


class Length(NamedTuple):
    """The bounds on the length of new passwords, in characters (code points after NFC)."""

    least: int = MIN_CHARACTERS
    most: int = MAX_CHARACTERS


DEFAULT = Length()


def check(password: str, words: Sequence[str] = (), length: Length = DEFAULT) -> None:
    """Raise `ChatError` request.invalid, with `detail.reason`, for a password that is too weak.

    `words` are names that an attacker would try: the user's, the server's.
    """
    reason = weakness(password, words, length)
    if reason is not None:
        raise refusal(reason, length)


def refusal(reason: Reason, length: Length = DEFAULT) -> ChatError:
    """The error for a reason."""
    detail: dict[str, object] = {"field": "password", "reason": reason}
    if reason == "short":
        detail["least"] = length.least
    return ChatError("request.invalid", TEXTS[reason].format(**length._asdict()), detail=detail)


def weakness(password: str, words: Sequence[str] = (), length: Length = DEFAULT) -> Reason | None:
    """The reason to refuse a password, or None."""
    if secret_bytes(password) is None:
        return "long"
    # A letter and its accent count once, whether the keyboard composes them or not.
    characters = len(unicodedata.normalize("NFC", password))
    if characters < length.least:
        return "short"
    if characters > length.most:
        return "long"
    folded = unicodedata.normalize("NFKC", password).casefold()
    if any(each in _common() for each in _cores(folded)):
        return "common"
    if _is_of_context(folded, words):
        return "context"
    return "simple" if _free(folded) < FREE else None


@cache
def _common() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("common.txt").read_text("ascii").split())


def _cores(folded: str) -> Iterator[str]:
    """The password without common additions to a word, and with common substitutions undone."""
    for text in (folded, _trimmed(folded, str.isalnum), _trimmed(folded, str.isalpha)):
        if text and len(folded) - len(text) <= DECORATION:
            half = text[: len(text) // 2]
            for core in (text, half) if half * 2 == text else (text,):
                yield core
                yield core.translate(_LEET)


def _trimmed(text: str, belongs: Callable[[str], bool]) -> str:
    inside = [index for index, char in enumerate(text) if belongs(char)]
    return text[inside[0] : inside[-1] + 1] if inside else ""


def _is_of_context(folded: str, words: Sequence[str]) -> bool:
    plain, rest = folded.translate(_LEET), folded
    for word in sorted({*_parts(words)}, key=len, reverse=True):
        for form in (word, word[::-1]):
            rest = rest.replace(form, "")
            plain = plain.replace(form.translate(_LEET), "")
    return len(rest) < FREE or len(plain) < FREE


def _parts(words: Sequence[str]) -> Iterator[str]:
    """The names, as a whole and word by word."""
    for name in words:
        folded = unicodedata.normalize("NFKC", name).casefold()
        letters = "".join(char if char.isalnum() else " " for char in folded)
        yield from (part for part in (folded, *letters.split()) if len(part) >= WORD)


def _free(folded: str) -> int:
    """Number of characters that are not predictable from the one before them."""
    return 1 + sum(not _follows(before, char) for before, char in pairwise(folded))


def _follows(before: str, char: str) -> bool:
    if abs(ord(char) - ord(before)) <= 1:
        return True
    pair = before + char
    return any(pair in row or pair[::-1] in row for row in KEYBOARD)
