"""`chatserver plugin run invites`: invitations made, listed and removed by an operator."""

import time

import click

from chatserver import ChatError, Context, RunInServer
from chatserver_plugins.invites.book import Book, Invite, id_of, may_invite


def commands(run: RunInServer) -> click.Command:
    """The group of commands. `run` opens the store for them."""

    @click.group()
    def invites() -> None:
        """Invitations, by which people make an account."""

    @invites.command()
    @click.option("--by", required=True, help="User name of a member of the staff who invites.")
    @click.option("--uses", default=1, type=click.IntRange(1, 1000), show_default=True)
    @click.option("--days", default=7.0, type=click.FloatRange(0, 365, min_open=True))
    @click.option("--room", "rooms", multiple=True, help="Id of a room to be in; repeatable.")
    def make(by: str, uses: int, days: float, rooms: tuple[str, ...]) -> None:
        """Make an invitation; prints its link."""

        async def act(context: Context) -> str:
            user = await context.service.accounts.by_name(by)
            if user is None:
                raise ChatError("user.not_found")
            if not may_invite(user):
                raise ChatError("user.forbidden")
            for room in rooms:
                await context.service.rooms.get(room, user)
            code, _ = await Book(context.records).make(user.id, uses, days, rooms)
            return f"{context.public_url}/#invite={code}"

        click.echo(run(act))

    @invites.command("list")
    def list_() -> None:
        """List the invitations: id, uses that are left, last day."""

        async def act(context: Context) -> list[tuple[str, Invite]]:
            return await Book(context.records).all()

        for name, invite in run(act):
            day = time.strftime("%Y-%m-%d", time.gmtime(invite.expires))
            click.echo(f"{name} {invite.left} {day}")

    # A code may begin with a dash.
    @invites.command(context_settings={"ignore_unknown_options": True})
    @click.argument("invite")
    def remove(invite: str) -> None:
        """Remove an invitation by its id, or by its code."""

        async def act(context: Context) -> bool:
            book = Book(context.records)
            return await book.remove(invite) or await book.remove(id_of(invite))

        if not run(act):
            raise click.ClickException("There is no such invitation.")

    return invites
