"""`chatserver privacy`: what is held about one person: a report, an export, the erasure, and a search for what is left."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chatserver.cli.opened import with_server
from chatserver.cli.options import configured, despite_hold

if TYPE_CHECKING:
    from chatserver.app import Server
    from chatserver.model import User
    from chatserver.privacy.report import Held
    from chatserver.privacy.search import Place

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
LEFT = 1  # exit status if something is left that should not be


@click.group()
def command() -> None:
    """Show, export and erase what is held about one person.

    USER is a user name, or the id of an account, also of a deleted one. The commands work in the store, also
    beside running servers; with an embedded database, stop the server first.

    \b
    chatserver privacy report ada -c production
    chatserver privacy export ada --to ada.zip
    """


@command.command()
@click.argument("user")
@as_json
@configured
def report(user: str, as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """Print how much is held about a person, by part: numbers of items, and bytes.

    \b
    chatserver privacy report ada -c production
    """

    async def act(server: Server) -> Held:
        return await server.service.privacy.report.of((await found(server, user)).id)

    held = with_server(source, overrides, act)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(held))
        return
    from chatserver.cli.table import print_table
    from chatserver.localized import in_language

    print_table(
        ("part", "items", "bytes", ""),
        (
            (part.name, f"{part.items:,}", f"{part.bytes:,}", in_language(part.title))
            for part in held.parts
        ),
    )


@command.command()
@click.argument("user")
@click.option(
    "--to", "path", metavar="FILE", required=True, help="A new file; it ends with .zip usually."
)
@click.option(
    "--language", default="en", help="Language of the page in it: en or ja.  [default: en]"
)
@configured
def export(
    user: str, path: str, language: str, source: str | None, overrides: dict[str, object]
) -> None:
    """Write all that is held about a person to one ZIP file.

    It has data.json for programs, index.html for people, which opens from the disk, and the person's files. It holds no
    password and no token, but much else: give it to nobody but the person.

    \b
    chatserver privacy export ada --to ada.zip
    """
    place = Path(path)
    if place.exists():
        raise click.BadParameter(f"{path}: the file exists", param_hint="--to")

    async def act(server: Server) -> int:
        account = await found(server, user)
        async with files_of(server):
            return await written(server, account, place, language)

    click.echo(f"Exported {with_server(source, overrides, act):,} bytes to {path}.")


@command.command()
@click.argument("user")
@click.option(
    "--messages",
    type=click.Choice(["anonymise", "redact"]),
    help="What becomes of the person's messages.  [default: privacy.erased_messages]",
)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@despite_hold
@configured
def erase(
    user: str,
    messages: str | None,
    yes: bool,
    despite_hold: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Delete an account for good, and take the person out of the log.

    As `chatserver user delete`, but the command waits until all is done. Their name is gone from all events and
    from mentions, and with --messages redact their texts and files, too. Of an account that is deleted already, what is
    left is erased. Of one that is held by a plugin (`chatserver plugin run retention hold`) nothing is, and the exit status
    is 1. At last an embedded database writes its files anew, as `chatserver privacy compact` does.

    \b
    chatserver privacy erase ada --yes
    chatserver privacy erase 018f… --messages redact --yes
    """
    if not yes:
        click.confirm(f"Erase {user} for good?", abort=True, err=True)
    from chatserver.cli.user import operator
    from chatserver.privacy.rewriting import Erased

    async def act(server: Server) -> None:
        account = await found(server, user)
        async with files_of(server):
            mode = Erased(messages) if messages else None
            await server.service.removal.erase(account, operator(), mode, despite_hold=despite_hold)
        click.echo(f"{user} is erased.")
        await compacted(server)

    with_server(source, overrides, act)


@command.command()
@configured
def compact(source: str | None, overrides: dict[str, object]) -> None:
    """Write the files of an embedded database anew, without a byte of what was removed.

    While a server runs, SQLite overwrites what is removed, but parts of rows that it has moved within its file before
    can stay in unused space. So do this after accounts were erased there. It takes some seconds for each gigabyte, and
    as much free space again as the file has, twice. Databases of their own have commands for it (docs/privacy.md).

    
    chatserver privacy compact -c production
    """

    async def act(server: Server) -> None:
        if not await compacted(server):
            click.echo("The database has commands of its own for this: see docs/privacy.md.")

    with_server(source, overrides, act)


@command.command()
@click.argument("user")
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="TEXT",
    help="Look for this, too, such as a former name or address; may be repeated.",
)
@as_json
@configured
def search(
    user: str,
    texts: tuple[str, ...],
    as_json: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """List every place in the store that holds a person's id, name or e-mail address.

    It reads all records and the whole log. Of an account that was erased only the id is known: give its names with
    --text. Exit status 1: something is left of an erased account that should not be. The id stays in the log, which it
    orders; what others wrote in their own words stays, too, and is listed.

    \b
    chatserver privacy search ada
    chatserver privacy search 018f… --text "Ada Lovelace" --text ada@example.org
    """

    async def act(server: Server) -> bool:
        account = await found(server, user)
        wanted = [*texts]
        if not account.deleted:
            email = await server.service.emails.of(account.id)
            wanted += [account.username, account.name, *([email] if email else [])]
        is_left = False
        async for place in server.service.privacy.search.places(account.id, wanted):
            is_left = is_left or (account.deleted and not place.stays)
            show(place, account, as_json)
        return is_left

    if with_server(source, overrides, act):
        sys.exit(LEFT)


async def found(server: Server, name: str) -> User:
    """The account of a user name or an id. Raises `ChatError` user.not_found."""
    accounts = server.service.accounts
    return await accounts.by_name(name) or await accounts.get(name)


async def compacted(server: Server) -> bool:
    """Have the store write its files anew, if it can; returns whether it can. Raises `ClickException`."""
    from chatserver.errors import StoreUnavailable
    from chatserver.service.replaced import compact

    try:
        if not await compact(server.service.store):
            return False
    except StoreUnavailable as error:
        raise click.ClickException(
            f"the files could not be written anew: {error.reason}: parts of what was removed may be left in unused "
            "space; try again with `chatserver privacy compact`"
        ) from error
    click.echo("The files of the database are written anew.")
    return True


@asynccontextmanager
async def files_of(server: Server) -> AsyncIterator[None]:
    """The place of files open, if there is one; commands have it closed otherwise."""
    if server.blobs is None:
        yield
        return
    try:
        await server.blobs.open()
        yield
    finally:
        await server.blobs.close()


async def written(server: Server, user: User, place: Path, language: str) -> int:
    """Write the archive to a new file, readable for its owner alone; returns its size. Leaves none that is not whole."""
    import os
    from contextlib import aclosing, suppress

    size, draft = 0, place.with_name(f"{place.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            async with aclosing(server.service.privacy.archive.of(user, language)) as parts:
                async for part in parts:
                    size += file.write(part)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(place)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError):
            raise click.ClickException(f"{place}: {error.strerror}") from error
        raise
    return size


def show(place: Place, account: User, as_json: bool) -> None:
    """Print one place that was found."""
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(place))
        return
    where = f"event {place.room} {place.seq}" if place.room else f"record {place.space} {place.key}"
    left = "" if place.stays or not account.deleted else "  LEFT"
    click.echo(f"{place.what}  {where}{left}")
