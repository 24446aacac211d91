"""Makes thumbnails in a process of its own, which may run out of its bounds and be killed at any time.

It is run as a script, so that it imports nothing of the server. A job on the standard input is a line of JSON with
`decoder`, `sizes` (pairs of width and height) and `bytes`, and so many bytes. The answer on the standard output is a
line of JSON, the `lengths` of the thumbnails or the reason why it `failed`, and their bytes.
"""

import io
import json
import math
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageCms, ImageOps

QUALITY = 80
MOST_EXPENDABLE = "1000"  # to Linux, where memory is short
NICE = 5  # below the server, and all who wait for it


class TooLarge(Exception):
    """The picture has more pixels than may be decoded."""


def thumbnails(
    content: bytes, decoder: str, sizes: Sequence[tuple[int, int]], most_pixels: int
) -> Iterator[bytes]:
    """WebP files of these sizes, in their order, of the first frame; turned, in sRGB, without metadata.

    Raises `TooLarge`, and many other errors for what is no such picture.
    """
    longest = max(max(size) for size in sizes)
    opened = Image.open(io.BytesIO(content), formats=[decoder])
    if decoder == "JPEG":
        part = min(1.0, longest / max(opened.size))
        opened.draft(None, (math.ceil(opened.width * part), math.ceil(opened.height * part)))
    if opened.width * opened.height > most_pixels:
        raise TooLarge
    opened.load()
    profile, exif = opened.info.get("icc_profile"), opened.getexif()
    picture = _plain(opened)
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture = _coloured(picture, profile)
    picture.getexif()[0x0112] = exif.get(0x0112, 1)
    picture = ImageOps.exif_transpose(picture)
    for size in sizes:
        smaller = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        to = io.BytesIO()
        smaller.save(to, "WEBP", quality=QUALITY)
        yield to.getvalue()


def _plain(picture: Image.Image) -> Image.Image:
    """With a value of eight bits for each colour of each pixel, so that it can be made smaller."""
    if picture.mode.startswith("I"):  # grey of 16 bits
        return picture.convert("I").point([each // 256 for each in range(65_536)], "L")
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture if picture.mode in ("CMYK", "RGB", "L") else picture.convert("RGB")


def _coloured(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """In sRGB, which every browser takes it for."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile:
        try:
            found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            made = ImageCms.profileToProfile(picture, found, target, outputMode=mode)
        except (ImageCms.PyCMSError, ValueError, OSError):
            made = None  # of another colour space, or broken: as without one
        if made is not None:
            return made
    return picture.convert(mode)


# -- the process ---------------------------------------------------------------------------------


def _bound(memory_bytes: int) -> None:
    """What holds for all jobs: memory, no files written, no core; and who goes first where memory is short."""
    Image.init()
    Image.MAX_IMAGE_PIXELS = None  # counted here
    with suppress(OSError):  # a service may be forbidden either
        os.nice(NICE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(MOST_EXPENDABLE)
    for what, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            if sys.platform != "darwin":  # which does not bound memory
                raise


def _bound_time(seconds: float) -> None:
    """The process is killed when it has taken so many seconds of the processor more."""
    end = int(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))


def _answer(out: BinaryIO, head: dict[str, Any], *bodies: bytes) -> None:
    out.write(json.dumps(head).encode() + b"\n")
    for body in bodies:
        out.write(body)
    out.flush()


def main() -> None:
    """Take jobs until the input ends. Arguments: bytes of memory, pixels, seconds of the processor for a job."""
    memory_bytes, pixels, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    _bound(memory_bytes)
    while line := sys.stdin.buffer.readline():
        job = json.loads(line)
        _bound_time(seconds)
        content = sys.stdin.buffer.read(job["bytes"])
        try:
            made = list(thumbnails(content, job["decoder"], job["sizes"], pixels))
        except MemoryError:
            _answer(sys.stdout.buffer, {"failed": "memory"})
        except TooLarge:
            _answer(sys.stdout.buffer, {"failed": "pixels"})
        except Exception as error:
            _answer(sys.stdout.buffer, {"failed": type(error).__name__})
        else:
            _answer(sys.stdout.buffer, {"lengths": [len(each) for each in made]}, *made)


if __name__ == "__main__":
    main()
