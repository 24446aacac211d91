"""`chatserver completion`: prints the script with which a shell completes commands, options and names."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_CHATSERVER_COMPLETE"  # set by the scripts when they ask for completions


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print the script for completion in bash, zsh or fish.

    Completes commands, options, names of configurations, settings, plugins, consumers, timers
    and backups.

    \b
    chatserver completion bash > /etc/bash_completion.d/chatserver
    chatserver completion zsh > "${fpath[1]}/_chatserver"
    chatserver completion fish > ~/.config/fish/completions/chatserver.fish
    """
    from click.shell_completion import BashComplete, get_completion_class

    from chatserver.cli import main

    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(main, {}, "chatserver", VARIABLE)
    if isinstance(made, BashComplete):  # its `source` starts a bash to ask for its version
        click.echo(made.source_template % made.source_vars())
    else:
        click.echo(made.source())
