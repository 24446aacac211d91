"""`chatserver plugin run wordfilter`: tries a list of words before people meet it."""

import sys

import click

from chatserver_plugins.wordfilter.matcher import Matcher


def try_command(matcher: Matcher) -> click.Command:
    """The command."""

    @click.command()
    @click.argument("texts", nargs=-1, metavar="[TEXT]...")
    @click.pass_context
    def wordfilter(ctx: click.Context, texts: tuple[str, ...]) -> None:
        """Say of each TEXT, or of each line of standard input, whether it would be refused.

        Exits with 1 if one would be.
        """
        found = False
        for text in texts or (line.rstrip("\n") for line in sys.stdin):
            refused = matcher.finds(text)
            found = found or refused
            click.echo(f"{'refused' if refused else 'passes'}  {text}")
        ctx.exit(1 if found else 0)

    return wordfilter
