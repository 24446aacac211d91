"""`chatserver consumers`: lists the plugins that read the log and their lag; replays and retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli.names import consumers
from chatserver.cli.opened import with_server
from chatserver.cli.options import configured

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, one a line.")
room_option = click.option("--room", metavar="ID", help="Only this room.")


@click.group()
def command() -> None:
    """Inspect and control the plugins that read the log, such as webhooks and exports.

    Works beside running servers, but not on an embedded database that one of them has open. Requests
    to replay or retry are kept in the store; the node that runs the consumer carries them out within
    seconds.

    \b
    chatserver consumers list -c production
    chatserver consumers replay webhooks.tickets --room 01J --from 1042
    """


@command.command("list")
@json_option
@configured
def list_(as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """List all consumers, with their lag in events and their dead letters.

    \b
    chatserver consumers list --json
    """
    states = with_server(source, overrides, lambda server: server.consumers.states())
    if as_json:
        _print_json(states)
        return
    from chatserver.cli.table import print_table

    print_table(
        ("consumer", "lag", "dead letters", "runs on"),
        ((state.name, str(state.lag), str(state.dead), state.node or "-") for state in states),
    )


@command.command()
@click.argument("name", shell_complete=consumers)
@room_option
@click.option(
    "--from",
    "seq",
    metavar="SEQ",
    type=click.IntRange(min=1),
    default=1,
    help="Seq of the first event, in each room.  [default: 1]",
)
@configured
def replay(
    name: str, room: str | None, seq: int, source: str | None, overrides: dict[str, object]
) -> None:
    """Repeat events that were handled already.

    \b
    chatserver consumers replay webhooks.tickets
    chatserver consumers replay webhooks.tickets --room 01J --from 1042
    """
    with_server(source, overrides, lambda server: server.consumers.replay(name, room, seq - 1))
    click.echo(f"{name} repeats events from {seq} on in {room or 'all rooms'}.")


@command.command()
@click.argument("name", shell_complete=consumers)
@room_option
@json_option
@configured
def dead(
    name: str, room: str | None, as_json: bool, source: str | None, overrides: dict[str, object]
) -> None:
    """List a consumer's dead letters: the events that it has given up.

    \b
    chatserver consumers dead webhooks.tickets
    """
    letters = with_server(source, overrides, lambda server: server.consumers.dead(name, room))
    if as_json:
        _print_json(letters)
        return
    from chatserver.cli.table import print_table

    print_table(
        ("room", "seq", "given up", "attempts", "error"),
        (
            (letter.room, str(letter.seq), letter.at, str(letter.attempts), letter.error)
            for letter in letters
        ),
    )


@command.command()
@click.argument("name", shell_complete=consumers)
@room_option
@configured
def retry(name: str, room: str | None, source: str | None, overrides: dict[str, object]) -> None:
    """Retry dead letters, one by one, until three in a row have failed.

    \b
    chatserver consumers retry webhooks.tickets
    """
    with_server(source, overrides, lambda server: server.consumers.retry_dead(name, room))
    click.echo(f"{name} retries its dead letters.")


@command.command()
@click.argument("name", shell_complete=consumers)
@room_option
@click.option(
    "--seq", metavar="SEQ", type=click.IntRange(min=1), help="Only the dead letter of this event."
)
@click.option("--all", "everything", is_flag=True, help="The dead letters of all rooms.")
@configured
def discard(
    name: str,
    room: str | None,
    seq: int | None,
    everything: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Discard dead letters for good: the events stay in the log, and can still be replayed.

    Takes effect at once. A letter in the middle of a retry may still be handled.

    \b
    chatserver consumers discard webhooks.tickets --room 01J --seq 1042
    chatserver consumers discard webhooks.tickets --all
    """
    if everything is (room is not None):
        raise click.UsageError("Give either --room ID or --all.")
    if seq is not None and room is None:
        raise click.UsageError("--seq is an event of one room: give --room ID too.")
    count = with_server(
        source, overrides, lambda server: server.consumers.discard_dead(name, room, seq)
    )
    click.echo(f"{name}: {count} dead {'letter' if count == 1 else 'letters'} discarded.")


def _print_json(rows: Sequence[msgspec.Struct]) -> None:
    import msgspec

    for row in rows:
        click.echo(msgspec.json.encode(row))
