"""The part of the blobs that a plugin gets: files of users and of its own, kept by references of its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from chatserver.blobs.model import Blob
from chatserver.blobs.service import BlobService
from chatserver.blobs.serving import answer
from chatserver.errors import ChatError
from chatserver.hooks.types import Reply, Request


class PluginBlobs:
    """`context.blobs`. Every method raises `ChatError` blob.none on a server that keeps no blobs."""

    def __init__(self, service: BlobService | None, plugin: str) -> None:
        self._given, self._plugin = service, plugin

    def __repr__(self) -> str:
        return f"PluginBlobs({None if self._given is None else '…'}, {self._plugin!r})"

    @property
    def _service(self) -> BlobService:
        if self._given is None:
            raise ChatError("blob.none")
        return self._given

    async def take(
        self,
        owner: str,
        parts: AsyncIterator[bytes],
        *,
        name: str = "",
        media_type: str = "",
        size: int | None = None,
    ) -> Blob:
        """Store a file of the user id `owner`; "" for one of the plugin's own, which counts for nobody.

        It is removed after `blobs.keep_hours` unless something refers to it. See `BlobService.take`.
        """
        return await self._service.take(owner, parts, name=name, media_type=media_type, size=size)

    async def get(self, blob: str) -> Blob:
        """The blob of this id, whoever it belongs to. Raises `ChatError` blob.not_found."""
        return await self._service.get(blob)

    def read(
        self, blob: Blob, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a blob from `start` on, at most `length`, in parts of at most 1 MiB."""
        return self._service.read(blob, start, length)

    def reply(self, blob: Blob, request: Request) -> Reply:
        """The answer of a route that shows the blob; the rights to it are the plugin's to check, before.

        It heeds Range, If-Range and If-None-Match, and lets no file run as a page of the server: pictures, sounds
        and films of usual types are shown, everything else is downloaded.
        """
        found = answer(
            blob,
            range_=request.header("Range"),
            if_none_match=request.header("If-None-Match"),
            if_range=request.header("If-Range"),
        )
        headers = dict(found.headers)
        media_type = headers.pop("Content-Type", "")
        if found.status not in (200, 206):
            return Reply(status=found.status, headers=headers, body=b"")
        headers["Content-Length"] = str(found.length)
        return Reply(
            status=found.status,
            content_type=media_type,
            headers=headers,
            body=self.read(blob, found.start, found.length),
        )

    async def refer(self, blob: str, key: str) -> Blob:
        """Keep a blob as long as the plugin has a reference to it, under a key of the plugin's choice.

        Write the reference before the record that needs the blob. Raises `ChatError` blob.not_found if the blob is
        gone, and `ValueError` for a key of more than about 400 bytes.
        """
        return await self._service.refer(blob, self._holder(key))

    async def release(self, blob: str, key: str) -> None:
        """End the plugin's reference of this key; it need not exist."""
        await self._service.release(blob, self._holder(key))

    async def keep_with(self, derived: str, source: str) -> None:
        """Keep a blob that the plugin made from another one, `source`, as long as that one is kept.

        Raises `ChatError` blob.not_found if one of them is gone.
        """
        await self._service.keep_with(derived, source, self._plugin)

    async def kept_with(self, source: str) -> Sequence[Blob]:
        """What the plugin made from a blob and keeps with it, at most 100."""
        return await self._service.kept_with(source, self._plugin)

    def _holder(self, key: str) -> str:
        return f"plugin:{self._plugin}:{key}"
