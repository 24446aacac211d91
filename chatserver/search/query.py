"""What a search asks: words, phrases in quotes, and conditions such as `from:name`.

Whatever is typed means something; what looks like a condition and is none is looked for as words.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from chatserver.errors import ChatError
from chatserver.search.analyser import IN_WORD, UNIT, UNSPACED, fold, wanted

QUERY_CHARS = 200
TERMS = 30  # of a query; what follows is not looked at

_ITEM = re.compile(r'(?:(from|in|before|after):)?(?:"([^"]*)"?|([^\s"]+))', re.IGNORECASE)
_QUOTES = str.maketrans("“”„«»", '"""""')
_HALF = re.compile("[\ud800-\udfff]")  # of a pair: no store takes it, as part of a name
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
# Between the parts of don't or chat-server; marks are part of a word.
_JOINT = rf"(?:(?!{IN_WORD.pattern}|[{UNSPACED}])[^\w\s]|_)+"


class Term(NamedTuple):
    """Something that the text must contain: `tokens` say where it may be, `pattern` whether it is.

    What begins or ends with a word does so where that word does.
    """

    tokens: tuple[str, ...]
    pattern: re.Pattern[str]
    whole_start: bool = False
    whole_end: bool = False

    def is_in(self, folded: str) -> bool:
        found = self.pattern.search(folded)
        while found and not self._stands(folded, *found.span()):
            # The next one may begin inside this one: "q9 q" stands at the end of "q9 q9 q".
            found = self.pattern.search(folded, found.start() + 1)
        return found is not None

    def _stands(self, folded: str, start: int, end: int) -> bool:
        before, behind = folded[start - 1 : start], folded[end : end + 1]
        return not (self.whole_start and IN_WORD.match(before)) and not (
            self.whole_end and IN_WORD.match(behind)
        )


class Query(NamedTuple):
    """All terms must match. Of `authors` (user names) and `rooms` (names) any; none: whoever, wherever.

    `since` and `until` are times as messages have them: at or after the one, before the other.
    """

    terms: tuple[Term, ...]
    authors: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None

    def matches(self, folded: str) -> bool:
        """Does a text that `analyser.analysed` gave have all that is asked of texts?"""
        return all(term.is_in(folded) for term in self.terms)

    def covers(self, at: str) -> bool:
        """Is a message of this time among those asked for?"""
        return not (self.since and at < self.since) and not (self.until and at >= self.until)


def parse(text: str) -> Query:
    """The query that somebody typed. Raises `ChatError` request.invalid if it can be none."""
    if len(text) > QUERY_CHARS:
        raise ChatError("request.invalid", f"text: expected at most {QUERY_CHARS} characters.")
    if _HALF.search(text):
        raise ChatError("request.invalid", "text: expected Unicode without lone surrogates.")
    terms: list[Term] = []
    conditions: dict[str, list[str]] = {"from": [], "in": [], "before": [], "after": []}
    normal = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    for match in _ITEM.finditer(normal):
        key, phrase, word = (match[1] or "").casefold(), match[2], match[3]
        value = (word if phrase is None else phrase).strip()
        if key and _is_value(key, value):
            conditions[key].append(value.removeprefix("@") if key == "from" else value)
        elif phrase is None or key:
            terms += _words(match[0])
        else:
            terms += _phrase(phrase)
    query = Query(
        tuple(terms[:TERMS]),
        tuple(dict.fromkeys(conditions["from"])),
        tuple(dict.fromkeys(conditions["in"])),
        max((f"{day}T00:00:00.000Z" for day in conditions["after"]), default=None),
        min((f"{day}T00:00:00.000Z" for day in conditions["before"]), default=None),
    )
    if query == Query(()):
        return Query((_signs(normal),))
    return query


def _signs(text: str) -> Term:
    """What has no token is looked for as it is, but for quotes around it.

    Raises `ChatError` request.invalid if it is nothing.
    """
    signs = fold(text).strip().strip('"').strip()
    if not signs:
        raise ChatError("request.invalid", "A search needs a word to look for.")
    return Term((), re.compile(re.escape(signs)))


def _is_value(key: str, value: str) -> bool:
    if key in ("from", "in"):
        return bool(value.removeprefix("@"))
    if not _DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _words(text: str) -> Iterator[Term]:
    """A term for each run without spaces, and for each word, with what is joined to it by signs."""
    joined: list[tuple[str, str, str]] = []
    end = 0
    folded = fold(text)
    for match in UNIT.finditer(folded):
        unit = (match[1] or "", match[2] or "", match[3] or "")
        between = folded[end : match.start()]
        if joined and not (unit[2] and re.fullmatch(_JOINT, between)):
            yield _word(joined)
            joined = []
        end = match.end()
        if unit[2]:
            joined.append(unit)
        else:
            yield Term(tuple(wanted([unit])), re.compile(re.escape(match[0])))
    if joined:
        yield _word(joined)


def _word(units: list[tuple[str, str, str]]) -> Term:
    body = _JOINT.join(re.escape(word) for _, _, word in units)
    return Term(tuple(wanted(units)), re.compile(body), whole_start=True, whole_end=True)


def _phrase(text: str) -> Iterator[Term]:
    """One term for all of it; how much space is between its parts does not matter."""
    folded = fold(text).strip()
    units = UNIT.findall(folded)
    if not units:
        return
    # Where nothing is written between words, a space may be the end of a line.
    spaces = re.compile(rf"(?<=[{UNSPACED}])\s+(?=[{UNSPACED}])")
    parts = (r"\s+".join(map(re.escape, part.split())) for part in spaces.split(folded))
    body = r"\s*".join(parts)
    starts, ends = bool(IN_WORD.match(folded[0])), bool(IN_WORD.match(folded[-1]))
    yield Term(tuple(wanted(units)), re.compile(body), starts, ends)
