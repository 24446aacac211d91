"""`chatserver blobs`: copies the files of users, and makes an installation the owner of their place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from chatserver.cli.move import naming
from chatserver.cli.options import configured, load_configuration
from chatserver.errors import BlobsUnavailable, StartupError

if TYPE_CHECKING:
    from chatserver.app import Server
    from chatserver.blobs.copying import Copied
    from chatserver.config import Loaded
    from chatserver.hooks.blobs import Blobs

T = TypeVar("T")


@click.group()
def command() -> None:
    """Copy and claim the files of users, which are not in the store.

    \b
    chatserver blobs copy --from production --to blobs-backup.toml
    chatserver blobs claim -c production
    """


@command.command()
@click.option(
    "--from", "source", metavar="CONFIG", required=True, help="Configuration of the source."
)
@click.option(
    "--to", "target", metavar="CONFIG", required=True, help="Configuration of the target."
)
def copy(source: str, target: str) -> None:
    """Copy all files from the place of one configuration to that of another.

    Files never change: a second run copies only what the target lacks, and an interrupted one goes on. Servers
    may run on both. For a backup, copy after `chatserver backup`, so that no file that it refers to is missing.
    For a move, copy before and after `chatserver move`.

    \b
    chatserver blobs copy --from production --to blobs-backup.toml
    """
    from chatserver.cli.stores import run_quietly

    with naming("--from"):
        origin = load_configuration(source, {})
    with naming("--to"):
        goal = load_configuration(target, {})
    copied = run_quietly(_copy(origin, goal))
    click.echo(
        f"Copied {copied.new:,} files and pieces of files, {copied.new_bytes / 1e6:,.1f} MB; the source has "
        f"{copied.objects:,}."
    )


async def _copy(origin: Loaded, goal: Loaded) -> Copied:
    from chatserver.blobs.copying import copy as copy_all
    from chatserver.cli.progress import progress

    with progress("copied") as show:
        async with _opened(origin, "--from") as source, _opened(goal, "--to") as target:
            return await _reported(copy_all(source, target, show))


@command.command()
@configured
def claim(source: str | None, overrides: dict[str, object]) -> None:
    """Make this installation the owner of the place of its files.

    Only its owner writes to a place, and removes what nobody needs. An installation owns an empty place by itself.
    Claim it after a restore, when the files are where they were, or were copied back. The former owner then takes
    and removes no files there: so never claim the place of a server that goes on.

    \b
    chatserver blobs claim -c production
    """
    from chatserver.cli.opened import with_server

    async def act(server: Server) -> None:
        if server.blobs is None:
            raise StartupError("plugins.enabled: no plugin provides a back end of blobs")
        await server.blobs.open()
        try:
            await _reported(server.service.blobs.claim())
        finally:
            await server.blobs.close()

    with_server(source, overrides, act)
    click.echo("The place of the files belongs to this installation.")


@asynccontextmanager
async def _opened(loaded: Loaded, option: str) -> AsyncIterator[Blobs]:
    """The place of a configuration, open. Raises `StartupError`."""
    from chatserver.cli.stores import opened_place

    async with AsyncExitStack() as stack:
        with naming(option):
            blobs = await stack.enter_async_context(opened_place(loaded))
            if blobs is None:
                raise StartupError("plugins.enabled: no plugin provides a back end of blobs")
        yield blobs


async def _reported(work: Awaitable[T]) -> T:
    """The result; a back end that is unavailable is reported with its own reason."""
    try:
        return await work
    except BlobsUnavailable as error:
        raise StartupError(f"the files: {error.reason}") from error
