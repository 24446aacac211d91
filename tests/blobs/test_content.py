"""What a file is by its first bytes, whatever its name or its user says."""

import struct
from collections.abc import AsyncIterator

import pytest

from chatserver.blobs.content import HEAD_BYTES, MOST_PARTS, Content, content_of
from chatserver.blobs.model import ANY_TYPE
from chatserver.blobs.serving import SHOWN, answer
from chatserver.blobs.streams import Measured
from tests.blobs.scene import Scene
from tests.plugins.pictures import gif, jpeg, png, webp


def exif(orientation: int, order: str = "<", before: int = 1) -> bytes:
    """A segment that says how the camera was held, behind other entries."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(f"{order}H", before + 1)
    entries += struct.pack(f"{order}HHIHH", 0x010F, 3, 1, 7, 0) * before
    entries += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0" + mark + struct.pack(f"{order}I", 8) + entries
    return b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body


def avif(*sides: tuple[int, int]) -> bytes:
    boxes = b"".join(b"\0\0\0\x14ispe\0\0\0\0" + struct.pack(">II", *each) for each in sides)
    return b"\0\0\0\x1cftypavif" + bytes(16) + b"\0\0\x01\0meta" + boxes


PICTURES = {
    "png": (png(300, 200), "image/png"),
    "gif": (gif(300, 200), "image/gif"),
    "jpeg": (jpeg(300, 200), "image/jpeg"),
    "jpeg with a thumbnail": (
        jpeg(300, 200, before=b"\xff\xe1\0\x0a" + jpeg(9, 9)[:8] + b"\xff\xff\xfe\0\x04hi\xff\xd0"),
        "image/jpeg",
    ),
    "jpeg, turned, in the other order": (jpeg(200, 300, before=exif(8, ">")), "image/jpeg"),
    "lossy": (webp(b"VP8 ", 300, 200), "image/webp"),
    "lossless": (webp(b"VP8L", 300, 200), "image/webp"),
    "extended": (webp(b"VP8X", 300, 200), "image/webp"),
    "avif with a preview": (avif((30, 20), (300, 200)), "image/avif"),
}


@pytest.mark.parametrize(("content", "media_type"), PICTURES.values(), ids=PICTURES)
def test_a_picture_is_known_by_its_content(content: bytes, media_type: str) -> None:
    for claimed in ("", "text/html", "image/png", "video/mp4"):
        assert content_of(content, claimed) == Content(media_type, 300, 200)
    for length in range(len(content)):  # cut off anywhere it raises nothing
        assert content_of(content[:length]).media_type in (media_type, ANY_TYPE, "video/mp4")


@pytest.mark.parametrize("orientation", range(10))
def test_a_photograph_is_as_wide_as_it_is_shown(orientation: int) -> None:
    turned = content_of(jpeg(300, 200, before=exif(orientation) + exif(1)))
    sides = (200, 300) if 5 <= orientation <= 8 else (300, 200)
    assert turned == Content("image/jpeg", *sides)


def test_what_is_looked_through_is_bounded() -> None:
    assert content_of(jpeg(300, 200, before=b"\xff\xd0" * 900)).width == 300
    assert content_of(jpeg(300, 200, before=b"\xff\xd0" * MOST_PARTS)).width == 0
    assert content_of(jpeg(200, 300, before=exif(6, before=900))).width == 300
    assert content_of(jpeg(200, 300, before=exif(6, before=MOST_PARTS))).width == 200


def test_a_jpeg_is_read_up_to_its_first_scan() -> None:
    unknown = Content("image/jpeg", 0, 0)
    assert content_of(b"\xff\xd8\xff\xda\0\x02" + jpeg(9, 9)[2:]) == unknown
    assert content_of(b"\xff\xd8" + b"\xff\xe0\0\0" * 50_000) == unknown
    assert content_of(b"\xff\xd8" + b"\xff" * HEAD_BYTES) == unknown


def test_directories_that_lie_about_their_length_are_left() -> None:
    long = exif(6).replace(struct.pack("<HH", 2, 0x010F), b"\xff\xff\x0f\x01")
    assert content_of(jpeg(200, 300, before=long)) == Content("image/jpeg", 300, 200)
    far = exif(6).replace(struct.pack("<I", 8), b"\xff\xff\xff\xff", 1)
    assert content_of(jpeg(200, 300, before=far)) == Content("image/jpeg", 200, 300)


SOUNDS_AND_FILMS = {
    "mp4": (b"\0\0\0\x20ftypisom", "video/mp4", "audio/mp4"),
    "m4a": (b"\0\0\0\x20ftypM4A ", "audio/mp4", None),
    "webm": (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm", "audio/webm"),
    "ogg": (b"OggS\0\x02" + bytes(22) + b"\x01\x1eOpusHead", "audio/ogg", "video/ogg"),
    "ogg with theora": (b"OggS\0\x02" + bytes(22) + b"\x80theora", "video/ogg", None),
    "flac": (b"fLaC\0\0\0\x22", "audio/flac", None),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav", None),
    "mp3 with tags": (b"ID3\x04\0\0", "audio/mpeg", "audio/aac"),
    "mp3": (b"\xff\xfb\x90\x64", "audio/mpeg", None),
    "aac": (b"\xff\xf1\x50\x80", "audio/aac", None),
}


@pytest.mark.parametrize(
    ("head", "first", "other"), SOUNDS_AND_FILMS.values(), ids=SOUNDS_AND_FILMS
)
def test_a_sound_or_film_is_known_by_its_content(
    head: bytes, first: str, other: str | None
) -> None:
    assert content_of(head) == content_of(head, "image/png") == Content(first)
    if other is not None:
        assert content_of(head, other) == Content(other)


OTHERS = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "html behind a name": b"GIF<script>",
    "nothing": b"",
    "bmp": b"BM" + bytes(60),
    "utf-16": "ÿa text".encode("utf-16"),
    "matroska": b"\x1a\x45\xdf\xa3\x9fB\x82\x88matroska",
    "quicktime": b"\0\0\0\x14ftypqt  ",
    "a frame of no version of MPEG": b"\xff\xeb\x90\x64",
    "a frame of no rate": b"\xff\xfb\xf0\x64",
    "cut off": png()[:20],
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_what_only_claims_to_be_shown_is_of_no_known_type(content: bytes) -> None:
    for claimed in SHOWN:
        assert content_of(content, claimed) == Content(ANY_TYPE)
    assert content_of(content, "application/pdf") == Content("application/pdf")
    assert content_of(content) == Content(ANY_TYPE)


async def parts(content: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_a_stored_file_has_the_type_of_its_content() -> None:
    scene = Scene()
    picture = await scene.one.take("ada", parts(png(30, 20)), media_type="text/html")
    assert (picture.media_type, picture.width, picture.height) == ("image/png", 30, 20)
    page = await scene.one.take("ada", parts(OTHERS["html"]), media_type="image/png")
    assert (page.media_type, page.width) == (ANY_TYPE, 0)
    assert answer(page).headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("cut", [1, 20, None])
async def test_an_upload_has_it_too_in_however_many_pieces_it_came(cut: int | None) -> None:
    scene = Scene()
    content = jpeg(300, 200, before=b"\xff\xe2\xff\xff" + bytes(65_533))
    upload = await scene.one.uploads.create("ada", len(content), media_type="image/png")
    for start, end in ((0, cut), (cut, None)) if cut else ((0, None),):
        piece = content[start:end]
        done = await scene.one.uploads.append(upload.id, "ada", start or 0, parts(piece, 5_000))
    assert done.blob is not None
    assert (done.blob.media_type, done.blob.width, done.blob.height) == ("image/jpeg", 300, 200)


async def test_only_the_head_of_a_stream_is_kept() -> None:
    content = bytes(range(256)) * 2400
    measured = Measured(parts(content, 200_000), len(content))
    assert b"".join([part async for part in measured]) == content
    assert measured.head == content[:HEAD_BYTES]
