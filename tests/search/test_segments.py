"""What a segment says about its part of a log, and in which order answers come of it."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.interfaces import IndexPage
from chatserver.model import AnyEvent, MessageEdited
from chatserver.search import segments
from chatserver.search.candidates import Groups, Span, by_index
from chatserver.search.segments import SIZES, Builder, Segment, next_segment
from chatserver.testing.samples import event, posted

ANY = 1 << 40


def at(seconds: int) -> str:
    return f"2026-01-01T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000Z"


def log(bodies: Sequence[str]) -> list[AnyEvent]:
    """A message a minute; "3:text" edits the message 3."""
    events: list[AnyEvent] = []
    for seq, body in enumerate(bodies, 1):
        message, _, text = body.rpartition(":")
        if message:
            edit = event(
                MessageEdited, "r", seq, message=f"r-{message}", body=text, at=at(seq * 60)
            )
            events.append(edit)
        else:
            events.append(posted("r", seq, body=body, at=at(seq * 60)))
    return events


def index(events: Sequence[AnyEvent], upto: int | None = None) -> list[IndexPage]:
    """All pages that an indexer would have written on its way, also those it drops later."""
    pages: list[IndexPage] = []
    done = 0
    while segment := next_segment(done, len(events) if upto is None else upto):
        pages += built(events, segment)
        done = segment.end
    return pages


def built(events: Sequence[AnyEvent], segment: Segment) -> Iterator[IndexPage]:
    builder = Builder(segment)
    for each in events[segment.first : segment.end]:
        builder.add(each)
    return (IndexPage("r", slot, segment.first, data) for slot, data in builder.pages())


def asked(pages: Iterable[IndexPage], groups: Groups, end: int, **more: object) -> list[int]:
    """As a search does it: with those pages alone that may have the tokens."""
    tokens = {token for group in groups for token in group} | {segments.TIMES}
    slots = {slot for token in tokens for slot in segments.slots(token)}
    known = [page for page in pages if page.slot in slots]
    given = {"carried": set(), "top": ANY} | more
    return list(chain.from_iterable(by_index(known, groups, end, **given)))  # type: ignore[arg-type]


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


def test_a_page_tells_its_segment() -> None:
    for size in SIZES:
        segment = Segment(3 * size, 4 * size)
        for token in ("a", "東京", segments.TIMES):
            slot = segments.slot_in(segment, token.encode())
            assert slot in segments.slots(token)
            assert segments.segment_of(slot, segment.first) == segment
            assert segment.lowest_slot <= slot < 2 * segment.lowest_slot


def test_answers_come_newest_first_with_edits_at_their_message() -> None:
    bodies = ["alpha", "beta", "alpha beta", "2:alpha", "gamma", "1:beta", "alpha", "alpha beta"]
    pages = index(log(bodies))
    assert asked(pages, [("alpha",)], 8) == [8, 7, 3, 2, 1]
    assert asked(pages, [("alpha",), ("beta",)], 8) == [8, 3]  # no text of 1 or 2 had both
    assert asked(pages, [("alpha", "gamma")], 8) == [8, 7, 5, 3, 2, 1]
    assert asked(pages, [("beta",)], 8, top=7) == [3, 2, 1]
    assert asked(pages, [("beta",)], 8, carried={5, 9}) == [8, 5, 3, 2, 1]
    assert asked(pages, [("delta",)], 8) == []


def test_a_segment_that_is_being_written_hides_no_smaller_one() -> None:
    events = log(["alpha beta", *["word", "alpha beta", "1:alpha"] * 171])[:512]
    small = index(events, 504)
    large = list(built(events, Segment(0, 512)))
    expected = asked(small, [("alpha",), ("beta",)], 504)
    assert len(expected) == 169
    for written in range(len(large) + 1):
        assert asked(small + large[:written], [("alpha",), ("beta",)], 504) == expected
    dropped = [page for page in small if page.first >= 256]
    assert asked(dropped + large, [("alpha",), ("beta",)], 504) == expected
    assert asked(large, [("alpha",), ("beta",)], 504, top=300) == [
        seq for seq in expected if seq <= 300
    ]


def test_times_leave_out_what_is_far_from_them() -> None:
    pages = index(log(["word"] * 64))
    noon = segments.seconds(at(0))
    near = asked(pages, [("word",)], 64, span=Span(noon + 33 * 60, noon + 34 * 60))
    assert {33, 34} <= set(near) <= set(range(33, 49))
    assert asked(pages, [("word",)], 64, span=Span(noon + 86400, segments.NEVER)) == []
    assert asked(pages, [], 64) == list(range(64, 0, -1))


def test_a_segment_is_the_same_whoever_makes_it() -> None:
    events = log([f"word{n % 7} 東京{n}" for n in range(512)])
    first, second = list(built(events, Segment(0, 512))), list(built(events, Segment(0, 512)))
    assert first == second


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 700), st.integers(0, 700), st.integers(1, 800), st.integers())
def test_the_index_finds_what_reading_everything_finds(
    size: int, upto: int, top: int, seed: int
) -> None:
    chance = random.Random(seed)
    words = ["a", "b", "c", "東", "京"]
    bodies: list[str] = []
    for seq in range(1, size + 1):
        text = " ".join(chance.sample(words, 2))
        edits = seq > 1 and chance.random() < 0.2
        bodies.append(f"{chance.randint(1, seq - 1)}:{text}" if edits else text)
    pages = index(log(bodies), min(upto, size))
    chance.shuffle(pages)
    end = max((segments.segment_of(page.slot, page.first).end for page in pages), default=0)
    texts: defaultdict[int, set[str]] = defaultdict(
        set
    )  # all that a message said, together and each
    wanted = set()
    for seq, body in enumerate(bodies[:end], 1):
        message, _, text = body.rpartition(":")
        texts[int(message or seq)] |= set(text.split())
        if {"a", "b"} <= set(text.split()):
            wanted.add(int(message or seq))
    found = asked(pages, [("a",), ("b",)], end, top=top)
    assert found == sorted(set(found), reverse=True)
    assert {seq for seq in wanted if seq <= top} <= set(found)
    assert all(seq <= top and {"a", "b"} <= texts[seq] for seq in found)
