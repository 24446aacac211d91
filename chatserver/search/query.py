"""The query language: words, phrases in quotes, and conditions such as `from:name`.

There are no syntax errors: a malformed condition is searched for as words.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from chatserver.errors import ChatError
from chatserver.search.analyser import UNIT, fold, wanted
from chatserver.search.matching import SIGNS, FoldedText, Term, phrase, piece, words
from chatserver.search.normalisation import nfkc

QUERY_CHARS = 200
FOLDED_CHARS = 2 * QUERY_CHARS  # some characters are folded to eighteen
TERMS = 30  # used of a query; further ones are ignored
KINDS = 5  # of what a message has, likewise

_ITEM = re.compile(r'(?:(from|in|before|after|has):)?(?:"([^"]*)"?|([^\s"]+))', re.IGNORECASE)
_QUOTES = str.maketrans("“”„«»", '"""""')
_HALF = re.compile("[\ud800-\udfff]")  # half a surrogate pair: no store takes it in a name
_KIND = re.compile(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)
_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\dZ)?")


class Query(NamedTuple):
    """A parsed query. All terms must match, and any one of `authors` (user names) and of `rooms` (names).

    A message has each of `has`, such as `file`. Empty `authors` or `rooms` mean all. Messages are at or after
    `since` and before `until`; both are written like `Message.at`.
    """

    terms: tuple[Term, ...]
    authors: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    has: tuple[str, ...] = ()

    def matches(self, folded: str) -> bool:
        """Whether a text returned by `analyser.analysed` contains all terms."""
        text = FoldedText(folded)
        return all(term.is_in(text) for term in self.terms)

    def covers(self, at: str) -> bool:
        """Whether the time is at or after `since` and before `until`."""
        return not (self.since and at < self.since) and not (self.until and at >= self.until)


def parse(text: str) -> Query:
    """Parse a typed query. Raises `ChatError` request.invalid if it is too long, empty or not Unicode."""
    if len(text) > QUERY_CHARS:
        raise ChatError(
            "request.invalid",
            f"text: expected at most {QUERY_CHARS} characters.",
            detail={"field": "text", "reason": "long", "most": QUERY_CHARS},
        )
    if _HALF.search(text):
        raise ChatError(
            "request.invalid",
            "text: expected Unicode without lone surrogates.",
            detail={"field": "text", "reason": "form"},
        )
    terms: list[Term] = []
    conditions: dict[str, list[str]] = {key: [] for key in ("from", "in", "before", "after", "has")}
    typed = nfkc(text).translate(_QUOTES)
    if len(fold(typed)) > FOLDED_CHARS:
        raise ChatError(
            "request.invalid", f"text: expected at most {FOLDED_CHARS} characters once folded."
        )
    for match in _ITEM.finditer(typed):
        key, phrase, word = (match[1] or "").casefold(), match[2], match[3]
        value = (word if phrase is None else phrase).strip()
        if key and _is_value(key, value):
            conditions[key].append(value.removeprefix("@") if key == "from" else value)
        elif phrase is None or key:
            terms += _words(match[0])
        else:
            terms += _phrase(phrase)
    query = Query(
        tuple(dict.fromkeys(terms))[:TERMS],
        tuple(dict.fromkeys(conditions["from"])),
        tuple(dict.fromkeys(conditions["in"])),
        max(map(_written, conditions["after"]), default=None),
        min(map(_written, conditions["before"]), default=None),
        tuple(dict.fromkeys(map(str.casefold, conditions["has"])))[:KINDS],
    )
    if query == Query(()):
        return Query((_signs(typed),))
    return query


def _signs(text: str) -> Term:
    """A term for a text without tokens: it is searched for as it is, without quotes around it.

    Raises `ChatError` request.invalid if nothing is left.
    """
    signs = fold(text).strip().strip('"').strip()
    if not signs:
        raise ChatError(
            "request.invalid",
            "A search needs a word to look for.",
            detail={"field": "text", "reason": "empty"},
        )
    return piece((), signs)


def _is_value(key: str, value: str) -> bool:
    if key in ("from", "in"):
        return bool(value.removeprefix("@"))
    if key == "has":
        return bool(_KIND.fullmatch(value))
    if not _TIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _written(value: str) -> str:
    """A day or a minute, both in UTC, as `Message.at` is written."""
    day, _, minute = value.removesuffix("Z").partition("T")
    return f"{day}T{minute or '00:00'}:00.000Z"


def _words(text: str) -> Iterator[Term]:
    """A term for each run of an unspaced script, each emoji, and each word or words joined by signs."""
    joined: list[tuple[str, str, str]] = []
    end = 0
    folded = fold(text)
    for match in UNIT.finditer(folded):
        unit = (match[1] or "", match[2] or "", match[3] or "")
        between = folded[end : match.start()]
        if joined and not (unit[2] and SIGNS.fullmatch(between)):
            yield _word(joined)
            joined = []
        end = match.end()
        if unit[2]:
            joined.append(unit)
        else:
            yield piece(tuple(wanted([unit])), match[0])
    if joined:
        yield _word(joined)


def _word(units: list[tuple[str, str, str]]) -> Term:
    return words(tuple(wanted(units)), [word for _, _, word in units])


def _phrase(text: str) -> Iterator[Term]:
    """One term for the whole phrase; the number of spaces in it does not matter."""
    folded = fold(text).strip()
    if units := UNIT.findall(folded):
        yield phrase(tuple(wanted(units)), folded)
