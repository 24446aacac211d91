"""An archive of what is held about one person: a ZIP file that is made while it is sent, in bounded memory.

`data.json` has everything as one JSON document, `index.html` the same for people, `files/` the person's files. Each
part is read twice, once for each of the two, so nothing of it has to be kept.
"""

import asyncio
import zipfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import IO, Any, cast

import msgspec

from chatserver.blobs.model import Blob
from chatserver.blobs.service import BlobService
from chatserver.errors import ChatError
from chatserver.hooks.personal import BLOB
from chatserver.localized import in_language
from chatserver.model import User
from chatserver.privacy import readable
from chatserver.privacy.parts import PersonalParts, items
from chatserver.runtime.clock import now_text

VERSION = 1  # of data.json
PART_BYTES = 64 * 1024  # of the archive, given at once
FILES = "files/"


class _Sink:
    """What a ZIP file is written to: bytes that wait to be taken. It cannot be read or rewound."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> bytes:
        taken = bytes(self._waiting)
        self._waiting.clear()
        return taken


class Archiving:
    """Makes archives."""

    def __init__(
        self,
        parts: PersonalParts,
        blobs: BlobService,
        server: str,
        now: Callable[[], str] = now_text,
    ) -> None:
        """`server` is its name, for the page."""
        self._parts, self._blobs, self._server, self._now = parts, blobs, server, now

    async def of(self, user: User, language: str = "") -> AsyncGenerator[bytes, None]:
        """The bytes of the archive of a user, in parts. The page is in the language, else in English.

        Raises what a part raises that cannot be read: then the archive has no end, and cannot be opened. A file whose
        content is lost is left out.
        """
        sink, at = _Sink(), self._now()
        blobs: dict[str, Blob] = {}
        with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as made:
            async with aclosing(self._document(user, at, blobs)) as texts:
                async for part in self._member(made, sink, "data.json", texts):
                    yield part
            async with aclosing(self._page(user, at, language, blobs)) as texts:
                async for part in self._member(made, sink, "index.html", texts):
                    yield part
            for blob in blobs.values():
                async for part in self._file(made, sink, blob):
                    yield part
        yield sink.take()

    async def _member(
        self, made: zipfile.ZipFile, sink: _Sink, name: str, texts: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        with made.open(_entry(made, name), "w", force_zip64=True) as member:
            async for text in texts:
                member.write(text)
                if len(sink) >= PART_BYTES:
                    yield sink.take()
                    await asyncio.sleep(0)

    async def _file(
        self, made: zipfile.ZipFile, sink: _Sink, blob: Blob
    ) -> AsyncGenerator[bytes, None]:
        """A file of the user, as it is: most are compressed already."""
        entry = _entry(made, path_of(blob))
        entry.compress_type = zipfile.ZIP_STORED
        with made.open(entry, "w", force_zip64=True) as member:
            try:
                async with aclosing(self._blobs.read(blob)) as parts:
                    async for part in parts:
                        member.write(part)
                        yield sink.take()
            except ChatError as error:
                if error.code != "blob.not_found":  # it was removed meanwhile
                    raise

    # -- the two forms -------------------------------------------------------------------------------

    async def _document(
        self, user: User, at: str, blobs: dict[str, Blob]
    ) -> AsyncGenerator[bytes, None]:
        """data.json; notes in `blobs`, by id, the files that the items name."""
        head = {"version": VERSION, "server": self._server, "at": at, "user": user.id}
        yield msgspec.json.encode(head)[:-1] + b',"parts":{'
        for number, part in enumerate(self._parts):
            yield (b",\n" if number else b"\n") + msgspec.json.encode(part.name) + b":["
            first = True
            async with aclosing(items(part, user.id)) as found:
                async for item in found:
                    await self._note(item, blobs)
                    yield (b"\n" if first else b",\n") + msgspec.json.encode(item)
                    first = False
            yield b"]"
        yield b"}}\n"

    async def _note(self, item: dict[str, Any], blobs: dict[str, Blob]) -> None:
        named = item.get(BLOB)
        if not isinstance(named, str) or named in blobs or not self._blobs.exist:
            return
        try:
            blobs[named] = await self._blobs.get(named)
        except ChatError as error:
            if error.code != "blob.not_found":
                raise

    async def _page(
        self, user: User, at: str, language: str, blobs: dict[str, Blob]
    ) -> AsyncGenerator[bytes, None]:
        yield readable.beginning(language, user.name, self._server, at).encode()
        for part in self._parts:
            yield readable.heading(in_language(part.title, language or "en")).encode()
            is_empty = True
            async with aclosing(items(part, user.id)) as found:
                async for item in found:
                    is_empty = False
                    blob = blobs.get(str(item.get(BLOB)))
                    yield readable.entry(item, path_of(blob) if blob else None).encode()
            if is_empty:
                yield readable.nothing(language).encode()
        yield readable.END.encode()


def path_of(blob: Blob) -> str:
    """The place of a file in the archive; its name has no folders, see `blobs.model.clean_name`."""
    return f"{FILES}{blob.id}-{blob.name}" if blob.name else f"{FILES}{blob.id}"


def _entry(made: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
