"""`chatserver plugin run vault`: the keys of the vault, looked at, rotated and destroyed by an operator."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from chatserver import Context, FolderInUse, RunInServer, StartupError
from chatserver_plugins.vault.caretaking import Caretaker
from chatserver_plugins.vault.requests import Asked, ask


async def done(caretaker: Caretaker, asked: Asked) -> list[str]:
    """Do what a command wants; returns the lines that it prints. Raises `StartupError`."""
    match asked.do:
        case "status":
            return await _status(caretaker)
        case "rotate-master":
            total = await caretaker.rotate_master()
            return [
                f"wrapped the keys of {total:,} rooms and spaces anew",
                *await _status(caretaker),
            ]
        case "rotate-data":
            await caretaker.rotate_data()
            return [
                "from now on everything is sealed with new keys; what was sealed before is sealed anew in the "
                "background, see `chatserver plugin run vault status`"
            ]
        case "shred":
            if asked.user:
                user = await caretaker.person(asked.user)
                total = await caretaker.shred_person(user)
                return [
                    f"destroyed {total} keys of the user {user}: what they have written is lost"
                ]
            total = await caretaker.shred(asked.room)
            return [f"destroyed {total} keys of the room {asked.room}"]
    raise StartupError(f"there is no command {asked.do}")


async def _status(caretaker: Caretaker) -> list[str]:
    found = await caretaker.status()
    use = "the present one" if found.present else "not the present one: rotate-master is due"
    return [
        f"master key     {', '.join(found.masters)} ({use})",
        f"root key       {found.root}, of {found.root_at}",
        f"data keys      {found.keys:,} of {found.rooms:,} rooms, {found.people:,} people and of records; "
        f"{found.destroyed:,} destroyed",
        f"shredded       what {found.shredded:,} people had written",
        f"turn           {found.turn}",
        f"sealed         {'everything' if found.sealed else 'not everything yet: the rest is sealed in the background'}",
    ]


def commands(
    run: RunInServer, folder: Path, caretaker: Callable[[Context], Caretaker]
) -> click.Command:
    """The group of commands. `run` opens the store for them; `folder` is where a server takes requests."""

    def printed(asked: Asked) -> None:
        def act(context: Context) -> Awaitable[list[str]]:
            return done(caretaker(context), asked)

        try:
            lines = run(act)
        except FolderInUse:
            lines = ask(folder, asked)
        for line in lines:
            click.echo(line)

    @click.group()
    def vault() -> None:
        """Keys of the encryption at rest. All of this works while servers run."""

    @vault.command()
    def status() -> None:
        """Show which master key wraps the keys, how many there are, and whether everything is sealed."""
        printed(Asked("status"))

    @vault.command("rotate-master")
    def rotate_master() -> None:
        """Wrap all keys anew, by the master key that is configured as the present one.

        Configure it on all nodes first, with the earlier one in old_key_files. Afterwards the earlier one opens nothing
        in the store any more.
        """
        printed(Asked("rotate-master"))

    @vault.command("rotate-data")
    def rotate_data() -> None:
        """Seal with new data keys from now on, and seal anew in the background what was sealed before."""
        printed(Asked("rotate-data"))

    @vault.command()
    @click.argument("room", required=False)
    @click.option("--user", metavar="NAME", help="What this user (name or id) wrote, in all rooms.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    def shred(room: str | None, user: str | None, yes: bool) -> None:
        """Destroy the data keys of a room (id), or of a user: what was written there, or by them, is lost for good.

        The room stays, with its members; it has neither name nor messages then. A room that is deleted loses its keys
        by itself. The account of the user stays; their messages stand there as if they had been deleted.
        """
        if bool(room) == bool(user):
            raise click.UsageError("expected either a room or --user")
        what = f"everything that {user} has written" if user else f"all contents of the room {room}"
        if not yes:
            click.confirm(f"Destroy {what}?", abort=True)
        printed(Asked("shred", room or "", user or ""))

    return vault
