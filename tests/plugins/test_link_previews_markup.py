"""What the heads of pages say, in whatever charset, and however wrong they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver_plugins.link_previews.card import (
    DESCRIPTION_CHARS,
    SITE_CHARS,
    TITLE_CHARS,
    Card,
)
from chatserver_plugins.link_previews.fetching import Page
from chatserver_plugins.link_previews.markup import STEP_CHARS, TAG_CHARS, TAGS, card_of
from chatserver_plugins.link_previews.reading import PAGE_BYTES
from tests.effort import bound, took

URL = "https://a.example"


def read(content: str | bytes, charset: str = "") -> tuple[str, str, str] | None:
    """Title, description and site of a page."""
    data = content.encode() if isinstance(content, str) else content
    card = card_of(URL, Page("a.example", data, charset))
    if card is None:
        return None
    assert card == Card(
        url=URL, host="a.example", title=card.title, description=card.description, site=card.site
    )
    return card.title, card.description, card.site


TITLE = "<title>T</title>"
SAID = {
    TITLE: ("T", "", ""),
    "<TITLE lang=en>\n T\n  t </Title >": ("T t", "", ""),
    '<title>T</title><meta name="description" content="D">': ("T", "D", ""),
    '<meta property="og:title" content="O"><title>T</title>': ("O", "", ""),
    '<meta name="twitter:title" content="W"><title>T</title>': ("W", "", ""),
    '<meta name="twitter:title" content="W"><meta property="og:title" content="O">': ("O", "", ""),
    '<meta property="og:title" content=""><title>T</title>': ("T", "", ""),
    '<meta property="og:title" content="1"><meta property="og:title" content="2">': ("1", "", ""),
    TITLE + "<META CONTENT='D' NAME=Description />": ("T", "D", ""),
    TITLE + "<meta name=description content=D>": ("T", "D", ""),
    TITLE + '<meta\nname\n=\n"description"\ncontent = "a > b">': ("T", "a > b", ""),
    TITLE + '<meta name="description" property="og:description" content="D">': ("T", "D", ""),
    TITLE + '<meta property="og:site_name" content="S &amp; s">': ("T", "", "S & s"),
    TITLE + '<meta name="application-name" content="S">': ("T", "", "S"),
    TITLE + '<meta name="title" content="M">': ("T", "", ""),
    '<meta name="description" content="D">': None,
    "<title> \n </title>": None,
    "<title>": None,
    "": None,
    "plain text": None,
    "<title>a&lt;b&#x1F600;&#0;&#xD800;</title>": ("a<b😀\ufffd\ufffd", "", ""),
    "<!-- <title>no</title> -->" + TITLE: ("T", "", ""),
    "<!-- <title>no</title>": None,
    "<script>'<title>no</title>'</script>" + TITLE: ("T", "", ""),
    "<style></styles><title>no</title></style>" + TITLE: ("T", "", ""),
    "<script><title>no</title>": None,
    "<body><title>no</title>": None,
    "</head><title>no</title>": None,
    "<header>" + TITLE: ("T", "", ""),
    "<titles>no</titles>" + TITLE: ("T", "", ""),
    f"{TITLE}<title>no</title>": ("T", "", ""),
    TITLE + '<meta name="description" content="never closed': ("T", "", ""),
    "<title>\u202eevil\u2066\u200b\x07\ufeff</title>": ("evil", "", ""),
    "<title>👩\u200d🌾</title>": ("👩\u200d🌾", "", ""),
}  # fmt: skip


@pytest.mark.parametrize("content", SAID)
def test_what_a_head_says(content: str) -> None:
    assert read(content) == SAID[content]


@pytest.mark.parametrize("offset", range(-12, 3))
def test_marks_are_found_wherever_they_stand(offset: int) -> None:
    filling = "a" * (STEP_CHARS + offset)
    assert read(filling + TITLE) == ("T", "", "")
    assert read(f"<script>{filling}</script>{TITLE}") == ("T", "", "")


def test_only_so_many_tags_count() -> None:
    assert read("<meta>" * (TAGS - 1) + TITLE) == ("T", "", "")
    assert read("<meta>" * TAGS + TITLE) is None


def test_long_texts_are_cut() -> None:
    found = read(
        f"<title>{'t' * 999}</title><meta name=description content='{'d ' * 999}'>"
        f"<meta property=og:site_name content={'s' * 999}>"
    )
    assert found is not None
    title, description, site = found
    assert title == "t" * (TITLE_CHARS - 1) + "…"
    assert description == ("d " * 999)[: DESCRIPTION_CHARS - 1].strip() + "…"
    assert site == "s" * (SITE_CHARS - 1) + "…"
    assert read(f"<title>{'t' * TAG_CHARS}</title>") is None  # that is no title any more
    exact = "t" * TITLE_CHARS
    assert read(f"<title>{exact}</title>") == (exact, "", "")


JAPANESE = "<title>日本語のページ</title>"
CHARSETS = [
    ("utf-8", ""),
    ("utf-8", "UTF8"),
    ("utf-8-sig", "shift_jis"),  # the first bytes know better
    ("utf-16", ""),
    ("utf-16", "latin-1"),
    ("utf-16-le", "utf-16-le"),
    ("shift_jis", "Shift_JIS"),
    ("shift_jis", "x-sjis"),
    ("cp932", "windows-31j"),
    ("euc-jp", "EUC-JP"),
    ("iso-2022-jp", "iso-2022-jp"),
    ("gb18030", "gb2312"),
    ("big5", "big5"),
    ("utf-8", "no-such-charset"),
    ("utf-8", "rot13"),
    ("utf-8", "zip"),
    ("utf-8", "idna"),
    ("utf-8", "unicode_escape"),
    ("utf-8", "utf-7"),
    ("utf-8", "\u00e9"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "said"), CHARSETS)
def test_charsets(codec: str, said: str) -> None:
    text = "<title>日本</title>" if codec == "big5" else JAPANESE
    title = text.removeprefix("<title>").removesuffix("</title>")
    assert read(text.encode(codec), said) == (title, "", "")


def test_the_charset_that_a_page_says_itself() -> None:
    for tag in (
        '<meta charset="euc-jp">',
        '<META http-equiv=a content="text/html; charset=euc-jp">',
    ):
        assert read((tag + JAPANESE).encode("euc-jp")) == ("日本語のページ", "", "")
        assert read((tag + JAPANESE).encode(), "utf-8") == ("日本語のページ", "", "")
    far = "<!--" + "a" * 3000 + '--><meta charset="euc-jp">'
    assert read((far + JAPANESE).encode()) == ("日本語のページ", "", "")


def test_latin_1_is_what_browsers_take_it_for() -> None:
    assert read(b"<title>\x80 \xe4</title>", "iso-8859-1") == ("€ ä", "", "")


def test_wrong_bytes_are_replaced() -> None:
    assert read(b"<title>a\xff\xfeb</title>") == ("a\ufffd\ufffdb", "", "")


def filled(piece: str, begin: str = "") -> bytes:
    return (begin + piece * (PAGE_BYTES // len(piece)))[:PAGE_BYTES].encode("latin-1")


HOSTILE: dict[str, bytes] = {
    "nested tags": filled("<div>"),
    "openings": filled("<"),
    "comments": filled("<!--"),
    "closed comments": filled("<!---->"),
    "metas": filled("<meta>"),
    "open metas": filled("<meta "),
    "metas with attributes": filled('<meta property="og:title" a=b c=d>'),
    "attributes": filled(" a=b", "<meta"),
    "open quotes": filled('<meta a="'),
    "quotes": filled("'\"", "<meta a="),
    "blanks": filled(" ", "<meta"),
    "blanks after a name": filled(" ", "<meta a"),
    "slashes": filled("/", "<meta "),
    "equals": filled("=", "<meta a"),
    "titles": filled("<title>"),
    "closed titles": filled("<title></title>"),
    "ends of titles": filled("</title", "<title>"),
    "scripts": filled("<script>"),
    "closed scripts": filled("<script></script>"),
    "ends of scripts": filled("</script", "<script>"),
    "references": filled("&amp", "<title>"),
    "references in a description": filled("<meta name=description content='" + "&#1" * 1300 + "'>"),
    "charsets": filled("<meta charset"),
    "charsets and blanks": filled("<meta charset" + " " * 9),
    "no text": bytes(range(256)) * (PAGE_BYTES // 256),
    "high bytes": b"\xff" * PAGE_BYTES,
}


@pytest.mark.parametrize("charset", ["utf-8", "euc-jp", "iso-2022-jp", "gb18030", "utf-16"])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_page_takes_long(name: str, charset: str) -> None:
    """A quadratic scan would take minutes."""
    page = Page("a.example", HOSTILE[name], charset)
    assert took(lambda: card_of(URL, page), tries=2) < bound(1)


@given(st.text(st.sampled_from("<>/!-=\"' metaiplcronhdsyb&#;x1\n\0ä"), max_size=300))
def test_whatever_a_page_says_a_card_can_be_kept(text: str) -> None:
    read(f"<title>a</title><meta name=description content='{text}'>{text}")
    read(text)


@given(
    st.binary(max_size=300),
    st.sampled_from(["", "utf-8", "utf-16", "cp932", "iso2022_jp_2", "big5hkscs"]),
)
def test_whatever_bytes_a_page_has_a_card_can_be_kept(content: bytes, charset: str) -> None:
    read(b"<title>a" + content + b"</title>" + content, charset)
