"""The process that makes thumbnails: what they look like, and pictures that harm nobody."""

import asyncio
import io
import os
import re
import signal
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from chatserver.testing.blobs import given
from chatserver_plugins.thumbnails.process import Bounds, Decoder, Failed
from chatserver_plugins.thumbnails.sizes import Size, sizes_of
from tests.blobs.test_metadata import drawing, photograph
from tests.plugins.pictures import png
from tests.waiting import until

BOUNDS = Bounds(source_bytes=20_000_000, memory_bytes=1_000_000_000, pixels=20_000_000, seconds=30)
SMALL = [Size(30, 20)]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(picture: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    to = io.BytesIO()
    picture.save(to, kind, **more)
    return to.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def near(one: Sequence[int], other: Sequence[int], most: int = 30) -> bool:
    return all(abs(a - b) <= most for a, b in zip(one, other, strict=True))


# -- sizes ---------------------------------------------------------------------------------------


def test_sizes_follow_from_the_picture() -> None:
    assert sizes_of("image/jpeg", 4000, 3000) == (Size(320, 240), Size(800, 600), Size(1600, 1200))
    assert sizes_of("image/png", 500, 1000) == (Size(160, 320), Size(400, 800))
    assert sizes_of("image/webp", 10_000, 1) == (Size(320, 1), Size(800, 1), Size(1600, 1))
    for none in (("image/png", 320, 320), ("image/svg+xml", 900, 900), ("image/png", 0, 900)):
        assert sizes_of(*none) == ()


# -- how they look ---------------------------------------------------------------------------------


@asynccontextmanager
async def decoding(bounds: Bounds = BOUNDS) -> AsyncIterator[Decoder]:
    decoder = Decoder(bounds)
    try:
        yield decoder
    finally:
        await decoder.close()


async def made(decoder: Decoder, content: bytes, kind: str, *sizes: Size) -> list[Image.Image]:
    found = await decoder.make(given([content]), len(content), kind, sizes or SMALL)
    return [opened(each) for each in found]


async def test_a_thumbnail_looks_like_its_picture() -> None:
    clear = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (0, 0, 30, 40))
    grey = Image.new("I;16", (60, 40), 40_000)
    cases: dict[str, tuple[bytes, str, tuple[int, ...], tuple[int, ...]]] = {
        "jpeg": (saved(drawing(), "JPEG"), "JPEG", (254, 0, 0), (255, 255, 255)),
        "a profile": (saved(drawing(), "JPEG", icc_profile=SRGB), "JPEG", (254, 0, 0), (255,) * 3),
        "a broken profile": (photograph("PNG", 1), "PNG", (254, 0, 0), (255, 255, 255)),
        "cmyk": (saved(drawing().convert("CMYK"), "JPEG"), "JPEG", (254, 0, 0), (255, 255, 255)),
        "palette": (saved(drawing().convert("P"), "GIF"), "GIF", (254, 0, 0), (255, 255, 255)),
        "clear": (saved(clear, "PNG"), "PNG", (200, 0, 0, 255), (0, 0, 0, 0)),
        "clear palette": (saved(clear, "GIF"), "GIF", (200, 0, 0, 255), (0, 0, 0, 0)),
        "grey": (saved(grey, "PNG"), "PNG", (156, 156, 156), (156, 156, 156)),
        "bits": (saved(Image.new("1", (60, 40), 1), "PNG"), "PNG", (255,) * 3, (255,) * 3),
    }
    async with decoding() as decoder:
        for name, (content, kind, first, last) in cases.items():
            (thumbnail,) = await made(decoder, content, kind)
            assert (thumbnail.format, thumbnail.size) == ("WEBP", (30, 20)), name
            for place, colour in (((2, 2), first), ((27, 17), last)):
                pixel = thumbnail.getpixel(place)
                assert isinstance(pixel, tuple), name
                if len(colour) == 4 and colour[3] == 0:
                    assert pixel[3] < 20, name
                else:
                    assert near(pixel[: len(colour)], colour), (name, pixel)
            assert not {"exif", "icc_profile", "xmp"} & set(thumbnail.info), name


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_thumbnail_is_turned_as_the_camera_was_held(kind: str) -> None:
    async with decoding() as decoder:
        for orientation in (3, 6):
            size = Size(30, 20) if orientation == 3 else Size(20, 30)
            for more in ({}, {"icc_profile": SRGB}):
                content = photograph(kind, orientation, quality=95, **more)
                (thumbnail,) = await made(decoder, content, kind, size)
                # Red is where the first pixel of the file is.
                place = (27, 17) if orientation == 3 else (17, 2)
                pixel = thumbnail.getpixel(place)
                assert isinstance(pixel, tuple) and near(pixel, (254, 0, 0), 60), orientation
                assert not {"exif", "icc_profile", "xmp"} & set(thumbnail.info)


async def test_of_a_large_jpeg_no_more_is_decoded_than_is_shown() -> None:
    content = saved(Image.new("RGB", (800, 600), "red"), "JPEG")
    async with decoding(BOUNDS._replace(pixels=400 * 300)) as decoder:
        (thumbnail,) = await made(decoder, content, "JPEG", Size(320, 240))
        assert thumbnail.size == (320, 240)
        with pytest.raises(Failed):
            await made(decoder, content, "JPEG", Size(600, 450))


async def test_of_an_animation_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "lime", "blue")]
    async with decoding() as decoder:
        for kind in ("GIF", "WEBP", "PNG"):
            content = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
            (thumbnail,) = await made(decoder, content, kind)
            assert getattr(thumbnail, "n_frames", 1) == 1
            pixel = thumbnail.getpixel((9, 9))
            assert isinstance(pixel, tuple) and near(pixel[:3], (255, 0, 0))


def bomb(width: int, height: int) -> bytes:
    """A PNG with so many pixels, of which a hundred take less than a byte."""
    head = png(8, 8)
    lines = zlib.compress(b"\0" * (width * 3 + 1) * height, 1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    return head[:8] + chunk(b"IHDR", sides) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


async def test_bombs_and_what_is_no_picture_give_no_thumbnail_and_the_next_one_does() -> None:
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='900' height='900'/>"
    whole = saved(drawing(600, 400), "JPEG")
    cases = {
        "pixels": (bomb(6000, 4000), "PNG"),
        "many more": (png(8, 8)[:16] + b"\x7f\xff\xff\xff" * 2 + png(8, 8)[24:], "PNG"),
        "cut off": (whole[:3000], "JPEG"),
        "svg": (svg, "PNG"),
        "another kind": (saved(drawing(), "TIFF"), "JPEG"),
        "polyglot": (saved(drawing(), "BMP"), "GIF"),
        "nothing": (b"", "WEBP"),
    }
    async with decoding() as decoder:
        for name, (content, kind) in cases.items():
            with pytest.raises(Failed) as caught:
                await made(decoder, content, kind)
            assert not caught.value.again, name
        process = decoder._process
        assert await made(decoder, whole, "JPEG")
        assert decoder._process is process  # none of them ended it


async def test_too_much_memory_or_time_ends_no_more_than_the_process() -> None:
    # Enough to begin, not for 320 million bytes of pixels.
    async with decoding(BOUNDS._replace(pixels=10**9, memory_bytes=300_000_000)) as decoder:
        with pytest.raises(Failed):
            await made(decoder, bomb(10_000, 8000), "PNG")
        assert await made(decoder, png(40, 40), "PNG")
    async with decoding(BOUNDS._replace(seconds=-0.9)) as decoder:  # one for the whole process
        with pytest.raises(Failed) as caught:
            await made(decoder, png(40, 40), "PNG", *[Size(3000, 3000)] * 100)
        assert caught.value.again


async def test_a_process_that_hangs_or_is_killed_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with decoding() as decoder:
        assert await made(decoder, png(40, 40), "PNG")
        first = decoder._process
        assert first is not None
        os.kill(first.pid, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr("chatserver_plugins.thumbnails.process.WALL_SECONDS", 0.1)
            with pytest.raises(Failed) as caught:
                await made(decoder, png(40, 40), "PNG")
        assert caught.value.again and first.returncode == -signal.SIGKILL
        assert await made(decoder, png(40, 40), "PNG")
        second = decoder._process
        assert second is not None and second.pid != first.pid
        os.kill(second.pid, signal.SIGKILL)
        await second.wait()
        assert await made(decoder, png(40, 40), "PNG")


async def test_the_process_goes_first_where_memory_is_short() -> None:
    async with decoding() as decoder:
        assert await made(decoder, png(40, 40), "PNG")
        assert decoder._process is not None
        status = Path(f"/proc/{decoder._process.pid}")
        assert (status / "oom_score_adj").read_text().strip() == "1000"
        limits = (status / "limits").read_text()
        assert re.search(r"Max address space +1000000000 ", limits)
        assert re.search(r"Max file size +0 ", limits)


async def test_a_call_that_is_cancelled_leaves_no_half_job_behind() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with decoding() as decoder:
        job = asyncio.create_task(decoder.make(endless(), 100, "PNG", SMALL))
        await until(lambda: decoder._process is not None)
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job
        assert await made(decoder, png(40, 40), "PNG")


async def test_an_idle_process_ends_and_an_old_one_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("chatserver_plugins.thumbnails.process.JOBS", 2)
    async with decoding() as decoder:
        pids = []
        for _ in range(3):
            await made(decoder, png(40, 40), "PNG")
            assert decoder._process is not None
            pids.append(decoder._process.pid)
        assert pids[0] == pids[1] != pids[2]
        monkeypatch.setattr("chatserver_plugins.thumbnails.process.IDLE_SECONDS", 0.0)
        await made(decoder, png(40, 40), "PNG")
        process = decoder._process
        assert process is not None
        assert await process.wait() == -signal.SIGKILL
