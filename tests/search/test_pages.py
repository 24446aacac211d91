"""A page gives back what was put into it, token by token."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.search.pages import SHORT, encoded, look_up, offsets
from chatserver.search.segments import author_token

# Tokens that begin, end and are inside of one another, also as bytes.
TOKENS = st.text(st.sampled_from("aAé東京都\0 ."), min_size=1, max_size=4)
OFFSETS = st.sets(st.integers(0, 32767), min_size=1, max_size=30).map(sorted)
EDITED = st.lists(st.integers(1, 1 << 40), min_size=1, max_size=5)


@given(st.dictionaries(TOKENS, OFFSETS), st.dictionaries(TOKENS, EDITED), st.sets(TOKENS))
def test_each_token_has_its_own(
    posted: dict[str, list[int]], edited: dict[str, list[int]], others: set[str]
) -> None:
    page = encoded({token: array("H", some) for token, some in posted.items()}, edited)
    for token in posted.keys() | edited.keys() | others:
        assert list(offsets(look_up(page, token.encode()).posted)) == posted.get(token, [])
        assert list(look_up(page, token.encode()).edited) == edited.get(token, [])


@pytest.mark.parametrize("count", [SHORT // 4, SHORT])
def test_a_page_may_be_large(count: int) -> None:
    posted = {f"t{number}": array("H", range(0, 32768, 8)) for number in range(count // 4096 + 2)}
    page = encoded(posted, {})
    for token, some in posted.items():
        assert list(offsets(look_up(page, token.encode()).posted)) == some.tolist()


def test_an_author_is_a_token_without_line_feeds() -> None:
    page = encoded({author_token("a\nb"): array("H", [3]), "b": array("H", [4])}, {})
    assert list(offsets(look_up(page, author_token("a\nb").encode()).posted)) == [3]
    assert list(offsets(look_up(page, b"b").posted)) == [4]
