"""Finds words in a text by looking up its parts in sets, so the time does not grow with the list."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from chatserver import nfkc

# Scripts without spaces: Thai to Lao, Myanmar, Khmer, kana, Han (with 々〆), Hangul, and the planes
# of rare Han. Words have no visible edges there.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[^\W_{_UNSPACED}]+")


def fold(text: str) -> str:
    """The text without case, width and invisible characters (Unicode 3.13, D146: compatibility caseless)."""
    visible = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
    return nfkc(nfkc(visible).casefold())


class Matcher:
    """A list of words and phrases. Those in scripts without spaces are found anywhere in a text."""

    def __init__(self, words: Iterable[str]) -> None:
        self._phrases: set[Sequence[str]] = set()
        self._substrings: set[Sequence[str]] = set()
        for entry in filter(None, (fold(word).strip() for word in words)):
            parts = tuple(_WORD.findall(entry))
            if " ".join(parts) == " ".join(entry.split()):
                self._phrases.add(parts)
            else:
                self._substrings.add(entry)
        # By their first part, which rules out most places of a text at once.
        self._phrase_lengths = _lengths(self._phrases)
        self._substring_lengths = _lengths(self._substrings)

    def finds(self, text: str) -> bool:
        if not self._phrases and not self._substrings:
            return False
        folded = fold(text)
        parts = tuple(_WORD.findall(folded)) if self._phrases else ()
        return _any_part(parts, self._phrases, self._phrase_lengths) or _any_part(
            folded, self._substrings, self._substring_lengths
        )


def _lengths(wanted: Iterable[Sequence[str]]) -> dict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    for each in wanted:
        if each:
            found[each[0]].add(len(each))
    return dict(found)


def _any_part(
    whole: Sequence[str], wanted: set[Sequence[str]], lengths: dict[str, set[int]]
) -> bool:
    return any(
        whole[start : start + length] in wanted
        for start, first in enumerate(whole)
        if first in lengths
        for length in lengths[first]
    )
