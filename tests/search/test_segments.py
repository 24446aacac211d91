"""Which segments an index is made of, and that each follows from its part of the log alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.search import segments
from chatserver.search.segments import SIZES, Segment, cover, may_be_dropped, next_segment
from tests.search.indexing import built, log


@pytest.mark.parametrize(
    ("indexed", "head", "segment"),
    [
        (0, 7, None),
        (0, 8, (0, 8)),
        (0, 63, (0, 8)),
        (56, 64, (0, 64)),
        (64, 71, None),
        (64, 80, (64, 72)),
        (0, 600, (0, 512)),
        (512, 600, (512, 576)),
        (4088, 4096, (0, 4096)),
        (0, 100_000, (0, 32768)),
        (99_000, 100_000, (99_000 // 512 * 512, 99_328)),
    ],
)
def test_which_segment_is_next(indexed: int, head: int, segment: tuple[int, int] | None) -> None:
    assert next_segment(indexed, head) == segment


@given(st.integers(0, 200_000), st.integers(0, 1000))
def test_segments_lead_to_the_head_without_a_gap(head: int, more: int) -> None:
    covered = 0
    for reach in (head, head + more):
        while segment := next_segment(covered, reach):
            assert segment.first <= covered < segment.end <= reach
            assert segment.end - segment.first in SIZES
            covered = segment.end
        assert reach - covered < SIZES[0]


@given(st.integers(0, 200_000), st.integers(0, 2000))
def test_the_cover_is_what_was_made_however_the_log_grew(head: int, step: int) -> None:
    made: set[Segment] = set()
    indexed = 0
    for reach in (*range(0, head, max(step, 200)), head):
        while segment := next_segment(indexed, reach):
            made.add(segment)
            indexed = segment.end
    found = cover(indexed)
    assert set(found) <= made
    assert [each.first for each in found] == [0, *(each.end for each in found)][: len(found)]
    assert not any(may_be_dropped(each, indexed) for each in found)


@pytest.mark.parametrize(
    ("segment", "indexed", "gone"),
    [
        (Segment(0, 8), 64, False),
        (Segment(0, 8), 128, True),
        (Segment(64, 72), 128, False),
        (Segment(64, 72), 192, True),
        (Segment(64, 128), 512, False),
        (Segment(64, 128), 1024, True),
        (Segment(0, 32768), 1 << 30, False),
    ],
)
def test_segments_go_after_a_larger_one_and_the_next(
    segment: Segment, indexed: int, gone: bool
) -> None:
    assert may_be_dropped(segment, indexed) == gone


def test_a_token_has_a_page_in_each_segment() -> None:
    for size in SIZES:
        segment = Segment(3 * size, 4 * size)
        for token in ("a", "東京", segments.TIMES):
            slot = segments.slot_in(segment, token.encode())
            assert segment.lowest_slot <= slot < 2 * segment.lowest_slot


def test_a_segment_is_the_same_whoever_makes_it() -> None:
    events = log([f"word{n % 7} 東京{n}" for n in range(512)])
    first, second = list(built(events, Segment(0, 512))), list(built(events, Segment(0, 512)))
    assert first == second
