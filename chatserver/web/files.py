"""Files below a folder, for browsers: each is read once and has one spelling."""

import hashlib
import mimetypes
import os.path
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

from chatserver.errors import ChatError
from chatserver.web.packing import Packed

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("application/manifest+json", ".webmanifest")

VERSION = re.compile(r"([0-9a-f]{16})/(.+)")
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"  # ask each time; the ETag makes it cheap


PACKED_FROM = 512  # bytes; below, the header costs what packing saves


class File(NamedTuple):
    data: bytes
    digest: str  # of the data
    caching: str  # the value of Cache-Control
    packed: Packed | None  # None for pictures, and with `debug`


class Files:
    """The files below one folder; with `debug` each is read again each time, and none is packed.

    `version` is a digest of all of them, to be part of an address that browsers may keep for ever; "" with
    `debug`.
    """

    def __init__(self, root: Path, *, debug: bool) -> None:
        self.root, self._debug = root, debug
        self.version = "" if debug else _digest(root)
        self._kept: dict[str, File] = {}

    def read(self, path: str) -> File:
        """A file, also by a path that begins with a version. Raises `ChatError` request.not_found.

        While nodes of two versions run, one is asked for the other's files: it gives its own, to be kept by nobody.
        """
        version = VERSION.fullmatch(path)
        if version is None:
            return self._read(path)
        found = self._read(version[2])
        return found._replace(caching=FOR_EVER) if version[1] == self.version else found

    def _read(self, path: str) -> File:
        kept = self._kept.get(path)
        if kept is not None and not self._debug:
            return kept
        # One spelling for each file: others would be cached as further files.
        if "\0" in path or path != posixpath.normpath(path):
            raise ChatError("request.not_found")
        found = (self.root / path).resolve()
        # Unlike pathlib's, this isfile does not raise for a name that is too long.
        if not found.is_relative_to(self.root.resolve()) or not os.path.isfile(found):  # noqa: PTH113
            raise ChatError("request.not_found")
        data = self.changed(path, found.read_bytes())
        new = self._kept[path] = made(path, data, packed=not self._debug)
        return new

    def changed(self, path: str, data: bytes) -> bytes:
        """What is served for a file's content."""
        return data


def made(path: str, data: bytes, *, packed: bool) -> File:
    """What is served at a path; with `packed` also in fewer bytes, if that is worth it."""
    is_packed = packed and len(data) >= PACKED_FROM and _is_text(path)
    digest = hashlib.sha256(data).hexdigest()[:20]
    return File(data, digest, ASK_AGAIN, Packed(data) if is_packed else None)


def media_type(path: str) -> str:
    """The value of Content-Type."""
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind.endswith("+xml") else kind


def _is_text(path: str) -> bool:
    kind = media_type(path)
    return kind.startswith("text/") or kind.partition(";")[0].endswith(("json", "+xml"))


def _digest(folder: Path) -> str:
    """Of the names and contents of all files, in 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if "__pycache__" not in file.parts:
            name = file.relative_to(folder).as_posix().encode()
            whole.update(b"%d %s %d " % (len(name), name, file.stat().st_size))
            whole.update(file.read_bytes())
    return whole.hexdigest()[:16]
