"""The parsing of a query typed by a user."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import ChatError
from chatserver.search.analyser import analysed, tokens
from chatserver.search.query import KINDS, QUERY_CHARS, TERMS, parse


@pytest.mark.parametrize(
    ("query", "text", "matches"),
    [
        ("hello", "Hello, World!", True),
        ("ell", "Hello", False),
        ("hello world", "World? Hello.", True),
        ("hello moon", "hello world", False),
        ('"hello world"', "say hello  world", True),
        ('"hello world"', "world hello", False),
        ('"hello world"', "hello worlds", False),
        ('"ell"', "hello", False),
        ('"is a"', "this a is", False),
        ("“hello world”", "hello\nworld", True),
        ('"hello wor', "hello wor", True),
        ("東京", "東京都", True),
        ("京都", "東京都", True),
        ("東都", "東京都", False),
        ("東京都", "京都と東京", False),
        ('"東京 都"', "東京都", True),
        ('"東京 大阪"', "大阪 東京", False),
        ("Python入門", "入門書 Python", True),
        ('"Python入門"', "入門 Python", False),
        ('"Python入門"', "はじめてのＰｙｔｈｏｎ入門書", True),
        ("らーめん", "ﾗｰﾒﾝ", True),
        ("don't", "I don’t know", True),
        ("don't", "don can t", False),
        ("chat-server", "chat.server", True),
        ('"c++"', "c and ++", False),
        ('"c++"', "in C++20", True),
        ("100", "100% 1000", True),
        ("🎉", "party 🎉!", True),
        ("!?", "what!?", True),
        ("!?", "what?!", False),
        ('{"$": ""}', 'a {"$": ""} b', True),
        ('"!?"', "what!?", True),
        ('"->" ', "a->b", True),
        ("x-y", "x\u0301y", False),  # a mark, which is no sign
        ("क-त", "क्त", False),
        ("क-त", "क/त", True),
        # what nobody sees
        ("love", "❤\ufe0flove", True),
        ("❤\ufe0f", "❤ ❤love", True),
        ("❤", "❤\ufe0f", True),
        ("👩\u200d👧", "👩\u200d👧!", True),
        ('"👩👧"', "👩\u200d👧", True),
        ("葛城", "葛\U000e0100城市", True),
        ("葛\U000e0100城", "葛城市", True),
        ("chatserver", "chat\u00adserver", True),
    ],
)
def test_matching_texts(query: str, text: str, matches: bool) -> None:
    asked, folded = parse(query), analysed(text)
    there = tokens(folded)
    by_index = all(token in there for term in asked.terms for token in term.tokens)
    assert (by_index and asked.matches(folded)) is matches


@pytest.mark.parametrize(
    ("text", "authors", "rooms"),
    [
        ("from:ada", ("ada",), ()),
        ("FROM:＠Ada x", ("Ada",), ()),
        ('from:a in:"my room" from:b from:a x', ("a", "b"), ("my room",)),
        ("ｉｎ：雑談 会議", (), ("雑談",)),
        ("from: x", (), ()),
        ("has:link", (), ()),
        ('x in:""', (), ()),
        ("from:@ x", (), ()),
    ],
)
def test_conditions(text: str, authors: tuple[str, ...], rooms: tuple[str, ...]) -> None:
    found = parse(text)
    assert (found.authors, found.rooms) == (authors, rooms)


def test_days() -> None:
    found = parse("x after:2026-01-02 before:2026-02-01 before:2026-03-01")
    assert found.since == "2026-01-02T00:00:00.000Z"
    assert found.until == "2026-02-01T00:00:00.000Z"
    times = ("2026-01-01T23:59:59.999Z", "2026-01-02T00:00:00.000Z", "2026-01-31T23:59:59.999Z")
    assert [found.covers(at) for at in (*times, "2026-02-01T00:00:00.000Z")] == [
        *(False, True, True, False)
    ]


def test_minutes() -> None:
    found = parse("after:2026-01-02 after:2026-01-01T15:00Z before:2026-01-31T15:30Z")
    assert found.since == "2026-01-02T00:00:00.000Z"
    assert found.until == "2026-01-31T15:30:00.000Z"


WORDS = (
    *("after:2026-02-30", "before:soon", "before:20260101", "to:ada", "after:2026-01-01t10:00z"),
    *("after:2026-01-01T10:00", "after:2026-01-01T24:30Z", "before:2026-01-01T10:00:00Z"),
)


@pytest.mark.parametrize("text", WORDS)
def test_a_prefix_that_is_no_condition_is_words(text: str) -> None:
    found = parse(text)
    assert (found.since, found.until) == (None, None)
    words = text.casefold().replace("-", ":").split(":")
    assert [token for term in found.terms for token in term.tokens] == words


@pytest.mark.parametrize(
    "text", ["", " \n", '""', '"', '" "', "\u200d", '"\ufe0f"', "x" * (QUERY_CHARS + 1)]
)
def test_an_empty_query_is_refused(text: str) -> None:
    with pytest.raises(ChatError) as refused:
        parse(text)
    assert refused.value.code == "request.invalid"


def test_what_messages_have_is_a_condition() -> None:
    found = parse('tea has:File HAS:link has:"file" has:a.b-c')
    assert found.has == ("file", "link", "a.b-c") and len(found.terms) == 1
    assert len(parse(" ".join(f"has:k{number}" for number in range(9))).has) == KINDS
    for text in ("has:", "has:東京", "has:-", 'has:"a b"', "has:1"):
        assert parse(f"tea {text}").has == () and parse(f"tea {text}").terms


@pytest.mark.parametrize("text", ["\ud800", "from:\ud800 x", "in:\udfff x"], ids=ascii)
def test_half_a_character_is_refused(text: str) -> None:
    with pytest.raises(ChatError) as refused:
        parse(text)
    assert refused.value.code == "request.invalid"


@given(st.text(max_size=QUERY_CHARS), st.text())
def test_anything_is_a_query_or_refused(query: str, text: str) -> None:
    try:
        found = parse(query)
    except ChatError as error:
        assert error.code == "request.invalid"
    else:
        assert len(found.terms) <= TERMS
        assert found.matches(analysed(text)) in (True, False)
