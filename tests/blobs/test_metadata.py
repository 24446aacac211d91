"""Pictures are kept without what cameras and programs write into them, and look as before."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from chatserver.blobs import metadata
from chatserver.blobs.content import Content, content_of
from chatserver.blobs.metadata import MOST_PARTS, Unclean, kept_of
from chatserver.blobs.service import BlobService
from chatserver.errors import ChatError
from chatserver.hooks.actions import Action, UploadFinish
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given
from tests.blobs.scene import SMALL, Scene

SECRET = b"35.6586 N 139.7454 E"
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def drawing(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """A picture in which each corner has a colour of its own."""
    made = Image.radial_gradient("L").resize((width, height)).convert(mode)
    for corner, colour in enumerate(("red", "lime", "blue", "white")):
        box = (corner % 2 * width * 2 // 3, corner // 2 * height * 2 // 3)
        made.paste(colour, (*box, box[0] + width // 3, box[1] + height // 3))
    return made


def exif(orientation: int) -> bytes:
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x010F] = SECRET.decode()
    made.get_ifd(0x8825).update({1: "N", 2: (35.0, 39.0, 31.0), 3: "E", 4: (139.0, 44.0, 43.0)})
    return made.tobytes()


def photograph(kind: str, orientation: int = 6, **more: object) -> bytes:
    """A picture with everything that may tell of its place, and a colour profile."""
    to = io.BytesIO()
    given: dict[str, object] = {
        "exif": exif(orientation),
        "icc_profile": b"\0" * 36 + b"acsp" + b"\0" * 100,
        "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>",
    }
    if kind == "PNG":
        texts = PngInfo()
        texts.add_text("Comment", SECRET.decode())
        texts.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=False)
        given = given | {"pnginfo": texts}
        del given["xmp"]
    if kind == "JPEG":
        given |= {"comment": SECRET, "quality": 90}
    drawing().save(to, kind, **(given | more))
    return to.getvalue()


async def parts_of(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def cleaned(content: bytes, size: int = 1000) -> bytes:
    """The file as it is kept, whatever the sizes of the parts in which it comes."""
    kept = await kept_of(content_of(content).media_type, parts_of(content, size))
    return b"".join(
        part if isinstance(part, bytes) else content[slice(*part)] for part in kept.parts
    )


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def shown(content: bytes) -> Image.Image:
    """As a browser shows it."""
    return ImageOps.exif_transpose(opened(content)).convert("RGBA")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TYPES)
async def test_nothing_tells_the_place_and_the_picture_looks_the_same(
    kind: str, orientation: int
) -> None:
    content = photograph(kind, orientation)
    assert SECRET in content
    clean = await cleaned(content)
    assert SECRET not in clean and b"xmp" not in clean.lower() and b"GPS" not in clean
    assert shown(clean).tobytes() == shown(content).tobytes()
    found = opened(clean)
    assert dict(found.getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    assert found.info["icc_profile"] == opened(content).info["icc_profile"]
    assert not {"comment", "Comment", "XML:com.adobe.xmp", "xmp"} & set(found.info)
    assert await cleaned(clean, 7) == await cleaned(content, 1) == clean  # and so is what is clean


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_animations_and_transparency_stay(kind: str) -> None:
    frames = [drawing(mode="RGBA"), drawing(mode="RGBA").rotate(90), Image.new("RGBA", (60, 40))]
    to = io.BytesIO()
    frames[0].save(
        to, kind, save_all=True, append_images=frames[1:], duration=100, exif=exif(6), lossless=True
    )
    clean = await cleaned(to.getvalue())
    assert SECRET not in clean
    was, now = Image.open(to), opened(clean)
    assert now.n_frames == was.n_frames == 3  # type: ignore[attr-defined]
    for frame in range(3):
        was.seek(frame)
        now.seek(frame)
        assert was.convert("RGBA").tobytes() == now.convert("RGBA").tobytes()


@pytest.mark.parametrize("kind", TYPES)
async def test_what_stands_behind_a_picture_is_left_out(kind: str) -> None:
    """Such as a second picture, with a place of its own, or the film of a moving photograph."""
    content = photograph(kind)
    tail = photograph("JPEG") + b"PK\x03\x04" + SECRET
    assert await cleaned(content + tail) == await cleaned(content)


async def test_a_jpeg_keeps_what_it_is_drawn_from() -> None:
    for more in ({"progressive": True}, {"restart_marker_blocks": 2}, {"quality": 1}):
        content = photograph("JPEG", **more)
        assert shown(await cleaned(content)).tobytes() == shown(content).tobytes()
    content = photograph("JPEG", 6, dpi=(300, 300))
    assert opened(await cleaned(content)).info["dpi"] == (300, 300)
    # What stands between its segments, and a second block of EXIF.
    start = content.index(b"\xff\xdb")
    other = exif(8)
    second = b"\xff\xe1" + struct.pack(">H", len(other) + 2) + other
    strange = content[:start] + b"\xff\xd0" + second + b"xyz" + content[start:]
    assert await cleaned(strange) == await cleaned(content)
    to = io.BytesIO()
    drawing().convert("CMYK").save(to, "JPEG")  # whose colours an Adobe segment tells
    assert b"Adobe" in await cleaned(to.getvalue())
    preview = b"\xff\xe0" + struct.pack(">H", 16 + 12) + b"JFIF\0\1\1\0\0\1\0\1\2\2" + SECRET[:12]
    content = b"\xff\xd8" + preview + b"\xff\xff\xee\0\x05out" + to.getvalue()[2:]
    clean = await cleaned(content)
    assert SECRET[:12] not in clean and b"out" not in clean
    assert shown(clean).tobytes() == shown(to.getvalue()).tobytes()


async def test_a_webp_says_only_what_it_still_has() -> None:
    upright, turned = photograph("WEBP", 1), photograph("WEBP", 6)
    for content, flags in ((upright, 0x20), (turned, 0x28)):  # a colour profile, and EXIF
        clean = await cleaned(content)
        assert clean[20] == flags
        assert int.from_bytes(clean[4:8], "little") == len(clean) - 8
        strange = content[:30] + b"JUNK\x03\0\0\0abc\0" + content[30:]  # of an odd length
        assert await cleaned(strange) == clean


async def test_what_is_refused_leaves_nothing_and_what_failed_may_be_tried_again() -> None:
    scene = Scene()
    content, answers = photograph("JPEG"), ["plugin.failed", "action.refused"]

    async def allow(action: Action, user: str, clean: Any) -> Action:
        if isinstance(action, UploadFinish):
            assert action.blob.size < len(content)
            raise ChatError(answers.pop(0))
        return action

    parts = (scene.store, scene.blobs, SMALL, lambda: scene.epoch, Measures(), scene.clock, allow)
    uploads = BlobService(*parts).uploads
    upload = await uploads.create("ada", len(content))
    for code, left in (("plugin.failed", 1), ("action.refused", 0)):
        with pytest.raises(ChatError) as caught:
            offset = (await uploads.find(upload.id, "ada")).offset
            await uploads.append(upload.id, "ada", offset, given([content[offset:]]))
        assert caught.value.code == code
        assert len(scene.pieces()) == left


@pytest.mark.parametrize("kind", TYPES)
async def test_a_file_that_is_cut_off_or_broken_anywhere_gives_nothing_away(kind: str) -> None:
    content = photograph(kind, quality=20)
    for end in range(30, len(content), 13):
        for broken in (content[:end], content[:end] + b"\xff\0\xfe" + content[end + 3 :]):
            try:
                clean = await cleaned(broken, 500)
            except Unclean:
                continue
            assert SECRET not in clean


async def test_pictures_without_a_picture_and_with_too_many_parts_are_refused() -> None:
    scene = Scene()
    head = photograph("JPEG")
    head = head[: head.index(b"\xff\xc0")]
    chunk = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    png = photograph("PNG")
    for broken in (head, png[:33] + chunk * MOST_PARTS + png[33:], png[:33]):
        with pytest.raises(ChatError) as caught:
            await scene.take(broken)
        assert caught.value.code == "blob.broken_picture"
        upload = await scene.one.uploads.create("ada", len(broken))
        with pytest.raises(ChatError) as caught:
            await scene.one.uploads.append(upload.id, "ada", 0, given([broken]))
        assert caught.value.code == "blob.broken_picture"
        assert scene.pieces() == []
        assert (await scene.one.usage("ada")).files == 0
    assert (await scene.take(png[:33] + chunk * 1000 + png[33:])).width == 40


@pytest.mark.parametrize("kind", TYPES)
async def test_a_picture_is_stored_clean_whichever_way_it_comes(kind: str) -> None:
    scene = Scene()
    content = photograph(kind)
    clean = await cleaned(content)
    taken = await scene.take(content, name="tower.jpg")
    upload = await scene.one.uploads.create("ada", len(content), name="tower.jpg")
    await scene.one.uploads.append(upload.id, "ada", 0, given([content[:700]]))
    done = await scene.other.uploads.append(upload.id, "ada", 700, given([content[700:]]))
    assert done.blob is not None
    for blob in (taken, done.blob, await scene.other.get(taken.id)):
        assert await scene.content(blob) == clean
        assert (blob.size, blob.media_type) == (len(clean), TYPES[kind])
        assert (blob.width, blob.height) == (40, 60)
        assert blob.sha256 == taken.sha256
    assert len(scene.pieces()) == 2  # what came is not kept
    assert set(await scene.records()) == {"blob", "blob_free", "blob_owned"}
    assert (await scene.one.usage("ada")).bytes == 2 * len(clean)
    # The client asked for the bytes that it sent.
    for found in (done, await scene.one.uploads.find(upload.id, "ada")):
        assert (found.offset, found.size) == (len(content), len(content))


async def test_a_picture_may_be_kept_as_it_comes() -> None:
    scene = Scene(config=SMALL.__class__(keep_metadata=True))
    content = photograph("JPEG")
    blob = await scene.take(content)
    assert await scene.content(blob) == content
    assert (blob.width, blob.height) == (40, 60)


async def test_an_upload_whose_end_broke_off_is_finished_with_what_was_cleaned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    content = photograph("JPEG")
    upload = await scene.one.uploads.create("ada", len(content))

    async def die(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("chatserver.blobs.uploads.record", die)
        with pytest.raises(RuntimeError):
            await scene.one.uploads.append(upload.id, "ada", 0, given([content]))
    assert len(scene.pieces()) == 2
    scene.clock.pass_hours(100)
    await scene.one.collector.sweep()
    done = await scene.other.uploads.append(upload.id, "ada", len(content), given([]))
    assert done.blob is not None
    assert await scene.content(done.blob) == await cleaned(content)
    assert scene.pieces() == [piece.key for piece in done.blob.pieces]


async def test_an_upload_whose_end_broke_off_is_removed_with_what_was_cleaned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    content = photograph("JPEG")
    upload = await scene.one.uploads.create("ada", len(content))

    async def die(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("chatserver.blobs.uploads.record", die)
        with pytest.raises(RuntimeError):
            await scene.one.uploads.append(upload.id, "ada", 0, given([content]))
    await scene.collect(hours=30, runs=1)
    assert scene.pieces() == [] and await scene.records() == {}


async def test_what_came_is_removed_though_the_server_ended_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can read it, and the sweep takes it."""
    scene = Scene()
    content = photograph("JPEG")
    upload = await scene.one.uploads.create("ada", len(content))
    real = scene.blobs.delete

    async def die(key: str) -> None:
        raise RuntimeError

    scene.blobs.delete = die
    with pytest.raises(RuntimeError):
        await scene.one.uploads.append(upload.id, "ada", 0, given([content]))
    scene.blobs.delete = real
    blob = await scene.one.get(upload.id)
    assert await scene.content(blob) == await cleaned(content)
    await scene.one.refer(blob.id, "message:1")
    scene.clock.pass_hours(100)
    await scene.one.collector.sweep()
    assert scene.pieces() == [piece.key for piece in blob.pieces]


async def test_others_have_their_turn_while_a_picture_is_looked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(metadata.asyncio, "sleep", pause)
    chunk = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", 0)
    png = photograph("PNG")
    await cleaned(png[:33] + chunk * 5000 + png[33:])
    assert len(pauses) == 10


async def test_other_files_are_kept_as_they_are() -> None:
    scene = Scene()
    for content in (b"GIF89a\1\0\1\0" + SECRET, b"\xff\xd8" + SECRET, SECRET):
        assert await scene.content(await scene.take(content)) == content
    assert content_of(b"\xff\xd8" + SECRET) == Content("application/octet-stream")
