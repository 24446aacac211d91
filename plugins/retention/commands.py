"""`chatserver plugin run retention`: rules and holds, for operators."""

from collections.abc import Callable

import click

from chatserver import ChatError, Context, RunInServer
from chatserver_plugins.retention.config import MOST_DAYS
from chatserver_plugins.retention.rules import HELD_ROOM, HELD_USER
from chatserver_plugins.retention.sweep import Sweep


def commands(run: RunInServer, sweep_of: Callable[[Context], Sweep]) -> click.Command:
    """The group of commands. `run` opens the store for them."""

    @click.group()
    def retention() -> None:
        """How long messages are kept."""

    @retention.command()
    def due() -> None:
        """List the rooms of which the next run removes something, with the number of events."""

        async def act(context: Context) -> list[tuple[str, str, int]]:
            sweep = sweep_of(context)
            rooms = [room async for room in context.service.expiry.rooms()]
            found = [(room.room, room.name or "", await sweep.due(room)) for room in rooms]
            return [each for each in found if each[2]]

        for room, name, count in run(act):
            click.echo(f"{room} {count} {name}".rstrip())

    @retention.command()
    def sweep() -> None:
        """Remove what is due now, and print how many texts that were."""

        async def act(context: Context) -> int:
            return await sweep_of(context).run()

        click.echo(f"{run(act)} texts were removed")

    @retention.command()
    @click.argument("room")
    @click.argument("days", type=click.IntRange(0, MOST_DAYS))
    def room(room: str, days: int) -> None:
        """Have the messages of ROOM (an id) removed after DAYS; 0: as the server's settings say."""

        async def act(context: Context) -> None:
            await sweep_of(context).rules.choose(room, days)

        run(act)

    @retention.command()
    @click.option("--reason", default="", help="Why, for the list of holds.")
    @click.argument("what")
    def hold(what: str, reason: str) -> None:
        """Remove nothing of WHAT, `room:ID` or `user:NAME`, until it is released."""

        async def act(context: Context) -> bool:
            rules = sweep_of(context).rules
            return await rules.hold(await _key(context, what), reason, context.clock.now())

        if not run(act):
            click.echo("it was held before")

    @retention.command()
    @click.argument("what")
    def release(what: str) -> None:
        """End the hold on WHAT, `room:ID` or `user:NAME`. What is due then goes with the next run."""

        async def act(context: Context) -> bool:
            return await sweep_of(context).rules.release(await _key(context, what))

        if not run(act):
            raise click.ClickException("it is not held")

    @retention.command()
    def holds() -> None:
        """List what is held, and why."""

        async def act(context: Context) -> list[str]:
            rules = sweep_of(context).rules
            rooms = await rules.holds(HELD_ROOM)
            users = await rules.holds(HELD_USER)
            found = await context.service.accounts.get_many([*users])
            names = {id: user.username for id, user in found.items()}
            return [
                *(f"room:{id} {hold.reason}".rstrip() for id, hold in rooms.items()),
                *(f"user:{names.get(id, id)} {hold.reason}".rstrip() for id, hold in users.items()),
            ]

        for line in run(act):
            click.echo(line)

    return retention


async def _key(context: Context, what: str) -> str:
    """The key of a hold. Raises `ChatError`."""
    kind, _, name = what.partition(":")
    if kind == "room" and name:
        return HELD_ROOM + name
    if kind == "user" and name:
        user = await context.service.accounts.by_name(name)
        return HELD_USER + (name if user is None else user.id)
    raise ChatError("request.invalid", "expected room:ID or user:NAME.")
