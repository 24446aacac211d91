"""A bucket as a backup target, through botocore, in threads of its own."""

import asyncio
import base64
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, BinaryIO, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

import chatserver
from chatserver_plugins.s3.client import MISSING, code_of, make_client, text_of
from chatserver_plugins.s3.config import Bucket, Config

T = TypeVar("T")

THREADS = 4  # of its own, so that a server that hangs takes none from others
READ_SECONDS = 20.0
PIECE_BYTES = 1 << 20
NO_LOCK = (
    "the bucket has no object lock, which the URL asks for: object lock is chosen when a bucket is made "
    "(aws s3api create-bucket --object-lock-enabled-for-bucket)"
)


class S3Target:
    """Objects below a prefix of a bucket."""

    remote = True

    def __init__(self, bucket: Bucket, config: Config) -> None:
        self._bucket, self._config = bucket, config
        self.lock_days = bucket.lock_days
        self._made: Any = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")

    @property
    def _client(self) -> Any:
        """The client, which is made in a thread, as that takes a moment."""
        if self._made is None:
            self._made = make_client(self._bucket, self._config, THREADS, READ_SECONDS)
        return self._made

    async def open(self) -> None:
        await self._run(self._demand)

    def _demand(self) -> None:
        name = self._bucket.name
        self._client.list_objects_v2(Bucket=name, Prefix=self._bucket.prefix, MaxKeys=1)
        if not self._bucket.mode:
            return
        try:
            found = self._client.get_object_lock_configuration(Bucket=name)
        except ClientError as error:
            if code_of(error) != "ObjectLockConfigurationNotFoundError":
                raise
            found = {}
        if found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise chatserver.TargetError(NO_LOCK)

    async def close(self) -> None:
        if self._made is not None:
            await self._run(self._made.close)

    async def folders(self) -> list[str]:
        return await self._run(self._folders)

    def _folders(self) -> list[str]:
        if self._bucket.as_of:
            return sorted({name.partition("/")[0] for name in self._versions("")})
        prefix = self._bucket.prefix
        pages = self._pages("list_objects_v2", Prefix=prefix, Delimiter="/")
        return [
            each["Prefix"].removeprefix(prefix).rstrip("/")
            for page in pages
            for each in page.get("CommonPrefixes", ())
        ]

    async def list(self, folder: str) -> dict[str, int]:
        return await self._run(self._list, f"{folder}/")

    def _list(self, prefix: str) -> dict[str, int]:
        if self._bucket.as_of:
            return {name: size for name, (_, size) in self._versions(prefix).items()}
        start = self._bucket.prefix
        return {
            each["Key"].removeprefix(start): each["Size"]
            for page in self._pages("list_objects_v2", Prefix=start + prefix)
            for each in page.get("Contents", ())
        }

    def _versions(self, prefix: str) -> dict[str, tuple[str, int]]:
        """Version and size of each object as of `as_of`."""
        start, as_of = self._bucket.prefix, self._bucket.as_of
        assert as_of is not None
        found: dict[str, tuple[datetime, str, int]] = {}
        for page in self._pages("list_object_versions", Prefix=start + prefix):
            for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                name, at = each["Key"].removeprefix(start), each["LastModified"]
                if at <= as_of and (name not in found or at > found[name][0]):
                    found[name] = at, each["VersionId"], each.get("Size", -1)
        return {name: (version, size) for name, (_, version, size) in found.items() if size >= 0}

    def _pages(self, operation: str, **given: Any) -> Iterator[Any]:
        paginator = self._client.get_paginator(operation)
        yield from paginator.paginate(Bucket=self._bucket.name, **given)

    async def size(self, name: str) -> int | None:
        return await self._run(self._size, name)

    def _size(self, name: str) -> int | None:
        if self._bucket.as_of:
            found = self._versions(name).get(name)
            return found[1] if found else None
        head = self._head(name)
        return head["ContentLength"] if head else None

    def _head(self, name: str) -> Any:
        try:
            return self._client.head_object(**self._at(name))
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise
            return None

    async def read(self, name: str) -> AsyncIterator[bytes]:
        body = await self._run(self._begin, name)
        try:
            while piece := await self._run(body.read, PIECE_BYTES):
                yield piece
        finally:
            body.close()

    def _begin(self, name: str) -> Any:
        given = self._at(name)
        if self._bucket.as_of and (found := self._versions(name).get(name)):
            given["VersionId"] = found[0]
        return self._client.get_object(**given)["Body"]

    async def put(
        self, name: str, data: BinaryIO, size: int, sha256: bytes, until: datetime | None
    ) -> None:
        lock = {}
        if until is not None:
            lock = {"ObjectLockMode": self._bucket.mode, "ObjectLockRetainUntilDate": until}
        self._demand_present()
        await self._run(
            functools.partial(
                self._client.put_object,
                **self._at(name),
                **lock,
                Body=data,
                ContentLength=size,
                ChecksumSHA256=base64.b64encode(sha256).decode(),
            )
        )

    async def delete(self, name: str) -> None:
        self._demand_present()
        await self._run(functools.partial(self._client.delete_object, **self._at(name)))

    async def locked_until(self, name: str) -> datetime | None:
        head = await self._run(self._head, name)
        return head.get("ObjectLockRetainUntilDate") if head else None

    async def lock(self, name: str, until: datetime) -> None:
        self._demand_present()
        retention = {"Mode": self._bucket.mode, "RetainUntilDate": until}
        call = functools.partial(self._client.put_object_retention, Retention=retention)
        await self._run(functools.partial(call, **self._at(name)))

    def _demand_present(self) -> None:
        if self._bucket.as_of:
            raise chatserver.TargetError("with as_of, the bucket can only be read")

    def _at(self, name: str) -> dict[str, Any]:
        return {"Bucket": self._bucket.name, "Key": self._bucket.prefix + name}

    async def _run(self, call: Callable[..., T], *given: Any) -> T:
        """The result of a blocking call. Raises `TargetError`."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, call, *given)
        except ClientError as error:
            raise chatserver.TargetError(text_of(error)) from error
        except BotoCoreError as error:
            raise chatserver.TargetError(str(error)) from error
