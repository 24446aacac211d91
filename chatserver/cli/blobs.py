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
    from chatserver.blobs.moving import Moved
    from chatserver.cli.export import Missing
    from chatserver.config import Loaded
    from chatserver.hooks.blobs import Blobs

T = TypeVar("T")


@click.group()
def command() -> None:
    """Move, copy and claim the files of users, which are not in the store.

    \b
    chatserver blobs move --from disk_blobs --to s3 -c production
    chatserver blobs copy --from production --to new.toml
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
    may run on both. For a move to another store, copy before and after `chatserver move`; backups and archives have
    the files anyway.

    \b
    chatserver blobs copy --from production --to new.toml
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
@click.option("--from", "former", metavar="PLUGIN", required=True, help="Plugin of the old place.")
@click.option("--to", "place", metavar="PLUGIN", required=True, help="Plugin of the new place.")
@configured
def move(former: str, place: str, source: str | None, overrides: dict[str, object]) -> None:
    """Copy all files of an installation from one place to another, each compared with its hash.

    Both plugins must be enabled. Servers go on meanwhile if they have blobs.place and blobs.former set to
    the same plugins: then new files go to the new place, and older ones are found in either. An interrupted
    move goes on when it is run again. Nothing is removed from the old place.

    Exits with 1 if the content of a file is lost, after all others were copied.

    \b
    chatserver blobs move --from disk_blobs --to s3 -c production
    """
    from chatserver.cli.export import Missing
    from chatserver.cli.stores import run_quietly

    loaded = load_configuration(source, overrides | {"blobs.former": former, "blobs.place": place})
    missing = Missing(required=False)
    moved = run_quietly(_move(loaded, missing))
    click.echo(
        f"Moved {moved.new:,} files, {moved.new_bytes / 1e6:,.1f} MB; "
        f"{moved.files - moved.lost:,} of {moved.files:,} are in the new place."
    )
    missing.summarize("neither place has them")
    if missing.count:
        raise SystemExit(1)


async def _move(loaded: Loaded, missing: Missing) -> Moved:
    from chatserver.app import Server
    from chatserver.blobs.fallback import TwoPlaces
    from chatserver.blobs.moving import move as move_all
    from chatserver.cli.progress import progress
    from chatserver.cli.stores import opened_place, opened_untouched

    server = Server(loaded)
    async with opened_untouched(loaded, server) as store, opened_place(server) as both:
        assert isinstance(both, TwoPlaces)
        with progress("files moved") as show:
            work = move_all(store, both.former, both.present, missing.add, show)
            return await _reported(work)


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
    from chatserver.cli.stores import opened_place_alone

    async with AsyncExitStack() as stack:
        with naming(option):
            blobs = await stack.enter_async_context(opened_place_alone(loaded))
            if blobs is None:
                raise StartupError("plugins.enabled: no plugin provides a back end of blobs")
        yield blobs


async def _reported(work: Awaitable[T]) -> T:
    """The result; a back end that is unavailable is reported with its own reason."""
    try:
        return await work
    except BlobsUnavailable as error:
        raise StartupError(f"the files: {error.reason}") from error
