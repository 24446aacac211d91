"""`chatserver plugins`: lists the plugins, on or off, with the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from chatserver.hooks.loading import PluginRow


@click.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context, source: str | None, overrides: dict[str, object], as_json: bool
) -> None:
    """List all plugins: version, on or off and why, order, hooks, settings.

    Exits with 1 if an enabled plugin cannot be used.

    \b
    chatserver plugins -c production
    chatserver plugins --json
    """
    from chatserver.hooks.loading import survey

    rows = survey(load_configuration(source, overrides).config)
    if as_json:
        import msgspec

        listed = msgspec.json.encode([row._asdict() for row in rows])
        click.echo(msgspec.json.format(listed, indent=2))
    else:
        show(rows)
    ctx.exit(1 if any(row.enabled and row.problem for row in rows) else 0)


def show(rows: list[PluginRow]) -> None:
    from chatserver.cli.table import print_table

    print_table(
        ("plugin", "from", "on", "hooks", "settings"),
        (
            (
                row.name,
                f"{row.distribution} {row.version}",
                f"{row.order}" if row.enabled and not row.problem else f"off: {row.problem}",
                "\n".join(row.hooks),
                "\n".join(row.settings),
            )
            for row in rows
        ),
    )
