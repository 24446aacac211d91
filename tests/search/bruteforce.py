"""A reference search that compares every text part by part.

Uses nothing of chatserver.search: no tokens, no regular expressions, no index.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

# First and last characters of scripts without spaces, as far as the tests use them, and of emoji.
UNSPACED = ("กฮ", "ะ๎", "々〇", "ぁん", "ァヺ", "ーヿ", "一鿿", "가힣")
EMOJI = ("\u2600\u27bf", "\U0001f000\U0001faff")


class Run(NamedTuple):
    """Characters in a row, of a script without spaces, wherever they stand; or an emoji."""

    text: str

    @property
    def typed(self) -> str:
        return self.text

    def is_in(self, text: str) -> bool:
        return folded(self.text) in folded(text)


class Words(NamedTuple):
    """A word, or several with one sign between any two; each of them as a whole."""

    words: Sequence[str]
    sign: str = "-"

    @property
    def typed(self) -> str:
        return self.sign.join(self.words)

    def is_in(self, text: str) -> bool:
        there, wanted = parts(text), [("word", folded(word)) for word in self.words]
        starts = (place for place, part in enumerate(there) if part == wanted[0])
        return any(_goes_on(there, start, wanted) for start in starts)


class Phrase(NamedTuple):
    """Words in this order, with nothing but spaces between them."""

    words: Sequence[str]

    @property
    def typed(self) -> str:
        return f'"{" ".join(self.words)}"'

    def is_in(self, text: str) -> bool:
        there = [part for part in parts(text) if part[0] != "space"]
        wanted = [("word", folded(word)) for word in self.words]
        return any(there[at : at + len(wanted)] == wanted for at in range(len(there)))


def _goes_on(there: Sequence[tuple[str, str]], at: int, wanted: Sequence[tuple[str, str]]) -> bool:
    for word in wanted[1:]:
        behind = at + 1
        while behind < len(there) and there[behind][0] in ("sign", "emoji"):
            behind += 1
        if behind == at + 1 or behind == len(there) or there[behind] != word:
            return False
        at = behind
    return True


def folded(text: str) -> str:
    for _ in range(3):
        text = unicodedata.normalize("NFKC", text).casefold()
        text = "".join(char for char in text if not _is_unseen(char))
    return "".join(chr(ord(char) - 0x60) if "ァ" <= char <= "ヶ" else char for char in text)


def parts(text: str) -> list[tuple[str, str]]:
    """The parts of a text, each with its kind: words, runs without spaces, and single signs, emoji and spaces."""
    found: list[tuple[str, str]] = []
    for kind, chars in groupby(folded(text), _kind):
        if kind in ("word", "unspaced"):
            found.append((kind, "".join(chars)))
        else:
            found += [(kind, char) for char in chars]
    return found


def _kind(char: str) -> str:
    if _is_of(UNSPACED, char):
        return "unspaced"
    if _is_of(EMOJI, char):
        return "emoji"
    if char.isspace():
        return "space"
    is_word = char.isalnum() or unicodedata.category(char).startswith("M")
    return "word" if is_word else "sign"


def _is_of(ranges: Iterable[str], char: str) -> bool:
    return any(first <= char <= last for first, last in ranges)


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f"
