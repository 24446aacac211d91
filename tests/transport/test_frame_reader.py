"""The reader alone: any split of a stream gives the same messages."""

import struct
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ws_client import frame

from chatserver.web.websocket import frames
from chatserver.web.websocket.frames import FrameError, FrameReader, Message

Outcome = tuple[list[Message], int | None]


def read_all(chunks: list[bytes], limit: int = 1 << 17) -> Outcome:
    reader = FrameReader(limit)
    messages = []
    try:
        for chunk in chunks:
            reader.feed(chunk)
            while (message := reader.next_message()) is not None:
                messages.append(message)
    except FrameError as error:
        return messages, error.code
    return messages, None


payloads = st.one_of(
    st.binary(max_size=140),
    st.text(max_size=60).map(str.encode),
    st.sampled_from([125, 126, 65535, 65536]).map(lambda size: b"x" * size),
)
first_bytes = st.sampled_from([0x81, 0x01, 0x82, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8A, 0xC1, 0x83])
streams = st.lists(st.tuples(first_bytes, payloads), max_size=8).map(
    lambda parts: b"".join(frame(first, payload) for first, payload in parts)
)


@given(streams | st.binary(max_size=64), st.data())
def test_any_split_gives_the_same(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    chunks = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    assert read_all(chunks) == read_all([stream])


@given(streams)
def test_byte_by_byte_gives_the_same(stream: bytes) -> None:
    stream = stream[:2000]
    assert read_all([stream[i : i + 1] for i in range(len(stream))]) == read_all([stream])


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_built_frames_are_read_back(size: int) -> None:
    built = frames.text_frame(b"a" * size)
    # As a client would have sent it: with the mask bit and a mask of zeros.
    header = len(built) - size
    masked = bytes((built[0], built[1] | 0x80)) + built[2:header] + bytes(4) + built[header:]
    assert read_all([masked]) == ([(frames.TEXT, b"a" * size)], None)


def test_reads_fragments_with_a_ping_between() -> None:
    stream = frame(0x01, b"gr") + frame(0x89, b"?") + frame(0x80, "üße".encode())
    assert read_all([stream]) == ([(frames.PING, b"?"), (frames.TEXT, "grüße".encode())], None)


def test_a_character_may_be_cut_by_fragments() -> None:
    euro = "€".encode()
    assert read_all([frame(0x01, euro[:1]) + frame(0x80, euro[1:])]) == ([(1, euro)], None)


WRONG = {
    "unmasked": (frame(0x81, b"x", masked=False), 1002),
    "reserved bit": (frame(0xC1, b"x"), 1002),
    "reserved opcode": (frame(0x83, b"x"), 1002),
    "reserved control opcode": (frame(0x8B), 1002),
    "length in 16 bits for no reason": (struct.pack("!BBH", 0x81, 0xFE, 125), 1002),
    "length in 64 bits for no reason": (struct.pack("!BBQ", 0x81, 0xFF, 65535), 1002),
    "length of 2^63": (struct.pack("!BBQ", 0x81, 0xFF, 1 << 63), 1002),
    "length of 2^63 - 1": (struct.pack("!BBQ", 0x81, 0xFF, (1 << 63) - 1), 1009),
    "long ping": (frame(0x89, b"x" * 126), 1002),
    "fragmented ping": (frame(0x09), 1002),
    "nothing to continue": (frame(0x80, b"x"), 1002),
    "message in a message": (frame(0x01, b"x") + frame(0x81, b"y"), 1002),
    "not UTF-8": (frame(0x81, b"\xff"), 1007),
    "a surrogate": (frame(0x81, b"\xed\xa0\x80"), 1007),
    "not UTF-8, long": (frame(0x81, b"a" * 200 + b"\xff"), 1007),
    "not UTF-8 across fragments": (frame(0x01, b"\xe2") + frame(0x00, b"\x28"), 1007),
    "cut short at the end": (frame(0x01, b"ok") + frame(0x80, b"\xe2"), 1007),
    "too big": (frame(0x81, b"x" * 1001), 1009),
    "too big in fragments": (frame(0x01, b"x" * 600) + frame(0x80, b"x" * 600), 1009),
}


@pytest.mark.parametrize(("stream", "code"), WRONG.values(), ids=WRONG)
def test_violations(stream: bytes, code: int) -> None:
    # A stream that only starts to announce a length has its mask to come.
    messages, failed_with = read_all([stream + bytes(4)], limit=1000)
    assert (messages, failed_with) == ([], code)


def test_the_limit_itself_is_allowed() -> None:
    assert read_all([frame(0x81, b"x" * 1000)], limit=1000) == ([(1, b"x" * 1000)], None)


def test_fragments_cost_as_much_as_they_take() -> None:
    messages, code = read_all([frame(0x01) + frame(0x00) * 1_000_000], limit=65536)
    assert (messages, code) == ([], 1009)


def test_a_quarter_of_a_million_bytes_in_small_fragments() -> None:
    stream = frame(0x02, b"x" * 64) + frame(0x00, b"x" * 64) * 4094 + frame(0x80, b"x" * 64)
    assert read_all([stream], limit=1 << 20) == ([(2, b"x" * 64 * 4096)], None)


def test_an_idle_reader_holds_nothing() -> None:
    reader = FrameReader(1 << 20)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        reader.feed(frame(0x82, bytes(500_000)) + b"\x81")
        assert reader.next_message() is not None
        assert reader.next_message() is None
        assert tracemalloc.get_traced_memory()[0] - before < 1000
    finally:
        tracemalloc.stop()


def test_close_frames() -> None:
    assert frames.close_frame() == b"\x88\x00"
    assert frames.close_frame(4408, "slow") == b"\x88\x06\x11\x38slow"
    long = frames.close_frame(1000, "é" * 100)
    assert len(long) <= 127
    assert long[4:].decode() == "é" * 61


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]
)
def test_reserved_close_codes(code: int) -> None:
    with pytest.raises(FrameError) as caught:
        frames.close_status(struct.pack("!H", code))
    assert caught.value.code == 1002


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 4408, 4999])
def test_close_codes(code: int) -> None:
    assert frames.close_status(struct.pack("!H", code) + b"why") == (code, "why")


def test_odd_close_payloads() -> None:
    assert frames.close_status(b"") == (None, "")
    for payload, code in ((b"\x03", 1002), (b"\x03\xe8\xff", 1007)):
        with pytest.raises(FrameError) as caught:
            frames.close_status(payload)
        assert caught.value.code == code
