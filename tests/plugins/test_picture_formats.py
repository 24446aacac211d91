"""Pictures are known by their content; what they say beside their pixels goes, and what is broken is refused."""

import random

import pytest

from chatserver_plugins.pictures.formats import MOST_PARTS, Unreadable, read_picture
from tests.plugins.samples import (
    JPEG,
    TRANSPARENT_WEBP,
    WEBP,
    jpeg,
    lossless_webp,
    png,
    png_chunk,
    sized_jpeg,
    webp,
    webp_with,
)

PLACE = b"35.6586 N 139.7454 E"  # what nobody wants to tell with their face
ADOBE = b"Adobe" + bytes(7)


@pytest.mark.parametrize(
    ("content", "kind", "size"),
    [
        (png(), "image/png", (16, 16)),
        (png(30, 20), "image/png", (30, 20)),
        (JPEG, "image/jpeg", (16, 16)),
        (sized_jpeg(640, 480), "image/jpeg", (640, 480)),
        (WEBP, "image/webp", (16, 16)),
        (TRANSPARENT_WEBP, "image/webp", (16, 16)),
        (lossless_webp(300, 299), "image/webp", (300, 299)),
    ],
)
def test_a_picture_without_metadata_stays_as_it_is(
    content: bytes, kind: str, size: tuple[int, int]
) -> None:
    picture = read_picture(content)
    assert (picture.media_type, (picture.width, picture.height)) == (kind, size)
    assert picture.content == content


@pytest.mark.parametrize(
    ("content", "cleaned"),
    [
        (png(extra=[(b"tEXt", PLACE), (b"eXIf", PLACE), (b"iTXt", PLACE)]), png()),
        (png(extra=[(b"acTL", bytes(8)), (b"fdAT", PLACE)]), png()),
        (png(extra=[(b"gAMA", bytes(4)), (b"tIME", PLACE)]), png(extra=[(b"gAMA", bytes(4))])),
        (png() + PLACE, png()),
        (jpeg((0xE1, b"Exif\0\0" + PLACE), (0xE2, PLACE), (0xFE, PLACE)), JPEG),
        (jpeg((0xE0, b"JFXX\0" + PLACE), (0xED, PLACE), (0xEF, PLACE)), JPEG),
        (jpeg((0xEE, ADOBE), (0xEE, ADOBE + PLACE)), jpeg((0xEE, ADOBE))),
        (jpeg((0xEE, b"Other" + PLACE[:7])), JPEG),
        (JPEG[:2] + b"\xff\xff" + JPEG[2:], JPEG),  # filled up
        (JPEG + PLACE, JPEG),
        (webp((b"EXIF", PLACE), (b"XMP ", PLACE + b"!"), flags=0x0C), WEBP),
        (webp_with([(b"ICCP", PLACE), (b"what", PLACE)], flags=0x20), WEBP),
        (WEBP + PLACE, WEBP),
    ],
)
def test_metadata_goes_and_the_pixels_stay(content: bytes, cleaned: bytes) -> None:
    picture = read_picture(content)
    assert PLACE not in picture.content
    assert picture.content == cleaned


def test_a_jpeg_of_several_scans_keeps_them_all() -> None:
    scan = JPEG[JPEG.index(b"\xff\xda") : -2]
    content = (
        JPEG[:-2]
        + b"\xff\xd0"
        + jpeg((0xE1, PLACE))[2:26]
        + scan
        + b"\xff\x00\xff\xd3"
        + b"\xff\xd9"
    )
    cleaned = JPEG[:-2] + b"\xff\xd0" + scan + b"\xff\x00\xff\xd3" + b"\xff\xd9"
    assert read_picture(content).content == cleaned


@pytest.mark.parametrize(
    "content",
    [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a" + bytes(20), b"\xff", b"RIFF" + bytes(8), webp_with([(b"ANIM", bytes(6)), (b"ANMF", PLACE)], flags=2)],
)  # fmt: skip
def test_another_kind_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read_picture(content)
    assert refused.value.reason == "kind"


@pytest.mark.parametrize(
    "content",
    [
        png(0, 16),
        png()[:-4],
        png().replace(b"\x80", b"\x81", 1)[:-1],
        png()[:8] + png_chunk(b"IEND", b""),
        png()[:8] + png_chunk(b"IHDR", bytes(3) + b"\1" + bytes(3) + b"\1") + png()[33:],
        png()[:40] + b"\0" + png()[41:],  # another checksum
        png(extra=[(b"tEXt", b"")] * MOST_PARTS),
        sized_jpeg(16, 0),
        JPEG[:-2],
        JPEG[: JPEG.index(b"\xff\xda")] + b"\xff\xd9",  # no scan
        JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") :],  # no frame
        JPEG[:2] + JPEG[JPEG.index(b"\xff\xc0") : JPEG.index(b"\xff\xc4")] + JPEG[2:],  # two frames
        JPEG.replace(b"\xff\xda\x00\x0c", b"\xff\xda\x00\x01"),
        JPEG[:2] + b"\xff\xd0" + JPEG[2:],
        JPEG[:2] + b"\xff\x00\x00\x02" + JPEG[2:],
        JPEG[:2] + b"!" + JPEG[2:],
        jpeg(*[(0xFE, b"")] * MOST_PARTS),
        WEBP[:-2],
        WEBP[:12],
        webp_with([(b"what", b"")] * MOST_PARTS),
        WEBP[:24] + b"\x10" + WEBP[25:],  # a canvas of another size
        WEBP[:41] + b"\0" + WEBP[42:],  # no start code
        WEBP[:38] + bytes((WEBP[38] | 1,)) + WEBP[39:],  # no key frame
        lossless_webp(8, 8).replace(b"\x2f", b"\x2e"),
        JPEG[:2] + b"\xff" * 128_000,
    ],
)
def test_a_broken_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Unreadable) as refused:
        read_picture(content)
    assert refused.value.reason == "broken"


@pytest.mark.parametrize(
    "whole", [png(40, 40, [(b"tEXt", PLACE)]), jpeg((0xE1, PLACE)), webp((b"EXIF", PLACE))]
)
def test_whatever_bytes_change_or_are_missing_a_picture_or_a_reason_comes_of_it(
    whole: bytes,
) -> None:
    rng = random.Random(7)
    for _ in range(3000):
        content = bytearray(whole[: rng.randrange(len(whole)) + 1] if rng.random() < 0.5 else whole)
        for _ in range(rng.randrange(4)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        try:
            picture = read_picture(bytes(content))
        except Unreadable:
            continue
        assert read_picture(picture.content) == picture
        assert len(picture.content) <= len(content)
