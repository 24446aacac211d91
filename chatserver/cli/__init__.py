"""The `chatserver` command. Each subcommand has its own file, imported when it is called.

Exit status: 0 done, 1 refused (the reason on standard error), 2 wrong usage, 143 stopped by SIGTERM.
"""

import importlib
import os

import click

from chatserver.errors import ChatError, StartupError, StoreUnavailable
from chatserver.version import __version__

COMMANDS = (
    *(
        "dev",
        "serve",
        "restart",
        "check",
        "status",
        "config",
        "plugins",
        "plugin",
        "user",
        "jobs",
        "migrate",
    ),
    *("backup", "restore", "drill", "export", "import", "move", "blobs"),
    "privacy",
    *("consumers", "timers", "probe"),
    *("upgrade-check", "support-bundle", "completion"),
)


class Commands(click.Group):
    """Finds subcommands by their module's name; turns a refusal into text and status 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"chatserver.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except StartupError as error:
            refuse(str(error))
        except ChatError as error:
            refuse(text_of(error))
        raise click.exceptions.Exit(1)


def text_of(error: ChatError) -> str:
    """The error's text for the user, with the store's own reason for operators."""
    if isinstance(error, StoreUnavailable) and error.__cause__ is not None:
        return f"{error.text.rstrip('.')}: {error.reason}"
    return error.text


def refuse(text: str) -> None:
    """Print the reasons for a refusal on standard error, one line each."""
    for line in text.splitlines():
        click.secho(f"chatserver: {line}", err=True, fg="red")


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="chatserver COMMAND --help describes one command.",
)
@click.version_option(__version__, "-V", "--version", prog_name="chatserver")
@click.pass_context
def main(ctx: click.Context) -> None:
    """A self-hosted, pluggable chat server.

    \b
    chatserver dev                    try it: http://localhost:4000
    chatserver serve -c production    run it
    chatserver user add ada           make an account
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False
