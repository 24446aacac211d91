"""How a blob is answered over HTTP: status, headers, and which bytes.

After RFC 9110: conditional requests (section 13), a single range (section 14); and RFC 6266 for the file's name.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from chatserver.blobs.model import ANY_TYPE, Blob

# Shown in the browser; all others are downloaded, as HTML and SVG would run with the rights of the server's origin.
SHOWN = frozenset(
    f"{kind}/{name}"
    for kind, names in {
        "image": "png jpeg gif webp avif",
        "audio": "mpeg mp4 ogg wav webm aac flac",
        "video": "mp4 webm ogg",
    }.items()
    for name in names.split()
)
NO_SCRIPTS = "default-src 'none'; sandbox"
# Only whoever asks may keep it: the rights to a file may be gone tomorrow.
CACHE = "private, no-cache"
DIGITS = 19  # of a position; more is no size of anything
_RANGE = re.compile(rf"bytes=[ \t]*(\d{{0,{DIGITS}}})-(\d{{0,{DIGITS}}})[ \t]*", re.ASCII)
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


class Answer(NamedTuple):
    """The answer for a blob: a status (200, 206, 304, 416), its headers, and the bytes to send."""

    status: int
    headers: Mapping[str, str]
    start: int
    length: int


def answer(
    blob: Blob,
    *,
    range_: str | None = None,
    if_none_match: str | None = None,
    if_range: str | None = None,
) -> Answer:
    """The answer to a GET or HEAD with these headers; None: the request has no such header.

    The ETag is the hash of the content. A range that cannot be read, or several, are answered by the whole blob, as
    the RFC permits; one that begins after the end by 416.
    """
    tag = f'"{blob.sha256}"'
    common = {"ETag": tag, "Cache-Control": CACHE}
    if if_none_match is not None and _matches(if_none_match, blob.sha256):
        return Answer(304, common, 0, 0)
    described = common | _description(blob) | {"Accept-Ranges": "bytes"}
    wanted = None if range_ is None or if_range not in (None, tag) else _range(range_, blob.size)
    if wanted is None:
        return Answer(200, described, 0, blob.size)
    start, end = wanted
    if start >= end:
        unsatisfied = {"Content-Range": f"bytes */{blob.size}", "Accept-Ranges": "bytes"}
        return Answer(416, common | unsatisfied, 0, 0)
    place = {"Content-Range": f"bytes {start}-{end - 1}/{blob.size}"}
    return Answer(206, described | place, start, end - start)


def _range(text: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last; empty if the range lies outside; None if it is none to heed."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return None
    first, last = found.groups()
    if first and last:
        return (int(first), min(int(last) + 1, size)) if int(first) <= int(last) else None
    if first:
        return int(first), size
    if not last:
        return None
    return (max(0, size - int(last)), size) if int(last) else (size, size)  # the last bytes


def _matches(header: str, sha256: str) -> bool:
    """Whether an If-None-Match has the tag, by weak comparison."""
    return header.strip() == "*" or sha256 in _TAG.findall(header)


def _description(blob: Blob) -> dict[str, str]:
    """Headers that say what the blob is, and let no browser take it for a page of this server."""
    shown = blob.media_type in SHOWN
    return {
        "Content-Type": blob.media_type if shown else ANY_TYPE,
        "Content-Disposition": _disposition("inline" if shown else "attachment", blob.name),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": NO_SCRIPTS,
    }


def _disposition(kind: str, name: str) -> str:
    if not name:
        return kind
    plain = re.sub(r"[^ !#$&+\-.0-9A-Z^_`a-z~()]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
