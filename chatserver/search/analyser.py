"""The analyser: folds a text and cuts it into tokens.

Scripts without spaces between words (Chinese, Japanese, Thai, …) and Korean are cut into single
characters and overlapping pairs, so that a word is found without knowing where it begins. All other
scripts are cut into words; each emoji is a token. Messages and queries go through the same code.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import filterfalse
from operator import add

from chatserver.model import Message, MessageEdited, MessagePosted
from chatserver.search import normalisation
from chatserver.search.normalisation import nfkc, ranges

TEXT_CHARS = 10_000  # a folded text is indexed up to here; words beyond cannot be found
TOKEN_CHARS = 64  # a longer word is cut to its first 64 characters

# Katakana is folded to hiragana, and typographic quotes to ASCII quotes.
_FOLDED = {code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)} | {
    ord(char): plain for chars, plain in (("‘’ʼ", "'"), ("“”„«»", '"')) for char in chars
}

# Invisible characters: variation selectors, joiners, soft hyphens, fillers. They are dropped before texts
# are compared (Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt).
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)

# Scripts written without spaces. Korean has spaces, but none before its particles.
UNSPACED = "".join(
    (
        "\u0e01-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1780-\u17d3",  # Thai, Lao, Burmese, Khmer
        "\u3005-\u3007\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff",  # kana
        "\u3105-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",  # bopomofo, Han
        "\u1100-\u11ff\uac00-\ud7af\U0001b000-\U0001b16f\U00020000-\U0003ffff",  # Korean, rare ones
    )
)
EMOJI = "\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff"

# Words consist of letters and digits of scripts with spaces, and of marks. A mark belongs to the letter
# before it, but `\w` does not match it.
MARKS = ranges(filterfalse(re.compile(f"[{UNSPACED}]").match, normalisation.MARKS))
WORD = rf"(?:[^\W_{UNSPACED}{EMOJI}]+|[{MARKS}]+)+"

# The parts of a text that count: a run of characters without spaces, an emoji, a word.
UNIT = re.compile(f"([{UNSPACED}]+)|([{EMOJI}])|({WORD})")
_ASCII_WORD = re.compile("[a-z0-9]+")


def fold(text: str) -> str:
    """The text as search compares it: NFKC, case folded, no invisible characters, katakana as hiragana.

    Idempotent: folding a folded text changes nothing.
    """
    if text.isascii():
        return text.lower()
    # For rare letters NFKC and case folding undo each other, hence the loop: see "Default Caseless Matching"
    # in Unicode, 3.13.
    while (folded := _UNSEEN.sub("", nfkc(text).casefold())) != text:
        text = folded
    return text.translate(_FOLDED)


def analysed(text: str) -> str:
    """The searchable part of a text, folded."""
    # One character may expand to eighteen, so the text is cut to twice its limit before it is folded.
    return fold(nfkc(text[:TEXT_CHARS])[: 2 * TEXT_CHARS])[:TEXT_CHARS]


def said(event: MessagePosted | MessageEdited | Message) -> str:
    """What search finds of a message: its text, then that of its data; folded."""
    return analysed(f"{event.body}\n{event.data_text}" if event.data_text else event.body)


def tokens(folded: str) -> set[str]:
    """All tokens of a text returned by `analysed`; at most two for each character."""
    if folded.isascii():
        return {word[:TOKEN_CHARS] for word in _ASCII_WORD.findall(folded)}
    found: set[str] = set()
    for run, emoji, word in UNIT.findall(folded):
        if run:
            found.update(run)
            found.update(map(add, run, run[1:]))
        else:
            found.add(emoji or word[:TOKEN_CHARS])
    return found


def wanted(units: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """The fewest tokens that every text containing these units (matches of UNIT) must have."""
    for run, emoji, word in units:
        if len(run) > 1:
            yield from map(add, run, run[1:])
        else:
            yield run or emoji or word[:TOKEN_CHARS]
