"""Texts of which other words are made: what is given out, what comes back, and what no words can do."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatserver import BodyPieces, body_html, body_links, body_plain
from chatserver.formatting.blocks import parse
from chatserver.formatting.tree import Em, Inline, Paragraph, Spoiler, Strong, Text
from chatserver.formatting.writing import shape_of, to_text
from tests.formatting.test_formatting import CASES, TEXTS

WORDS = st.lists(
    st.sampled_from(
        [
            *(
                "a ",
                "*",
                "**",
                "_",
                "~~",
                "||",
                "`",
                "[a](https://evil.example)",
                "https://evil.example",
            ),
            *(
                "<b>",
                "&lt;",
                "&amp;",
                "\n",
                "\n\n",
                "- ",
                "> ",
                "# ",
                "```",
                "|",
                "|-|",
                "1. ",
                "@room",
            ),
            *(
                '<span id="0">',
                '<span id="1">',
                "</span>",
                '<code id="0">',
                "</code>",
                "\x00",
                "重要",
            ),
        ]
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:40] for case in CASES])
def test_a_tree_is_written_as_a_text_that_is_shown_alike(case: dict[str, str]) -> None:
    assert body_html(to_text(parse(case["text"]))) == case["html"]


@settings(max_examples=400, deadline=None)
@example(text="[a](http://a.b)\x85https://a.bmailto:a@b.c*")
@example(text="https://a.b|\x1c<https://a.bmailto:a@b.c")
@example(text="ahttps://a.bmailto:a@b.c*\u3000\x1c*")
@given(text=TEXTS)
def test_any_text_with_its_own_words_says_the_same(text: str) -> None:
    pieces = BodyPieces(text)
    same = pieces.filled(pieces.texts)
    is_alike = shape_of(parse(same)) == shape_of(parse(text))
    assert is_alike or re.sub(r"\s", "", body_plain(same)) == re.sub(r"\s", "", body_plain(text))
    assert set(body_links(same)) <= set(body_links(text))


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, words=st.lists(WORDS, min_size=1))
def test_no_words_make_a_link_or_a_mark(text: str, words: list[str]) -> None:
    pieces = BodyPieces(text)
    given = [words[place % len(words)] for place in range(len(pieces.texts))]
    filled = pieces.filled(given)
    assert set(body_links(filled)) <= set(body_links(text))
    before, after = body_html(text), body_html(filled)
    for mark in (
        "<a ",
        "<strong>",
        "<em>",
        "<del>",
        "<code",
        "<pre",
        "<li>",
        "<h3",
        "<td",
        "spoiler",
    ):
        assert after.count(mark) <= before.count(mark), mark


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("Hallo", ["Hallo"]),
        ("  Hallo  ", ["Hallo"]),
        ("Eins\nzwei\n\ndrei", ["Eins", "zwei", "drei"]),
        ("# Eins\n> zwei\n- drei\n1. vier\n- [x] fünf", ["Eins", "zwei", "drei", "vier", "fünf"]),
        ("|Eins|zwei|\n|-|-|\n|drei|`x`|", ["Eins", "zwei", "drei"]),
        ("```\nCode\n```", []),
        ("`Code`", []),
        ("42 … ?!", []),
        ("@anna @ben.ny", []),
        ("https://a.example/wort", []),
        ("😀 👩‍👩‍👧 🇩🇪 :party_parrot:", []),
        ("**Eins**", ['<span id="0">Eins</span>']),
        ("[Eins](https://a.example)", ['<span id="0">Eins</span>']),
        ("||**Eins** zwei||", ['<span id="0"><span id="1">Eins</span> zwei</span>']),
        ("Eins `x` @anna", [f"Eins {kept(0)} {kept(1)}" for kept in [
            lambda number: f'<code id="{number}" translate="no">{number}</code>'
        ]]),
        ("a <b> & c", [
            'a <code id="0" translate="no">0</code>b<code id="1" translate="no">1</code> '
            '<code id="2" translate="no">2</code> c'
        ]),
        ("", []),
    ],
)  # fmt: skip
def test_the_words_of_a_text(body: str, texts: list[str]) -> None:
    pieces = BodyPieces(body)
    assert pieces.texts == texts
    assert pieces.is_markup == any("<" in text for text in texts)


@pytest.mark.parametrize(
    ("body", "said", "filled"),
    [
        ("Hallo", "Hello", "Hello"),
        ("  Hallo  ", "Hello", "  Hello  "),
        ("> - **Hallo**", '<span id="0">Hello</span>', "> - **Hello**"),
        ("**Hallo**", '<span id="0"> Hello </span>there', " **Hello** there"),
        ("**Hallo**", "<span id='0' class=x>Hello</span >", "**Hello**"),
        ("**Hallo** du", "You: <span id=0>hello</span>", "You: **hello**"),
        ("Hallo `x`", '<code id="0">0</code> hello', "`x` hello"),
        ("Hallo @anna", 'Hello <code translate="no" id="0">ANNA</code>', "Hello @anna"),
        ("Hallo", "a &lt;b&gt; &amp; c", "a <b> & c"),
        ("Hallo", "2 * 3 *4*", r"2 \* 3 \*4\*"),
        ("Hallo", "- no list\nno second line", r"\- no list no second line"),
        ("Hallo", "1. no list", r"1\. no list"),
        ("Hallo", "# no heading", r"\# no heading"),
        ("Hallo", "#tag", "#tag"),
        ("Hallo", "> no quote", r"\> no quote"),
        ("Hallo", "", ""),
        ("Hallo", "see https://a.example", r"see https\:\/\/a\.example"),
        ("Sieh https://a.b", 'Voir<code id="0">x</code>です', "Voir[https://a.b](https://a.b)です"),
        ("*Hallo* du", 'ge<span id="0">hall</span>o', "gehallo"),
        ("*Hallo* `x`", '<span id="0">hello</span>', "*Hallo* `x`"),  # one is missing
        ("*Hallo* `x`", '<span id="0"><code id="1"></span></code>', "*Hallo* `x`"),
        ("*Hallo*", '<span id="0">a</span><span id="0">b</span>', "*Hallo*"),
        ("*Hallo*", '<span id="7">a</span>', "*Hallo*"),
        ("*Hallo*", "<span>a</span>", "*Hallo*"),
        ("*Hallo*", '<span id="0">a', "*Hallo*"),
        ("*Hallo*", "a</span>", "*Hallo*"),
        ("Hallo `x`", 'a <span id="0">b</span>', "Hallo `x`"),
        ("||Geheim||", '<span id="0">secret</span>', "||secret||"),
        ("||Geheim||", "secret", "||Geheim||"),
    ],
)
def test_other_words_in_place_of_them(body: str, said: str, filled: str) -> None:
    assert BodyPieces(body).filled([said]) == filled


@pytest.mark.parametrize(
    "body",
    [
        "- a\n* b\n- c\n* d",
        "1. a\n1) b\n1. c",
        "> - a\n> * b\n> - c",
        "- a\n  1. b\n  2. c\n\n  d\n- e",
        "- ```py\n  x = `1`\n\n  y\n  ```\n- # a",
        "````\n```\n````",
        "`` ` `` ``a`b`` ` a `",
        "|a\\|b|`c`|\n|:-|-:|\n|**d**||\n",
        "a\n---\nb\n> > c\n> d",
        "- [ ] a\n- [x] **b**",
        "7. a\n8. b",
        "**a *b* ||c|| ~~d~~**",
        "[**a** `b`](https://a.example/(x))",
        r"\*a\* \# \> 1\. snake_case _ * # 2*3*4 ¯\_(ツ)_/¯",
    ],
)
def test_what_is_nested_or_side_by_side_stays_so(body: str) -> None:
    pieces = BodyPieces(body)
    assert body_html(pieces.filled(pieces.texts)) == body_html(body)


def test_a_paragraph_behind_a_list_does_not_become_part_of_it() -> None:
    pieces = BodyPieces(" - a\n  b")
    assert body_html(pieces.filled(pieces.texts)) == "<ul><li>a</li></ul><p>b</p>"


def test_another_number_of_words_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected 2 texts, not 1"):
        BodyPieces("Eins\nzwei").filled(["one"])


def test_a_link_whose_new_words_name_another_place_says_where_it_leads() -> None:
    pieces = BodyPieces("[Die Bank](https://evil.example)")
    filled = pieces.filled(['<span id="0">bank.example</span>'])
    assert "(https://evil.example)" in body_plain(filled)


def paragraph(*nodes: Inline) -> list[Paragraph]:
    return [Paragraph(list(nodes))]


def test_marks_that_cannot_be_written_are_left_out_and_hidden_texts_stay_hidden() -> None:
    inside = paragraph(Text("a"), Em([Text("b")]), Text("c"), Spoiler([Text("secret")]))
    assert to_text(inside) == r"abc||secret||"
    twice = paragraph(Spoiler([Spoiler([Text("secret")])]))
    assert "secret" not in to_text(twice)
    side_by_side = paragraph(Strong([Text("a")]), Strong([Text("b")]))
    assert body_plain(to_text(side_by_side)) == "ab"


def test_the_longest_messages_are_written_in_linear_time() -> None:
    for piece in ("*a* ", "- a\n", "a\n", "> ", "`a` ", "|a", "https://a.b ", "\\", "||a|| "):
        body = piece * (8000 // len(piece))
        pieces = BodyPieces(body)
        pieces.filled(pieces.texts)
