"""`chatserver move`: moves an installation from one store to another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.options import load_configuration
from chatserver.errors import StartupError

if TYPE_CHECKING:
    from chatserver.config import Loaded
    from chatserver.copies.archive.moving import MoveResult
    from chatserver.interfaces import Store


@click.command()
@click.option(
    "--from", "source", metavar="CONFIG", required=True, help="Configuration of the source."
)
@click.option(
    "--to", "target", metavar="CONFIG", required=True, help="Configuration of the target."
)
def command(source: str, target: str) -> None:
    """Copy everything from the store of one configuration to that of another, and compare.

    The source is only read, and its servers may run. The target must be empty at first. Run the move
    again after an interruption, or after changes in the source: it copies the missing data. So run
    it beside the servers first, which may take long; stop them; run it again, which takes seconds;
    and start them on the target. Clients continue where they were, and sessions stay valid.

    \b
    chatserver move --from old.toml --to new.toml
    """
    from chatserver.cli.stores import run_quietly

    with naming("--from"):
        origin = load_configuration(source, {})
    with naming("--to"):
        goal = load_configuration(target, {})
    moved = run_quietly(move(origin, goal))
    click.echo(
        f"Moved {moved.new_events:,} events and {moved.new_records:,} records. All {moved.events:,} "
        f"events of {moved.rooms:,} rooms are the same on both sides."
    )
    click.echo("If servers still run on the source, stop them and run this once more.")


async def move(origin: Loaded, goal: Loaded) -> MoveResult:
    from chatserver.cli.progress import progress
    from chatserver.copies.archive import moving

    async with sides(origin, goal) as (source, target):
        return await moving.move(source, target, progress)


@asynccontextmanager
async def sides(origin: Loaded, goal: Loaded) -> AsyncIterator[tuple[Store, Store]]:
    """Both stores, open; nothing of the source is changed. Raises `StartupError`."""
    from chatserver.cli.stores import opened_to_write, opened_untouched

    demand_two_folders(origin, goal)
    async with AsyncExitStack() as stack:
        with naming("--from"):
            source = await stack.enter_async_context(opened_untouched(origin))
        with naming("--to"):
            target = await stack.enter_async_context(opened_to_write(goal))
        yield source, target


def demand_two_folders(origin: Loaded, goal: Loaded) -> None:
    """Raises `StartupError` if both stores need the same data folder for themselves."""
    from chatserver.cli.stores import store_of
    from chatserver.process.folders import is_same

    source, target = (Path(side.config.server.data).absolute() for side in (origin, goal))
    if is_same(source, target) and all(store_of(loaded).is_private() for loaded in (origin, goal)):
        raise StartupError(
            f"--to: server.data: {target} is also the data folder of --from: choose another"
        )


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Prefix errors with the option of the configuration that they concern."""
    try:
        yield
    except StartupError as error:
        lines = str(error).splitlines()
        raise StartupError("\n".join(f"{option}: {line}" for line in lines)) from error
