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
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object.")
def command(
    source: str | None, overrides: dict[str, object], only_plan: bool, as_json: bool
) -> None:
    """Bring the schema of the store up to date, as a server does when it starts.

    An interrupted migration can be repeated. If several run at the same time, one works and the
    others wait. If the data belongs to one process, stop the server first; --plan works beside it.

    \b
    chatserver migrate --plan -c production
    chatserver migrate -c production
    """
    loaded = load_configuration(source, overrides)
    steps = run_quietly(store_of(loaded).plan() if only_plan else migrate(loaded))
    if as_json:
        import msgspec

        from chatserver.cli.shapes import Steps

        click.echo(msgspec.json.encode(Steps(steps=steps, done=not only_plan)))
        return
    for step in steps:
        click.echo(step if only_plan else f"done: {step}")
    if not steps:
        click.echo("The schema is up to date.")


async def migrate(loaded: Loaded) -> list[str]:
    """Change the schema; returns the steps taken."""
    steps = await store_of(loaded).plan()
    async with opened_to_write(loaded):
        return steps
