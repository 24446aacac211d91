"""`chatserver timers`: lists the timers of plugins and what is set; retries and discards dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.names import timers
from chatserver.cli.opened import with_server
from chatserver.cli.options import configured

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one a line.")
key_option = click.option("--key", metavar="KEY", help="Only the dead letter of this key.")


@click.group()
def command() -> None:
    """Inspect the timers of plugins, such as scheduled messages, and their dead letters.

    Works beside running servers, but not on an embedded database that one of them has open.

    \b
    chatserver timers list -c production
    chatserver timers dead scheduled.post
    """


@command.command("list")
@json_option
@configured
def list_(as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """List all timers, with the number of times that are set and of dead letters.

    A timer is late if a time has come that is not handled yet.

    \b
    chatserver timers list --json
    """
    states = with_server(source, overrides, lambda server: server.timers.states())
    if as_json:
        _print_json(states)
        return
    from chatserver.cli.table import print_table

    print_table(
        ("timer", "set", "late", "dead letters", "runs on"),
        (
            (
                state.name,
                str(state.pending),
                f"{state.late:.0f} s",
                str(state.dead),
                state.node or "-",
            )
            for state in states
        ),
    )


@command.command()
@click.argument("name", shell_complete=timers)
@json_option
@configured
def dead(name: str, as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """List a timer's dead letters: the keys that it has given up.

    \b
    chatserver timers dead scheduled.post
    """
    letters = with_server(source, overrides, lambda server: server.timers.dead(name))
    if as_json:
        _print_json(letters)
        return
    from chatserver.cli.table import print_table

    print_table(
        ("key", "given up", "attempts", "error"),
        ((letter.key, letter.given_up, str(letter.attempts), letter.error) for letter in letters),
    )


@command.command()
@click.argument("name", shell_complete=timers)
@key_option
@configured
def retry(name: str, key: str | None, source: str | None, overrides: dict[str, object]) -> None:
    """Try dead letters again, from the beginning of their attempts.

    \b
    chatserver timers retry scheduled.post
    """
    count = with_server(source, overrides, lambda server: server.timers.retry_dead(name, key))
    click.echo(f"{name} retries {_letters(count)}.")


@command.command()
@click.argument("name", shell_complete=timers)
@key_option
@click.option("--all", "everything", is_flag=True, help="All dead letters.")
@configured
def discard(
    name: str,
    key: str | None,
    everything: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Discard dead letters for good.

    \b
    chatserver timers discard scheduled.post --all
    """
    if everything is (key is not None):
        raise click.UsageError("Give either --key KEY or --all.")
    count = with_server(source, overrides, lambda server: server.timers.discard_dead(name, key))
    click.echo(f"{name}: {_letters(count)} discarded.")


def _letters(count: int) -> str:
    return f"{count} dead {'letter' if count == 1 else 'letters'}"


def _print_json(rows: Sequence[msgspec.Struct]) -> None:
    import msgspec

    for row in rows:
        click.echo(msgspec.json.encode(row))
