"""Conditional requests and ranges, as RFC 9110 says, and headers that let no file run as a page."""

import pytest

from chatserver.blobs.model import Blob
from chatserver.blobs.serving import answer

SHA = "ab" * 32
TAG = f'"{SHA}"'


def blob(size: int = 1000, media_type: str = "image/png", name: str = "a.png") -> Blob:
    return Blob(
        id="0" * 32,
        owner="ada",
        name=name,
        media_type=media_type,
        size=size,
        sha256=SHA,
        at="2026-11-27T10:00:00.000Z",
        pieces=(),
    )


def test_without_any_header_all_of_it() -> None:
    found = answer(blob())
    assert (found.status, found.start, found.length) == (200, 0, 1000)
    assert found.headers["ETag"] == TAG
    assert found.headers["Accept-Ranges"] == "bytes"
    assert "Content-Range" not in found.headers


@pytest.mark.parametrize(
    ("header", "start", "length", "shown"),
    [
        ("bytes=0-0", 0, 1, "bytes 0-0/1000"),
        ("bytes=0-999", 0, 1000, "bytes 0-999/1000"),
        ("bytes=10-19", 10, 10, "bytes 10-19/1000"),
        ("bytes=990-5000", 990, 10, "bytes 990-999/1000"),
        ("bytes=500-", 500, 500, "bytes 500-999/1000"),
        ("bytes=-1", 999, 1, "bytes 999-999/1000"),
        ("bytes=-5000", 0, 1000, "bytes 0-999/1000"),
        ("bytes= 1-2 ", 1, 2, "bytes 1-2/1000"),
    ],
)
def test_a_range(header: str, start: int, length: int, shown: str) -> None:
    found = answer(blob(), range_=header)
    assert (found.status, found.start, found.length) == (206, start, length)
    assert found.headers["Content-Range"] == shown


@pytest.mark.parametrize(
    "header", ["bytes=1000-", "bytes=1000-1001", "bytes=99999999-", "bytes=-0"]
)
def test_a_range_after_the_end(header: str) -> None:
    found = answer(blob(), range_=header)
    assert (found.status, found.length) == (416, 0)
    assert found.headers["Content-Range"] == "bytes */1000"


def test_ranges_of_an_empty_file() -> None:
    assert answer(blob(0)).status == 200
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        assert answer(blob(0), range_=header).status == 416


@pytest.mark.parametrize(
    "header",
    [
        *("", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=0-5", "bytes=0-1,5-6"),
        *("bytes=0x0-5", "bytes=１-２", "bytes=+1-2", "bytes=1--2", "bytes=" + "9" * 400 + "-"),
    ],
)
def test_a_range_that_cannot_be_read_is_no_range(header: str) -> None:
    found = answer(blob(), range_=header)
    assert (found.status, found.length) == (200, 1000)


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (TAG, True),
        (f"W/{TAG}", True),
        ("*", True),
        (f'"x", {TAG}, "y"', True),
        ('"x"', False),
        (SHA, False),
        ("", False),
    ],
)
def test_if_none_match(header: str, matches: bool) -> None:
    found = answer(blob(), if_none_match=header)
    assert found.status == (304 if matches else 200)
    assert found.headers["ETag"] == TAG
    if matches:
        assert found.length == 0
        assert "Content-Type" not in found.headers


def test_if_none_match_comes_before_a_range() -> None:
    assert answer(blob(), range_="bytes=0-1", if_none_match=TAG).status == 304
    assert answer(blob(), range_="bytes=0-1", if_none_match='"x"').status == 206


@pytest.mark.parametrize(
    ("condition", "status"), [(TAG, 206), ('"x"', 200), (f"W/{TAG}", 200), ("", 200)]
)
def test_if_range_needs_the_same_content(condition: str, status: int) -> None:
    assert answer(blob(), range_="bytes=0-1", if_range=condition).status == status


def test_pictures_are_shown_and_pages_are_not() -> None:
    shown = answer(blob()).headers
    assert shown["Content-Type"] == "image/png"
    assert shown["Content-Disposition"].startswith("inline")
    for media_type in ("text/html", "image/svg+xml", "application/pdf", "text/javascript"):
        headers = answer(blob(media_type=media_type)).headers
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"].startswith("attachment")
    for headers in (shown, answer(blob(), range_="bytes=0-1").headers):
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "inline"),
        ("a b.png", "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png"),
        ('a"b;\\.png', "inline; filename=\"a_b__.png\"; filename*=UTF-8''a%22b%3B%5C.png"),
        ("日.png", "inline; filename=\"_.png\"; filename*=UTF-8''%E6%97%A5.png"),
    ],
)
def test_the_name_in_the_header(name: str, shown: str) -> None:
    assert answer(blob(name=name)).headers["Content-Disposition"] == shown
