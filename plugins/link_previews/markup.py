"""What a page says about itself in its head: Open Graph (ogp.me), else the tags of Twitter's cards, else those of HTML.

The markup is hostile, so it is scanned rather than parsed: each character is looked at a bounded number of times, and
no single step takes long. (`html.parser` takes time that grows with the square of some texts, in one step.)
"""

import codecs
import html
import re
import unicodedata
from collections.abc import Iterator

from chatserver_plugins.link_previews.card import (
    DESCRIPTION_CHARS,
    SITE_CHARS,
    TITLE_CHARS,
    Card,
)
from chatserver_plugins.link_previews.fetching import Page

TAG_CHARS = 4096  # of a tag, or of the title
TAGS = 500  # that are looked at
PIECE_BYTES = STEP_CHARS = 32 * 1024  # that are decoded, or searched, in one step
MARK_CHARS = 16  # more than a mark has
TITLES = ("og:title", "twitter:title", "title")
DESCRIPTIONS = ("og:description", "twitter:description", "description")
SITES = ("og:site_name", "application-name")
NAMES = frozenset((*TITLES, *DESCRIPTIONS, *SITES))
# Others that Python knows are no text, or take long on purpose.
_CHARSETS = re.compile(
    r"utf-8|utf-16(-[bl]e)?|ascii|iso8859-\d+|cp(125\d|932|949|950|874|866)|shift_jis(_2004|x0213)?|koi8-[ru]"
    r"|euc_(jp|kr|jis_2004|jisx0213)|iso2022_jp(_\w+)?|gb2312|gbk|gb18030|big5(hkscs)?|mac-roman"
)
# As browsers read them: a wider one in place of the one that is said.
_WIDER = {"ascii": "cp1252", "iso8859-1": "cp1252", "shift_jis": "cp932", "euc_kr": "cp949"}
_WIDER |= {"gb2312": "gb18030", "gbk": "gb18030", "utf-16": "utf-16-le"}
_ALIASES = {"x-sjis": "shift_jis", "windows-31j": "shift_jis", "x-euc-jp": "euc_jp"}
_SAID = re.compile(
    rb"""<meta[^>]{1,200}?charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.IGNORECASE
)
_SAID_WITHIN = 2048
_MARK = re.compile(r"<(?:(!--)|(meta|title|script|style|body|/head)(?=[\s/>]))", re.IGNORECASE)
_ENDS = {
    name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE) for name in ("title", "script", "style")
}
_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s"'<>/=]{1,64})(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?"""
)
_SHOWN_FORMATS = "\u200c\u200d"  # joiners, within words and emoji


def card_of(url: str, page: Page) -> Card | None:
    """The card of a page for a link; None if the page has no title."""
    said: dict[str, str] = {}
    for name, text in _said(_text_of(page)):
        said.setdefault(name, text)
    title = _line(said, TITLES, TITLE_CHARS)
    if not title:
        return None
    return Card(
        url=url,
        host=page.host,
        title=title,
        description=_line(said, DESCRIPTIONS, DESCRIPTION_CHARS),
        site=_line(said, SITES, SITE_CHARS),
    )


def _text_of(page: Page) -> str:
    decoder = codecs.getincrementaldecoder(_charset_of(page))("replace")
    content = page.content
    pieces = range(0, len(content), PIECE_BYTES)
    return "".join(decoder.decode(content[at : at + PIECE_BYTES]) for at in pieces)


def _charset_of(page: Page) -> str:
    """As it is said with the page, else by its first bytes, else in it; what is not known is UTF-8."""
    content = page.content
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if content.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    within = _SAID.search(content[:_SAID_WITHIN])
    for said in (page.charset, within[1].decode("latin-1") if within else ""):
        try:
            name = codecs.lookup(_ALIASES.get(said.lower(), said)).name if said else ""
        except (LookupError, ValueError):
            continue
        if _CHARSETS.fullmatch(name):
            return _WIDER.get(name, name)
    return "utf-8"


def _said(text: str) -> Iterator[tuple[str, str]]:
    """Names and texts of what the head of a page says, in order."""
    place = 0
    for _ in range(TAGS):
        found = _next(_MARK, text, place)
        if found is None:
            return
        place, kind = found.end(), (found[2] or found[1]).lower()
        if kind in ("body", "/head"):
            return
        if kind == "meta":
            yield from _meta(text[place : place + TAG_CHARS])
            continue
        start = place
        place = _end_of(kind, text, start)
        if place < 0:
            return
        if kind == "title" and place - start <= TAG_CHARS:
            yield "title", text[start:place].partition(">")[2]


def _end_of(kind: str, text: str, start: int) -> int:
    """Where the text of a comment or an element ends; -1 if it does not."""
    if kind == "!--":
        return text.find("-->", start)
    end = _next(_ENDS[kind], text, start)
    return end.start() if end else -1


def _next(mark: re.Pattern[str], text: str, start: int) -> re.Match[str] | None:
    """The next mark, searched for in steps: other threads wait while one lasts."""
    for place in range(start, len(text), STEP_CHARS):
        found = mark.search(text, place, place + STEP_CHARS + MARK_CHARS)
        if found is not None:
            return found
    return None


def _meta(tag: str) -> Iterator[tuple[str, str]]:
    fields: dict[str, str] = {}
    place = 0
    while (found := _ATTRIBUTE.match(tag, place)) is not None:
        place = found.end()
        fields.setdefault(found[1].lower(), found[2] or found[3] or found[4] or "")
    for key in ("property", "name"):
        name = fields.get(key, "").strip().lower()
        if name in NAMES and name != "title":
            yield name, fields.get("content", "")


def _line(said: dict[str, str], names: tuple[str, ...], most: int) -> str:
    """The first text that has one of these names, as one line of at most `most` characters."""
    for name in names:
        shown = "".join(filter(_is_shown, html.unescape(said.get(name, ""))))
        line = " ".join(shown.split())
        if line:
            return line if len(line) <= most else line[: most - 1].rstrip() + "…"
    return ""


def _is_shown(char: str) -> bool:
    """Whether it is neither a control character nor one that changes how others are shown."""
    category = unicodedata.category(char)
    return char in _SHOWN_FORMATS or char.isspace() or category not in ("Cc", "Cf", "Cs", "Cn")
