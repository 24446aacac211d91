"""Blobs as objects of a bucket, through botocore in threads of its own.

S3 wants to know the length of what it gets. So parts of PART_BYTES are collected in a file without a name, and sent
from there: a small blob at once, a larger one part by part, as a multipart upload. An object is seen when it is whole.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeAlias, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

import chatserver
from chatserver_plugins.s3.client import MISSING, code_of, make_client, text_of
from chatserver_plugins.s3.config import Bucket, Config

T = TypeVar("T")
Page: TypeAlias = list[chatserver.StoredBlob]

THREADS = 16  # of its own: so many calls at once, of all users
PART_BYTES = 8 << 20  # S3 takes 5 MiB at least, and 10,000 parts of one object
PIECE_BYTES = 256 * 1024  # read at once
EXISTS = ("412", "PreconditionFailed", "ConditionalRequestConflict")
BEYOND = ("416", "InvalidRange")


class S3Blobs:
    """See `chatserver.Blobs` for the contract. Objects have the key as their name, below the URL's prefix."""

    def __init__(self, bucket: Bucket, config: Config, folder: Path) -> None:
        """`folder` is for parts that are under way."""
        self._bucket, self._config, self._folder = bucket, config, folder
        self._seconds = config.timeout_ms / 1000
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3-blobs")
        self._made: Any = None
        self._making = Lock()

    @property
    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = make_client(self._bucket, self._config, THREADS, self._seconds)
            return self._made

    async def open(self) -> None:
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)

    async def close(self) -> None:
        if self._made is not None:
            with contextlib.suppress(chatserver.BlobsUnavailable):
                await self._run(self._made.close)
        self._threads.shutdown(wait=False)

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        if await self.size(key) is not None:  # spares the work; the end decides
            raise chatserver.BlobExists
        spool = await self._run(Spool, self._folder)
        multipart = Multipart(self, key)
        try:
            async for part in parts:
                left = memoryview(part)
                while left:
                    left = await self._run(spool.fill, left)
                    if spool.is_full():
                        await self._run(multipart.send, spool)
            if multipart.is_begun():
                return await self._run(multipart.complete, spool)
            return await self._run(self._put, key, spool)
        except BaseException:
            self._end(multipart.abort)
            raise
        finally:
            self._end(spool.close)

    def _put(self, key: str, spool: "Spool") -> int:
        self._client.put_object(
            **self.at(key), Body=spool.content(), ContentLength=spool.size, IfNoneMatch="*"
        )
        return spool.size

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        body = await self._run(self._begin, chatserver.demand_blob_key(key), start, length)
        if body is None:
            return
        try:
            while piece := await self._run(body.read, PIECE_BYTES):
                yield piece
        finally:
            self._end(body.close)

    def _begin(self, key: str, start: int, length: int | None) -> Any:
        """The response's body; None if the range is empty."""
        if length == 0:
            if self._size(key) is None:
                raise chatserver.ChatError("blob.not_found")
            return None
        last = "" if length is None else str(start + length - 1)
        ranged = {} if start == 0 and length is None else {"Range": f"bytes={start}-{last}"}
        try:
            return self._client.get_object(**self.at(key), **ranged)["Body"]
        except ClientError as error:
            if code_of(error) in BEYOND:
                return None
            if code_of(error) in MISSING:
                raise chatserver.ChatError("blob.not_found") from None
            raise

    async def size(self, key: str) -> int | None:
        return await self._run(self._size, chatserver.demand_blob_key(key))

    def _size(self, key: str) -> int | None:
        try:
            size: int = self._client.head_object(**self.at(key))["ContentLength"]
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
            return None
        return size

    async def delete(self, key: str) -> None:
        await self._run(self._delete, chatserver.demand_blob_key(key))

    def _delete(self, key: str) -> None:
        self._client.delete_object(**self.at(key))

    async def list(self, after: str = "", limit: int = 1000) -> Page:
        return await self._run(self._list, after, limit)

    def _list(self, after: str, limit: int) -> Page:
        prefix = self._bucket.prefix
        found: Page = []
        while len(found) < limit:
            page = self._client.list_objects_v2(
                Bucket=self._bucket.name,
                Prefix=prefix,
                StartAfter=prefix + after,
                MaxKeys=min(limit - len(found), 1000),
            )
            for each in page.get("Contents", ()):
                after = each["Key"].removeprefix(prefix)
                found.append(
                    chatserver.StoredBlob(after, each["Size"], each["LastModified"].timestamp())
                )
            if not page.get("IsTruncated"):
                break
        return found

    async def sweep(self, before: float) -> None:
        await self._run(self._sweep, before)

    def _sweep(self, before: float) -> None:
        """Abort multipart uploads that were begun before this time; a write that still runs then fails."""
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self._bucket.name, Prefix=self._bucket.prefix
        )
        for page in pages:
            for each in page.get("Uploads", ()):
                if each["Initiated"].timestamp() < before:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket.name, Key=each["Key"], UploadId=each["UploadId"]
                    )

    # -- also for `Multipart`, whose methods run in threads ----------------------------------------

    @property
    def client(self) -> Any:
        return self._client

    def at(self, key: str) -> dict[str, Any]:
        """The arguments that name an object."""
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + key}

    def _end(self, call: Callable[[], None]) -> None:
        """Let a thread clean up; not awaited, as this task may be cancelled while another thread still works."""
        with contextlib.suppress(RuntimeError):  # after `close`
            self._threads.submit(call)

    async def _run(self, call: Callable[..., T], *given: object) -> T:
        """The result of a call that blocks. Raises `BlobsUnavailable`; then the call may still go on.

        botocore has its own, shorter time limits, unless a service answers a bit now and then.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(3 * self._seconds):
                return await loop.run_in_executor(self._threads, call, *given)
        except ClientError as error:
            if code_of(error) in EXISTS:
                raise chatserver.BlobExists from error
            raise chatserver.BlobsUnavailable(text_of(error)) from error
        except TimeoutError as error:
            raise chatserver.BlobsUnavailable("no answer in time") from error
        except (BotoCoreError, OSError, RuntimeError) as error:
            raise chatserver.BlobsUnavailable(str(error)) from error


class Spool:
    """A part that is collected on the disk. A thread that was left behind may still use it when it is closed."""

    def __init__(self, folder: Path) -> None:
        self._lock = Lock()
        self._file: BinaryIO = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self.size = 0

    def fill(self, part: memoryview) -> memoryview:
        """Take as much as there is room for; returns the rest."""
        with self._lock:
            room = PART_BYTES - self.size
            self._file.write(part[:room])
            self.size += len(part[:room])
            return part[room:]

    def is_full(self) -> bool:
        return self.size >= PART_BYTES

    def content(self) -> BinaryIO:
        """The file, at its beginning."""
        self._file.flush()
        self._file.seek(0)
        return self._file

    def empty(self) -> None:
        """Make room for the next part."""
        with self._lock:
            self._file.seek(0)
            self._file.truncate()
            self.size = 0

    def close(self) -> None:
        with self._lock:
            self._file.close()


class Multipart:
    """A multipart upload, begun with its first part. Its methods block, and are called one after another."""

    def __init__(self, blobs: S3Blobs, key: str) -> None:
        self._blobs, self._key = blobs, key
        self._id = ""
        self._tags: list[str] = []
        self._sent = 0

    def is_begun(self) -> bool:
        return bool(self._tags)

    def send(self, spool: Spool) -> None:
        """Send the collected part, and empty the spool."""
        client, at = self._blobs.client, self._blobs.at(self._key)
        if not self._id:
            self._id = client.create_multipart_upload(**at)["UploadId"]
        sent = client.upload_part(
            **at,
            UploadId=self._id,
            PartNumber=len(self._tags) + 1,
            Body=spool.content(),
            ContentLength=spool.size,
        )
        self._tags.append(sent["ETag"])
        self._sent += spool.size
        spool.empty()

    def complete(self, spool: Spool) -> int:
        """Send the last part, and make the object; returns its size."""
        if spool.size:
            self.send(spool)
        parts = [{"ETag": tag, "PartNumber": number} for number, tag in enumerate(self._tags, 1)]
        self._blobs.client.complete_multipart_upload(
            **self._blobs.at(self._key),
            UploadId=self._id,
            MultipartUpload={"Parts": parts},
            IfNoneMatch="*",
        )
        return self._sent

    def abort(self) -> None:
        """Remove what was sent; `sweep` finds it if this fails."""
        if self._id:
            with contextlib.suppress(BotoCoreError, ClientError):
                self._blobs.client.abort_multipart_upload(
                    **self._blobs.at(self._key), UploadId=self._id
                )


__all__ = ["S3Blobs"]
