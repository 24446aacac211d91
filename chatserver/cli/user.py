"""`chatserver user`: accounts, straight in the store. The server may not be listening for it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from chatserver.cli.opened import with_server
from chatserver.cli.options import configured

if TYPE_CHECKING:
    from chatserver.model import User
    from chatserver.service.accounts import Accounts

T = TypeVar("T")
ROLES = click.Choice(["owner", "admin", "member", "guest"])
PAGE = 1000

password_file = click.option(
    "--password-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File with the password, - for standard input; asked for otherwise.",
)


@click.group()
def command() -> None:
    """Make and change accounts.

    They are changed in the store, by the same rules as over the network, and running servers
    know of it within seconds. With an embedded database the server must be stopped: a data
    folder belongs to one process.
    """


@command.command()
@click.argument("username")
@click.option("--role", type=ROLES, help="Role on the server; the first account becomes owner.")
@click.option("--name", help="Name that is shown; the user name otherwise.")
@password_file
@configured
def add(
    username: str,
    role: str | None,
    name: str | None,
    password_file: str | None,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Make an account.

    \b
    chatserver user add ada --role admin -c production
    pwgen 20 1 | chatserver user add bot --password-file -
    """
    from chatserver.model import ServerRole

    chosen = ServerRole(role) if role else None
    password = read_password(password_file)
    user = with_accounts(
        source, overrides, lambda accounts: accounts.add(username, password, name, chosen)
    )
    click.echo(f"{user.username} is {user.role.value}.")


@command.command()
@click.argument("username")
@password_file
@configured
def passwd(
    username: str, password_file: str | None, source: str | None, overrides: dict[str, object]
) -> None:
    """Set a password; all sessions of the account end.

    \b
    chatserver user passwd ada
    """
    password = read_password(password_file)
    with_accounts(source, overrides, lambda accounts: accounts.set_password(username, password))
    click.echo(f"The password of {username} is set.")


@command.command()
@click.argument("username")
@click.argument("role", type=ROLES)
@configured
def role(username: str, role: str, source: str | None, overrides: dict[str, object]) -> None:
    """Give an account another role on the server.

    \b
    chatserver user role ada owner
    """
    from chatserver.model import ServerRole

    with_accounts(source, overrides, lambda accounts: accounts.set_role(username, ServerRole(role)))
    click.echo(f"{username} is {role}.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one account a line.")
@configured
def list_(as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """List all accounts.

    \b
    chatserver user list --json
    """
    users = with_accounts(source, overrides, everybody)
    if as_json:
        import msgspec

        for user in users:
            click.echo(msgspec.json.encode(user))
        return
    from chatserver.cli.table import print_table

    print_table(
        ("user", "name", "role", "since", ""),
        (
            (user.username, user.name, user.role.value, user.at[:10], "locked" * user.disabled)
            for user in users
        ),
    )


async def everybody(accounts: Accounts) -> list[User]:
    """All accounts, by user name."""
    users: list[User] = []
    while page := await accounts.list(after=users[-1].id if users else "", limit=PAGE):
        users += page
        if len(page) < PAGE:
            break
    return sorted(users, key=lambda user: user.username)


def read_password(path: str | None) -> str:
    """From the file, without its final newline, or from the terminal, twice and unseen."""
    if path is None:
        if not sys.stdin.isatty():
            raise click.UsageError("No terminal to ask for the password: use --password-file.")
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text: str = file.read()
    except OSError as error:
        raise click.BadParameter(
            f"{path}: {error.strerror}", param_hint="--password-file"
        ) from None
    except UnicodeDecodeError:
        raise click.BadParameter(f"{path}: not UTF-8", param_hint="--password-file") from None
    return text.removesuffix("\n").removesuffix("\r")


def with_accounts(
    source: str | None,
    overrides: dict[str, object],
    action: Callable[[Accounts], Awaitable[T]],
) -> T:
    """What the action gives, done on the accounts of the configured store."""
    return with_server(source, overrides, lambda server: action(server.service.accounts))
