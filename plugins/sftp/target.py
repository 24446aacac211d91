"""A folder on an SSH server as a backup target, through asyncssh."""

import contextlib
import posixpath
from collections.abc import AsyncIterator, Coroutine
from datetime import datetime
from typing import Any, BinaryIO, TypeVar

import asyncssh

import chatserver
from chatserver_plugins.sftp.config import Account, Config, file_at
from chatserver_plugins.sftp.looping import LoopThread

T = TypeVar("T")

CONNECT_SECONDS = 20
KEEPALIVE_SECONDS = 10  # so that a host that vanished is noticed
PIECE_BYTES = 256 << 10
DRAFT = ".draft-"


class SftpTarget:
    """Objects as files below a folder, which must exist."""

    lock_days = 0.0
    remote = True

    def __init__(self, account: Account, config: Config) -> None:
        self._account, self._config = account, config
        self._thread = LoopThread(f"sftp {account.host}")
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    async def open(self) -> None:
        await self._run(self._open())

    async def _open(self) -> None:
        account = self._account
        known = file_at(self._config.known_hosts, "known_hosts")
        key = file_at(self._config.key_file, "key_file")
        self._connection = await asyncssh.connect(
            account.host,
            account.port,
            username=account.user,
            client_keys=[key],
            known_hosts=known,
            agent_path=None,
            config=None,
            preferred_auth="publickey",
            connect_timeout=CONNECT_SECONDS,
            login_timeout=CONNECT_SECONDS,
            keepalive_interval=KEEPALIVE_SECONDS,
        )
        self._client = await self._connection.start_sftp_client()
        if not await self._client.isdir(account.folder):
            raise chatserver.TargetError(f"there is no folder {account.folder}")

    async def close(self) -> None:
        if self._connection is not None:
            await self._thread.run(self._close())

    async def _close(self) -> None:
        """Cut the connection, as the host may not answer any more."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.abort()

    async def folders(self) -> list[str]:
        return await self._run(self._folders())

    async def _folders(self) -> list[str]:
        found = self._sftp.scandir(self._account.folder)
        names = [
            str(each.filename)
            async for each in found
            if each.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY
        ]
        return [name for name in names if name not in (".", "..")]

    async def list(self, folder: str) -> dict[str, int]:
        return await self._run(self._list(folder))

    async def _list(self, folder: str) -> dict[str, int]:
        found: dict[str, int] = {}
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            async for each in self._sftp.scandir(self._path(folder)):
                last = str(each.filename)
                if last.startswith("."):  # a draft, or the folder itself
                    continue
                name = f"{folder}/{last}"
                if each.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                    found |= await self._list(name)
                else:
                    found[name] = each.attrs.size or 0
        return found

    async def size(self, name: str) -> int | None:
        return await self._run(self._size(name))

    async def _size(self, name: str) -> int | None:
        try:
            return (await self._sftp.stat(self._path(name))).size
        except asyncssh.SFTPNoSuchFile:
            return None

    async def read(self, name: str) -> AsyncIterator[bytes]:
        file: Any = await self._run(self._opened(name))
        try:
            while piece := await self._run(file.read(PIECE_BYTES)):
                yield piece
        finally:
            with contextlib.suppress(chatserver.TargetError):
                await self._run(file.close())

    async def _opened(self, name: str) -> Any:
        return await self._sftp.open(self._path(name), "rb")

    async def put(
        self, name: str, data: BinaryIO, size: int, sha256: bytes, until: datetime | None
    ) -> None:
        await self._run(self._put(self._path(name), data, size))

    async def _put(self, path: str, data: BinaryIO, size: int) -> None:
        """Write a draft, make it durable, and give it its name in one step."""
        sftp, folder = self._sftp, posixpath.dirname(path)
        draft = posixpath.join(folder, DRAFT + posixpath.basename(path))
        await sftp.makedirs(folder, exist_ok=True)
        try:
            async with sftp.open(draft, "wb") as file:
                while piece := data.read(PIECE_BYTES):
                    await file.write(piece)
                with contextlib.suppress(asyncssh.SFTPOpUnsupported):
                    await file.fsync()
        except asyncssh.SFTPFailure as error:
            await self._explain(folder, size, error)
            raise
        await sftp.posix_rename(draft, path)

    async def _explain(self, folder: str, size: int, error: asyncssh.SFTPFailure) -> None:
        """Raise a better error if the disk is full, for which SFTP has no code. Drafts are removed for room."""
        free = None
        with contextlib.suppress(asyncssh.SFTPError):
            found = await self._sftp.statvfs(folder)
            free = found.bavail * found.frsize
        if free is not None and free < size:
            raise chatserver.TargetError(
                f"the target is full: {size:,} bytes are needed, {free:,} are free"
            ) from error

    async def delete(self, name: str) -> None:
        await self._run(self._delete(self._path(name)))

    async def _delete(self, path: str) -> None:
        """Remove the file, and folders above that hold nothing but drafts then."""
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            await self._sftp.remove(path)
        folder = posixpath.dirname(path)
        while folder != self._account.folder:
            with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                names = [str(name) for name in await self._sftp.listdir(folder)]
                rest = [name for name in names if name not in (".", "..")]
                if not all(name.startswith(DRAFT) for name in rest):
                    return
                for name in rest:
                    await self._sftp.remove(posixpath.join(folder, name))
                await self._sftp.rmdir(folder)
            folder = posixpath.dirname(folder)

    async def locked_until(self, name: str) -> datetime | None:
        return None

    async def lock(self, name: str, until: datetime) -> None:
        raise chatserver.TargetError("SFTP has no locks")

    @property
    def _sftp(self) -> asyncssh.SFTPClient:
        if self._client is None:
            raise chatserver.TargetError("not connected")
        return self._client

    def _path(self, name: str) -> str:
        return posixpath.join(self._account.folder, name)

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result, from the other thread. Raises `TargetError`."""
        try:
            return await self._thread.run(work)
        except asyncssh.HostKeyNotVerifiable as error:
            raise chatserver.TargetError(
                f"the host's key is not the one in plugin.sftp.known_hosts: {error}"
            ) from error
        except (asyncssh.Error, asyncssh.SFTPError) as error:
            reason = error.reason or type(error).__name__
            raise chatserver.TargetError(f"SFTP: {reason}") from error
