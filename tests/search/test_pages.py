"""A page gives back what was put into it, token by token."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.search.pages import SHORT, encoded, look_up, marked, offsets
from chatserver.search.segments import author_token

# Tokens that begin, end and are inside of one another, also as bytes.
TOKENS = st.text(st.sampled_from("aAé東京都\0 ."), min_size=1, max_size=4)
OFFSETS = st.sets(st.integers(0, 32767), min_size=1, max_size=30).map(sorted)
EDITED = st.lists(st.integers(1, 1 << 40), min_size=1, max_size=5)


PARTS = st.tuples(st.dictionaries(TOKENS, OFFSETS), st.dictionaries(TOKENS, EDITED))


def made(posted: dict[str, list[int]], edited: dict[str, list[int]]) -> bytes:
    return encoded({token: array("H", some) for token, some in posted.items()}, edited)


def found(page: bytes, token: str) -> list[tuple[list[int], list[int]]]:
    parts = look_up(page, marked(token))
    return [(list(offsets(each.posted)), list(each.edited)) for each in parts]


@given(st.lists(PARTS, max_size=3), st.sets(TOKENS))
def test_each_token_has_its_own(
    parts: list[tuple[dict[str, list[int]], dict[str, list[int]]]], others: set[str]
) -> None:
    page = b"".join(made(*part) for part in parts)
    for token in others.union(*(posted.keys() | edited.keys() for posted, edited in parts)):
        each = [(posted.get(token, []), edited.get(token, [])) for posted, edited in parts]
        assert found(page, token) == [part for part in each if part != ([], [])]


def test_a_list_named_like_a_token_is_not_found_as_one() -> None:
    page = made({"b": [10, 10 + ord("a"), 20 + ord("a")]}, {})
    assert b"\na\n" in page
    assert found(page, "a") == []


@pytest.mark.parametrize("count", [SHORT // 4, SHORT])
def test_a_page_may_be_large(count: int) -> None:
    posted = {f"t{number}": [*range(0, 32768, 8)] for number in range(count // 4096 + 2)}
    page = made(posted, {})
    for token, some in posted.items():
        assert found(page, token) == [(some, [])]


def test_an_author_is_a_token_without_line_feeds() -> None:
    page = made({author_token("a\nb"): [3], "b": [4]}, {})
    assert found(page, author_token("a\nb")) == [([3], [])]
    assert found(page, "b") == [([4], [])]
