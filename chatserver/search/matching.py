"""Tests whether a text contains a query's terms, in time linear in the length of the text.

Users write both the query and the text, so nothing here backtracks. The text is rewritten once for each
kind of term; then a term matches if and only if one string contains another.
"""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from chatserver.search.analyser import MARKS, UNSPACED, WORD

# No text contains a lone surrogate. EDGE marks where words begin and end, SIGN replaces signs.
_EDGE, _SIGN = "\ud800", "\udc00"

# Signs join the parts of don't or chat-server. Marks are not signs: they are part of a word.
SIGNS = re.compile(rf"(?:[^\w\s{MARKS}{UNSPACED}]|_)+")
_SIGNS_BUT_UNDERLINE = re.compile(rf"[^\w\s{MARKS}{UNSPACED}]+")  # twice as fast as SIGNS
_WORDS = re.compile(f"({WORD})")
_ASCII_SIGNS, _ASCII_WORDS = re.compile(r"[^a-z0-9\s]+"), re.compile("([a-z0-9]+)")
_SPACES = re.compile(r"\s+")
_UNSPACED = re.compile(f"[{UNSPACED}]")


class Form(Enum):
    """Form of a text in which one kind of term is looked for."""

    PLAIN = "plain"  # folded, otherwise unchanged
    WORDS = "words"  # the edges of words are marked, and consecutive signs are one
    SPACED = "spaced"  # the edges of words are marked, and consecutive spaces are one


class FoldedText:
    """A text returned by `analyser.analysed`, in the forms in which terms are looked for."""

    def __init__(self, folded: str) -> None:
        self.plain = folded

    @cached_property
    def words(self) -> str:
        if self.plain.isascii():
            return _EDGE.join(_ASCII_WORDS.split(_ASCII_SIGNS.sub(_SIGN, self.plain)))
        signs = _SIGNS_BUT_UNDERLINE.sub(_SIGN, self.plain.replace("_", "-"))
        return _EDGE.join(_WORDS.split(signs))

    @cached_property
    def spaced(self) -> str:
        return _spaced(self.plain)

    def form(self, form: Form) -> str:
        match form:
            case Form.PLAIN:
                return self.plain
            case Form.WORDS:
                return self.words
            case Form.SPACED:
                return self.spaced


class Term(NamedTuple):
    """A word, phrase or other string that the text must contain.

    The index finds candidates by `tokens`; `needle` decides. If bit n of `optional` is set, the n-th
    character of `needle` may be missing.
    """

    tokens: tuple[str, ...]
    needle: str
    form: Form = Form.PLAIN
    parts: tuple[str, ...] = ()  # of the needle; a matching text has each of them unchanged
    optional: int = 0

    def is_in(self, text: FoldedText) -> bool:
        """Whether the text contains the term. Takes time in proportion to the length of the text."""
        if not all(part in text.plain for part in self.parts):
            return False  # the usual case, decided before the text is rewritten
        if self.optional:
            return _has(text.form(self.form), self.needle, self.optional)
        return self.needle in text.form(self.form)


def piece(tokens: tuple[str, ...], folded: str) -> Term:
    """A term for a string that matches anywhere in a text."""
    return Term(tokens, folded)


def words(tokens: tuple[str, ...], units: Sequence[str]) -> Term:
    """A term for one whole word, or for several joined by any signs."""
    edged = (f"{_EDGE}{word}{_EDGE}" for word in units)
    return Term(tokens, _SIGN.join(edged), Form.WORDS, tuple(dict.fromkeys(units)))


def phrase(tokens: tuple[str, ...], folded: str) -> Term:
    """A term for a phrase of whole words; the number of spaces between them does not matter.

    In scripts without spaces a space may come from the end of a line, so there it may be missing.
    """
    needle = _spaced(folded)
    optional = 0
    for place in range(1, len(needle) - 1):
        around = needle[place - 1], needle[place + 1]
        if needle[place] == " " and all(map(_UNSPACED.match, around)):
            optional |= 1 << place
    return Term(tokens, needle, Form.SPACED, tuple(dict.fromkeys(folded.split())), optional)


def _spaced(folded: str) -> str:
    spaced = _SPACES.sub(" ", folded)
    return _EDGE.join((_ASCII_WORDS if spaced.isascii() else _WORDS).split(spaced))


def _has(text: str, needle: str, optional: int) -> bool:
    """Whether the text contains the needle, some of whose characters may be missing.

    This is the Shift-And algorithm with optional characters (Navarro and Raffinot, Flexible Pattern Matching
    in Strings, 2002, section 4.3): if bit n of `reached` is set, the text read so far ends with the needle
    up to its n-th character.
    """
    places: dict[str, int] = {}
    for place, char in enumerate(needle):
        places[char] = places.get(char, 0) | 1 << place
    return _shift_and(text, places, optional, 1 << (len(needle) - 1))


def _shift_and(text: str, places: Mapping[str, int], optional: int, last: int) -> bool:
    reached = 0
    for char in text:
        following = reached << 1 | 1
        following |= (following & optional) << 1
        reached = following & places.get(char, 0)
        if reached & last:
            return True
    return False
