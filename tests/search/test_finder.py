"""The tokens that are looked up in the index for a query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.search.finder import TAIL_EVENTS, TAILS_EVENTS, Wanted, longest_tail
from chatserver.search.marks import LINK, marks
from chatserver.search.query import parse
from chatserver.search.segments import author_token
from chatserver.testing.samples import posted

LONG = " ".join(f"word{number}" for number in range(20))


@pytest.mark.parametrize(
    ("text", "authors", "rooms", "looked_up"),
    [
        ("東京都", ["a"], 1, [["東京"], ["京都"], [author_token("a")]]),
        ("x", ["a", "b"], 100, [["x"], [author_token("a"), author_token("b")]]),
        ("x", ["a", "b"], 500, [["x"]]),
        ("x", [], 100_000, [["x"]]),
        ("x y z", [], 600, [["x"], ["y"]]),
        ("from:ada", ["a"], 100_000, [[author_token("a")]]),
    ],
)
def test_in_many_rooms_fewer_tokens_are_looked_up(
    text: str, authors: list[str], rooms: int, looked_up: list[list[str]]
) -> None:
    groups = Wanted(parse(text), authors).groups(rooms)
    assert [list(group) for group in groups] == looked_up


def test_what_messages_have_is_looked_up_beside_words() -> None:
    file, link = frozenset({"attachments", "thumbnails"}), frozenset({LINK})
    having = [["\0has attachments", "\0has thumbnails"], ["\0has ://"]]
    for text, looked_up in (("has:x", having), ("tea", [["tea"], *having])):
        groups = Wanted(parse(text), having=[file, link]).groups(1)
        assert [list(group) for group in groups] == looked_up
    assert [*Wanted(parse("tea"), having=[file]).groups(500)] == [("tea",)]


@pytest.mark.parametrize(
    ("body", "data", "found"),
    [
        ("see https://example.org", {}, {LINK}),
        ("see HTTP://x", {}, {LINK}),
        ("http:// and xhttp://y, ftp://z", {}, set()),
        ("file", {"attachments": {}, "thumbnails": {}}, {"attachments", "thumbnails"}),
    ],
)
def test_marks_are_links_and_data(body: str, data: dict[str, object], found: set[str]) -> None:
    event = posted("r", 1, body=body, data=data)
    assert {*marks(event)} == found
    for wanted in (frozenset({LINK}), frozenset({"attachments", "polls"})):
        is_found = Wanted(parse("has:x"), having=[wanted]).matches(event)
        assert is_found == bool(found & wanted)
    assert not Wanted(parse("has:x"), having=[frozenset({LINK}), frozenset({"polls"})]).matches(
        event
    )


@pytest.mark.parametrize("rooms", [1, 100, 1000, 100_000])
def test_the_number_of_looked_up_pages_is_bounded(rooms: int) -> None:
    groups = Wanted(parse(LONG), [f"u{number}" for number in range(10)]).groups(rooms)
    assert 1 <= sum(map(len, groups)) <= max(1200 / rooms, 12 if rooms <= 100 else 1)


@given(st.lists(st.integers(0, 2 * TAIL_EVENTS), max_size=60))
def test_of_tails_as_much_is_read_as_may_be(lengths: list[int]) -> None:
    """All if they are short together, whatever the number of rooms; else the same of each long one."""
    longest = longest_tail(lengths)

    def read(most: int) -> int:
        return sum(min(length, most) for length in lengths)

    assert 0 < longest <= TAIL_EVENTS
    assert read(longest) <= TAILS_EVENTS
    is_all = all(length <= longest for length in lengths)
    assert is_all or longest == TAIL_EVENTS or read(longest + 1) > TAILS_EVENTS


def test_a_tail_of_one_event_is_read_in_however_many_rooms() -> None:
    assert longest_tail([1] * (2 * TAILS_EVENTS)) == 1
    assert longest_tail([7] * 2000 + [128] * 40) == TAIL_EVENTS
