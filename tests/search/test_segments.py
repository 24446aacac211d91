"""The segments of an index: each follows from its piece of the log alone, and is dropped when superseded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.search import segments
from chatserver.search.segments import (
    SIZES,
    Segment,
    cover,
    may_be_dropped,
    next_segment,
    superseded,
)
from tests.search.indexing import filled, log


@pytest.mark.parametrize(
    ("indexed", "head", "segment"),
    [
        (0, 7, None),
        (0, 8, (0, 8)),
        (0, 31, (0, 8)),
        (8, 31, (0, 16)),
        (24, 32, (0, 32)),
        (32, 39, None),
        (32, 40, (32, 40)),
        (32, 64, (0, 64)),
        (0, 600, (0, 512)),
        (512, 600, (512, 544)),
        (512, 700, (512, 640)),
        (4088, 4096, (0, 4096)),
        (0, 100_000, (0, 32768)),
        (32768, 100_000, (32768, 65536)),
        (98_304, 106_496, (98_304, 106_496)),
        (106_496, 114_688, (98_304, 114_688)),
    ],
)
def test_the_next_segment(indexed: int, head: int, segment: tuple[int, int] | None) -> None:
    assert next_segment(indexed, head) == segment


@given(st.integers(0, 200_000), st.integers(0, 1000))
def test_parts_lead_to_the_head_without_a_gap(head: int, more: int) -> None:
    covered = 0
    for reach in (head, head + more):
        while segment := next_segment(covered, reach):
            assert segment.first <= segment.newest <= covered < segment.end <= reach
            assert segment.size in SIZES
            covered = segment.end
        assert reach - covered < SIZES[0]


@given(st.integers(0, 200_000), st.integers(0, 2000))
def test_the_cover_consists_of_made_segments_however_the_log_grew(head: int, step: int) -> None:
    made: set[Segment] = set()
    indexed = 0
    for reach in (*range(0, head, max(step, 200)), head):
        while segment := next_segment(indexed, reach):
            assert segment.before is None or segment.before in made, "its other parts are not there"
            made.add(segment)
            indexed = segment.end
    found = cover(indexed)
    assert set(found) <= made
    assert [each.first for each in found] == [0, *(each.end for each in found)][: len(found)]
    assert len(found) <= head // SIZES[-1] + len(SIZES) - 1
    assert not any(may_be_dropped(each, indexed) for each in found)


@given(st.integers(0, 200_000))
def test_dropped_segments_are_not_needed_any_more(head: int) -> None:
    kept: dict[Segment, int] = {}  # and since when
    indexed = 0
    while segment := next_segment(indexed, head):
        before = cover(indexed)
        indexed = segment.end
        kept[segment] = indexed
        slot, first = superseded(segment)
        gone = {each for each in kept if each.lowest_slot < slot and each.newest < first}
        assert not gone & {*before, *cover(indexed)}, "somebody may be reading it"
        assert all(may_be_dropped(each, indexed) for each in gone)
        for each in gone:
            del kept[each]
    assert len(kept) <= len(cover(indexed)) + 4 * len(SIZES)


def test_a_token_has_a_page_in_each_segment() -> None:
    for size in SIZES[:-1]:
        segment = Segment(4 * size, 6 * size)
        for token in ("a", "東京", segments.TIMES):
            assert segments.slot_in(segment, token.encode()) in segment.slots
    below = [slot for size in SIZES for slot in Segment(0, size).slots]
    assert len(below) == len(set(below)), "segments of two sizes have the same slots"


def test_every_node_adds_the_same_for_a_part() -> None:
    events = log([f"word{n % 7} 東京{n}" for n in range(512)])
    first, second = (list(filled(events, Segment(0, 256)).pages()) for _ in range(2))
    assert first == second
