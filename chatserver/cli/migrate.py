"""`chatserver migrate`: updates the store's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration
from chatserver.cli.stores import opened_to_write, run_quietly, store_of

if TYPE_CHECKING:
    from chatserver.config import Loaded


@click.command()
@configured
@click.option("--plan", "only_plan", is_flag=True, help="Only print the steps.")
def command(source: str | None, overrides: dict[str, object], only_plan: bool) -> None:
    """Bring the schema of the store up to date, as a server does when it starts.

    An interrupted migration can be repeated. If several run at the same time, one works and the
    others wait. If the data belongs to one process, stop the server first; --plan works beside it.

    \b
    chatserver migrate --plan -c production
    chatserver migrate -c production
    """
    loaded = load_configuration(source, overrides)
    steps = run_quietly(store_of(loaded).plan() if only_plan else migrate(loaded))
    for step in steps or ["The schema is up to date."]:
        click.echo(step)


async def migrate(loaded: Loaded) -> list[str]:
    """Change the schema; returns the steps taken."""
    steps = await store_of(loaded).plan()
    async with opened_to_write(loaded):
        return [f"done: {step}" for step in steps]
