"""Thumbnails of files: found, or made once for the same content, and kept with the file."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import msgspec
from loguru import logger

from chatserver import Blob, ChatError, Context, too_fast
from chatserver_plugins.thumbnails.process import Bounds, Decoder, Failed
from chatserver_plugins.thumbnails.sizes import DECODERS, Size, sizes_of_blob

WAIT_SECONDS = 25.0  # of one request; the thumbnail is made all the same
WAITING = 50  # pictures of one owner that wait to be decoded
DAY = 86_400.0
KNOWN_SECONDS = 30 * DAY  # for which a content is known again, or known to have no thumbnails
AGAIN_SECONDS = 3600.0  # after which a picture that took too much is tried again


class Content(msgspec.Struct, frozen=True):
    """A content that was seen: the blob with which its thumbnails are kept, "" if none can be made."""

    blob: str = ""


_read = msgspec.json.Decoder(Content).decode
_encode = msgspec.json.encode


class Studio:
    """Of each owner one picture at a time is decoded, so nobody's many pictures hold up those of others."""

    def __init__(self, context: Context, bounds: Bounds) -> None:
        self._blobs, self._contents = context.blobs, context.expiring
        self._bounds, self._decoder = bounds, Decoder(bounds)
        self._making: dict[str, asyncio.Task[Sequence[Blob]]] = {}  # by blob
        self._turns: dict[str, asyncio.Lock] = {}  # by owner
        self._waiting: Counter[str] = Counter()
        self._made = context.measures.counter(
            "chatserver_thumbnails_total",
            "Pictures for which thumbnails were made, taken from an equal one (known), or cannot be made (failed)",
            ("result",),
        )

    async def thumbnail(self, source: Blob, side: str) -> Blob:
        """The thumbnail whose longest side is `side`. Raises `ChatError` blob.not_found, limit.rate, blob.unavailable."""
        sizes = sizes_of_blob(source)
        if side not in [str(max(each.width, each.height)) for each in sizes]:
            raise ChatError("blob.not_found")
        found = _complete(await self._blobs.kept_with(source.id), sizes)
        if not found:
            making = self._making.get(source.id) or self._begin(source, sizes)
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    found = await asyncio.shield(making)
            except TimeoutError:
                raise ChatError("blob.unavailable", after_ms=5000) from None
        for blob in found:
            if str(max(blob.width, blob.height)) == side:
                return blob
        raise ChatError("blob.not_found")

    def _begin(self, source: Blob, sizes: Sequence[Size]) -> asyncio.Task[Sequence[Blob]]:
        owner = source.owner
        if self._waiting[owner] >= WAITING:
            raise too_fast(1.0)
        self._waiting[owner] += 1
        turn = self._turns.setdefault(owner, asyncio.Lock())

        async def take_turn() -> Sequence[Blob]:
            async with turn:
                return await self._make(source, sizes)

        def ended(task: asyncio.Task[Sequence[Blob]]) -> None:
            del self._making[source.id]
            self._waiting[owner] -= 1
            if not self._waiting[owner]:
                del self._waiting[owner], self._turns[owner]
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, ChatError):
                logger.opt(exception=error).error("thumbnails of {} were not made", source.id)

        making = self._making[source.id] = asyncio.create_task(take_turn())
        making.add_done_callback(ended)
        return making

    async def _make(self, source: Blob, sizes: Sequence[Size]) -> Sequence[Blob]:
        """All thumbnails of the file; none if they cannot be made. Raises `ChatError` blob.unavailable and others."""
        known = await self._contents.get(source.sha256)
        if known is not None:
            other = _read(known).blob
            if not other:
                return ()
            if found := await self._shared(source, other, sizes):
                self._made.add(labels=("known",))
                return found
        if source.size > self._bounds.source_bytes:
            return ()
        parts = self._blobs.read(source)
        try:
            made = await self._decoder.make(parts, source.size, DECODERS[source.media_type], sizes)
        except Failed as error:
            logger.info("no thumbnails of the picture {}: {}", source.id, error)
            seconds = AGAIN_SECONDS if error.again else KNOWN_SECONDS
            await self._contents.put(source.sha256, _encode(Content()), seconds)
            self._made.add(labels=("failed",))
            return ()
        finally:
            await parts.aclose()
        found = [
            await self._keep(source, content, size)
            for content, size in zip(made, sizes, strict=True)
        ]
        await self._contents.put(source.sha256, _encode(Content(source.id)), KNOWN_SECONDS)
        self._made.add(labels=("made",))
        return found

    async def _shared(self, source: Blob, other: str, sizes: Sequence[Size]) -> Sequence[Blob]:
        """The thumbnails of another file with the same content, kept with this one too; none if they are gone."""
        found = _complete(await self._blobs.kept_with(other), sizes)
        try:
            for blob in found:
                await self._blobs.keep_with(blob.id, source.id)
        except ChatError as error:
            if error.code != "blob.not_found":
                raise
            return ()
        return found

    async def _keep(self, source: Blob, content: bytes, size: Size) -> Blob:
        name = f"{max(size.width, size.height)}.webp"
        blob = await self._blobs.take("", _once(content), name=name, size=len(content))
        await self._blobs.keep_with(blob.id, source.id)
        return blob

    async def close(self) -> None:
        """End what is under way. It is made later, when it is asked for again."""
        for making in list(self._making.values()):
            making.cancel()
        await self._decoder.close()


def _complete(found: Sequence[Blob], sizes: Sequence[Size]) -> Sequence[Blob]:
    """What was found, if it has all sizes: a server may have ended between two of them."""
    have = {(blob.width, blob.height) for blob in found}
    return found if all((each.width, each.height) in have for each in sizes) else ()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
