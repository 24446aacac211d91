"""`chatserver user`: makes and changes accounts directly in the store, without the server."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from chatserver.cli.opened import with_server
from chatserver.cli.options import configured, despite_hold

if TYPE_CHECKING:
    from chatserver.app import Server
    from chatserver.hooks.types import Actor
    from chatserver.model import User
    from chatserver.service.accounts import Accounts
    from chatserver.service.mail.emails import OwnEmail

T = TypeVar("T")
ROLES = click.Choice(["owner", "admin", "member", "guest"])
PAGE = 1000

password_file = click.option(
    "--password-file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="File with the password, - for standard input. Default: ask for it.",
)


must_change = click.option(
    "--must-change", is_flag=True, help="The user chooses another password at the next sign-in."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print the account as JSON.")


@click.group()
def command() -> None:
    """Make and change accounts.

    Accounts are changed in the store, by the same rules as over the network; running servers notice
    within a second. With an embedded database, stop the server first: a data folder belongs to one
    process.
    """


@command.command()
@click.argument("username")
@click.option("--role", type=ROLES, help="Role on the server; the first account becomes owner.")
@click.option("--name", help="Shown name; by default the user name.")
@password_file
@must_change
@as_json
@configured
def add(
    username: str,
    role: str | None,
    name: str | None,
    password_file: str | None,
    must_change: bool,
    as_json: bool,
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
        source,
        overrides,
        lambda accounts: accounts.add(
            username, password, name, chosen, by=operator(), must_change=must_change
        ),
    )
    say(user, as_json, f"{user.username} is {user.role.value}.")


@command.command()
@click.argument("username")
@password_file
@must_change
@as_json
@configured
def passwd(
    username: str,
    password_file: str | None,
    must_change: bool,
    as_json: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Set a password; all sessions of the account end.

    \b
    chatserver user passwd ada
    chatserver user passwd ada --must-change
    """
    password = read_password(password_file)
    user = with_accounts(
        source,
        overrides,
        lambda accounts: accounts.passwords.set(
            username, password, by=operator(), must_change=must_change
        ),
    )
    say(user, as_json, f"The password of {user.username} is set.")


@command.command()
@click.argument("username")
@click.argument("email", required=False)
@click.option("--remove", is_flag=True, help="Remove the address.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
@configured
def email(
    username: str,
    email: str | None,
    remove: bool,
    as_json: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Show, set or remove the e-mail address of an account.

    Whoever reads mails to it can choose a new password, if the server sends mail.

    \b
    chatserver user email ada
    chatserver user email ada ada@example.org
    """
    if email is not None and remove:
        raise click.UsageError("Give an address, or --remove.")

    async def act(server: Server) -> OwnEmail:
        return await server.service.staff.email_by_operator(
            username, email, operator(), change=remove or email is not None
        )

    found = with_server(source, overrides, act)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(found))
        return
    click.echo(found.email or f"{username} has no e-mail address.")


@command.command("reset-link")
@click.argument("username")
@click.option(
    "--hours",
    type=click.FloatRange(0, 168, min_open=True),
    default=24.0,
    show_default=True,
    help="Hours for which it is valid.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the link and its end as JSON.")
@configured
def reset_link(
    username: str, hours: float, as_json: bool, source: str | None, overrides: dict[str, object]
) -> None:
    """Make a link by which a user chooses a new password, once.

    Whoever has the link gets into the account, unless that has a second step: give it to its user
    alone. An earlier link ends. The link begins with server.public_url.

    \b
    chatserver user reset-link ada
    """
    made = with_accounts(
        source,
        overrides,
        lambda accounts: accounts.passwords.reset_link(
            username, by=operator(), seconds=hours * 3600
        ),
    )
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(made))
        return
    click.echo(made.link)
    click.echo(f"It is valid once, until {made.expires}.", err=True)


@command.command()
@click.argument("username")
@click.argument("role", type=ROLES)
@as_json
@configured
def role(
    username: str, role: str, as_json: bool, source: str | None, overrides: dict[str, object]
) -> None:
    """Give an account another role on the server. The last owner keeps the role.

    \b
    chatserver user role ada owner
    """
    from chatserver.model import ServerRole

    user = with_accounts(
        source,
        overrides,
        lambda accounts: accounts.set_role(username, ServerRole(role), by=operator()),
    )
    say(user, as_json, f"{user.username} is {user.role.value}.")


@command.command()
@click.argument("username")
@as_json
@configured
def lock(username: str, as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """Lock an account: its sessions end, and nobody can sign in to it.

    \b
    chatserver user lock ada
    """
    user = with_accounts(
        source, overrides, lambda accounts: accounts.lock(username, True, by=operator())
    )
    say(user, as_json, f"{user.username} is locked.")


@command.command()
@click.argument("username")
@as_json
@configured
def unlock(username: str, as_json: bool, source: str | None, overrides: dict[str, object]) -> None:
    """Unlock a locked account.

    \b
    chatserver user unlock ada
    """
    user = with_accounts(
        source, overrides, lambda accounts: accounts.lock(username, False, by=operator())
    )
    say(user, as_json, f"{user.username} can sign in again.")


@command.command()
@click.argument("username")
@click.argument("method")
@as_json
@configured
def reset(
    username: str, method: str, as_json: bool, source: str | None, overrides: dict[str, object]
) -> None:
    """Remove what an account has enrolled with a sign-in method, such as totp.

    For somebody who lost their phone and their recovery codes. All sessions of the account stay.

    \b
    chatserver user reset ada totp
    """

    async def remove(server: Server) -> tuple[User, bool]:
        from chatserver.errors import ChatError

        user = await server.service.accounts.by_name(username)
        if user is None:
            raise ChatError("user.not_found")
        return user, await server.service.logins.reset(method, user, operator())

    user, was_there = with_server(source, overrides, remove)
    said = f"{user.username} has nothing enrolled with {method}" + (" any more." * was_there or ".")
    say(user, as_json, said)


@command.command()
@click.argument("username")
@click.argument("new", required=False)
@click.option("--name", help="New shown name.")
@as_json
@configured
def rename(
    username: str,
    new: str | None,
    name: str | None,
    as_json: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Give an account another user name or shown name.

    Its messages keep the name shown at their time. Others can take the old user name.

    \b
    chatserver user rename ada ada.lovelace
    chatserver user rename ada --name "Ada Lovelace"
    """
    if new is None and name is None:
        raise click.UsageError("Give a new user name, or --name.")
    user = with_accounts(
        source,
        overrides,
        lambda accounts: accounts.rename(username, new, name, by=operator()),
    )
    say(user, as_json, f"{username} is {user.username} now, shown as {user.name}.")


@command.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@despite_hold
@as_json
@configured
def delete(
    username: str,
    yes: bool,
    despite_hold: bool,
    as_json: bool,
    source: str | None,
    overrides: dict[str, object],
) -> None:
    """Delete an account for good.

    Nobody can sign in to it any more, all that is held of it in records is removed, and it leaves its
    rooms. Its messages stay, with its id and without its name, or go: see privacy.erased_messages. A running
    server does that; `chatserver privacy erase` waits for it.

    \b
    chatserver user delete ada --yes
    """
    if not yes:
        click.confirm(f"Delete {username} for good?", abort=True, err=True)
    user = with_server(
        source,
        overrides,
        lambda server: server.service.removal.delete(
            username, by=operator(), despite_hold=despite_hold
        ),
    )
    say(user, as_json, f"{username} is deleted.")


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
        ((user.username, user.name, user.role.value, user.at[:10], state(user)) for user in users),
    )


def state(user: User) -> str:
    """The state of an account: deleted, locked, bot, or "" for an ordinary one."""
    if user.deleted:
        return "deleted"
    if user.disabled:
        return "locked"
    return "bot" if user.bot else ""


def operator() -> Actor:
    """The operator who runs this command, with the system's user name."""
    import getpass
    import os

    from chatserver.hooks.types import Actor

    name = os.environ.get("SUDO_USER")
    try:
        return Actor(operator=name or getpass.getuser())
    except (OSError, KeyError):  # such as a container's user without a name
        return Actor(operator=str(os.getuid()))


def say(user: User, as_json: bool, text: str) -> None:
    """Print the account as JSON, or the text."""
    if as_json:
        import msgspec

        text = msgspec.json.encode(user).decode()
    click.echo(text)


async def everybody(accounts: Accounts) -> list[User]:
    """All accounts, by user name."""
    users: list[User] = []
    while page := await accounts.list(after=users[-1].id if users else "", limit=PAGE):
        users += page
        if len(page) < PAGE:
            break
    return sorted(users, key=lambda user: user.username)


def read_password(path: str | None) -> str:
    """Read a password from a file, without its final newline, or from the terminal, twice and hidden."""
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
    """The result of the action on the accounts of the configured store."""
    return with_server(source, overrides, lambda server: action(server.service.accounts))
