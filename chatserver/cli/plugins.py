"""`chatserver plugins`: lists the plugins, on or off, with the reasons; shows their use of a running server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chatserver.cli import refuse
from chatserver.cli.options import configured, load_configuration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.table import Table

    from chatserver.app import Server
    from chatserver.config import Config, Loaded
    from chatserver.hooks.loading import PluginRow
    from chatserver.service.claims import CountedClaim
    from chatserver.service.switches import SwitchDo, Switched
    from chatserver.status.hookuse import Use
    from chatserver.switching.control import Asked

HEAD = ("plugin", "hook", "calls/s", "calls", "time", "mean", "95 % within", "failures", "passed")


@click.group(invoke_without_command=True)
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    ctx: click.Context, source: str | None, overrides: dict[str, object], as_json: bool
) -> None:
    """List all plugins: version, on or off and why, order, hooks, settings, powers.

    Powers are what a plugin uses that its hooks do not show, as its author declares it: network, secrets, parts
    of the service. Exits with 1 if an enabled plugin cannot be used.

    \b
    chatserver plugins -c production
    chatserver plugins --json
    chatserver plugins top -c production
    chatserver plugins off wordfilter -c production
    chatserver plugins set wordfilter "words=darn, heck" -c production
    """
    if ctx.invoked_subcommand is not None:
        return
    from chatserver.hooks.loading import survey

    rows = survey(load_configuration(source, overrides).config)
    if as_json:
        import msgspec

        listed = msgspec.json.encode([row._asdict() for row in rows])
        click.echo(msgspec.json.format(listed, indent=2))
    else:
        show(rows)
    ctx.exit(1 if any(row.enabled and row.problem for row in rows) else 0)


def show(rows: list[PluginRow]) -> None:
    from chatserver.cli.table import print_table
    from chatserver.hooks.powers import Declared, lines

    print_table(
        ("plugin", "from", "on", "hooks", "settings", "powers"),
        (
            (
                row.name,
                f"{row.distribution} {row.version}",
                f"{row.order}" if row.enabled and not row.problem else f"off: {row.problem}",
                "\n".join(row.hooks),
                "\n".join(row.settings),
                "\n".join(lines(Declared(powers=row.powers, secret_settings=row.secret_settings))),
            )
            for row in rows
        ),
    )


@command.command()
@click.option(
    "--url",
    metavar="URL",
    help="Where the server's metrics are.  [default: this machine, by the configuration]",
)
@click.option("--once", is_flag=True, help="Print the figures since the server's start, and end.")
@click.option(
    "--every",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Seconds between two looks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a look.")
@configured
def top(
    source: str | None,
    overrides: dict[str, object],
    url: str | None,
    once: bool,
    every: float,
    as_json: bool,
) -> None:
    """Show calls, time and failures of each plugin's hooks, live from a running server.

    Reads the metrics of the plugin `metrics`, so nothing is measured besides. The first look has the figures
    since the server's start, each further one those since the last. The time of a call includes its waiting,
    as for a database. Ctrl+C ends.

    \b
    chatserver plugins top -c production
    chatserver plugins top --url http://10.0.0.5:9464/metrics --once --json
    """
    if url is None:
        url = metrics_address(load_configuration(source, overrides).config)
    if as_json:
        import msgspec

        from chatserver.cli.shapes import HooksShown

        for over, found in looks(url, every, once):
            click.echo(msgspec.json.encode(HooksShown(over=over, hooks=found)))
    elif once:
        from chatserver.cli.table import print_table

        for _, found in looks(url, every, once):
            print_table(HEAD, (_row(use, None) for use in found))
    else:
        watch(url, every)


def metrics_address(config: Config) -> str:
    """The address of the metrics by the configuration. Raises `StartupError` if there are none."""
    from chatserver.errors import StartupError
    from chatserver.hooks.loading import plugin_settings
    from chatserver.status.hookuse import address

    if "metrics" not in config.plugins.enabled:
        raise StartupError("plugins.enabled: without metrics, a server tells nothing: give --url")
    return address(config, str(plugin_settings(config)["metrics"]["path"]))


def looks(url: str, every: float, once: bool) -> Iterator[tuple[float | None, Sequence[Use]]]:
    """The use of the hooks, look by look, each with the seconds that it is about."""
    import time

    from chatserver.status.hookuse import fetch, totals, uses

    before, at = totals(fetch(url)), time.monotonic()
    yield None, uses(before)
    while not once:
        time.sleep(every)
        now, then = totals(fetch(url)), time.monotonic()
        yield round(then - at, 3), uses(now, before)
        before, at = now, then


def watch(url: str, every: float) -> None:
    """Show each look in place of the last, until Ctrl+C."""
    from rich.live import Live

    def shown(over: float | None, found: Sequence[Use]) -> Table:
        from chatserver.cli.table import table_of

        return table_of(HEAD, (_row(use, over) for use in found))

    rows = looks(url, every, once=False)
    try:
        with Live(shown(*next(rows)), auto_refresh=False, screen=True) as live:
            for over, found in rows:
                live.update(shown(over, found), refresh=True)
    except KeyboardInterrupt:
        return


def _row(use: Use, over: float | None) -> tuple[str, ...]:
    return (
        use.plugin,
        use.hook,
        f"{use.calls / over:,.1f}" if over else "",
        f"{use.calls:,}",
        f"{use.seconds:,.3f} s",
        f"{use.mean_ms:,.3f} ms",
        "longer" if use.p95_ms is None else f"{use.p95_ms:g} ms",
        f"{use.failures:,}",
        f"{use.passed:,}",
    )


def switching(do: SwitchDo) -> Callable[[Callable[[], None]], click.Command]:
    """Makes a command that has the running server switch a plugin; the function has its name and its help."""

    def command_of(described: Callable[[], None]) -> click.Command:
        @command.command(described.__name__, help=described.__doc__)
        @click.argument("name")
        @configured
        @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
        @click.pass_context
        def act(
            ctx: click.Context,
            name: str,
            source: str | None,
            overrides: dict[str, object],
            as_json: bool,
        ) -> None:
            from chatserver.switching.control import Asked

            asked = Asked(do, name, operator())
            switch(ctx, asked, load_configuration(source, overrides), as_json=as_json)

        return act

    return command_of


@switching("on")
def on() -> None:
    """Turn a plugin on in the running server.

    Its settings are read from the configuration of the server. Everything that it brings is built and started
    first: if something is wrong, nothing changes, and the exit status is 1. All servers on the same store
    follow. The switch is remembered by the store, until the configuration says the same.

    \b
    chatserver plugins on wordfilter -c production
    """


@switching("off")
def off() -> None:
    """Turn a plugin off in the running server.

    Calls under way may finish (plugins.drain_seconds). What the plugin claims is refused from then on, and
    named. All servers on the same store follow. The switch is remembered by the store, until the configuration
    says the same.

    \b
    chatserver plugins off wordfilter -c production
    """


@switching("reload")
def reload() -> None:
    """Give a plugin of the running server the settings that its configuration has now.

    A new instance is built and started first: if something is wrong, the old one stays, and the exit status is
    1. New code takes a restart of the server, or of its workers one by one.

    \b
    chatserver plugins reload wordfilter -c production
    """


@command.command("set")
@click.argument("name")
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
@click.option(
    "--ask",
    multiple=True,
    metavar="KEY",
    help="Ask for a value, or read it from a line of the input, as for a secret. May be repeated.",
)
@click.option(
    "--reset",
    multiple=True,
    metavar="KEY",
    help="Have the value of the configuration again, or the default. May be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Check the values, and change nothing.")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def set_settings(
    ctx: click.Context,
    name: str,
    settings: Sequence[str],
    ask: Sequence[str],
    reset: Sequence[str],
    dry_run: bool,
    source: str | None,
    overrides: dict[str, object],
    as_json: bool,
) -> None:
    """Change settings of a plugin in the running server.

    Values are written as in environment variables: lists as `a, b` or as JSON. A new instance is built and
    started with them first: if something is wrong, nothing changes, and the exit status is 1. All servers on the
    same store follow. The store remembers the values, which win over those of the file, and lose to those of the
    environment and the command line. Of a plugin that is off they count from when it is turned on.

    \b
    chatserver plugins set wordfilter "words=darn, heck" -c production
    chatserver plugins set wordfilter --reset words -c production
    chatserver plugins set smtp --ask password -c production
    """
    from chatserver.switching.control import Asked

    values = dict(_pair(each) for each in settings)
    if not (values or ask or reset):
        raise click.UsageError("Give at least one KEY=VALUE, --ask KEY or --reset KEY.")
    values |= {key: _asked(key) for key in ask}
    asked = Asked("set", name, operator(), settings=values, reset=list(reset), dry_run=dry_run)
    switch(ctx, asked, load_configuration(source, overrides), as_json=as_json)


def _asked(key: str) -> str:
    """A value that is typed unseen, or the next line of an input that is no terminal."""
    import sys

    if sys.stdin.isatty():
        typed: str = click.prompt(key, hide_input=True)
        return typed
    return sys.stdin.readline().removesuffix("\n").removesuffix("\r")


def _pair(given: str) -> tuple[str, str]:
    key, sign, value = given.partition("=")
    if not sign:
        raise click.UsageError(f"{given}: expected KEY=VALUE")
    return key.strip(), value


def operator() -> str:
    """The system's name of the user who runs the command."""
    import getpass

    return getpass.getuser()


def switch(ctx: click.Context, asked: Asked, loaded: Loaded, *, as_json: bool) -> None:
    """Have the server on this data folder switch a plugin, and show the outcome."""
    from pathlib import Path

    from chatserver.switching.control import ask

    folder = Path(loaded.config.server.data).absolute()
    answer = ask(folder, asked)
    if answer is None:
        refuse(f"no server runs on {folder} (server.data)")
        ctx.exit(1)
    if answer.done is None:
        refuse(answer.text)
        ctx.exit(1)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(answer.done))
    else:
        for line in told(asked, answer.done):
            click.echo(line)
    ctx.exit(1 if any(each.problem for each in answer.done.nodes) else 0)


def told(asked: Asked, done: Switched) -> Iterator[str]:
    """The outcome of a switch, for people."""
    if asked.do == "set":
        yield _changed(asked, done)
    yield f"{done.plugin} is {'on' if done.on else 'off'}"
    if done.with_it:
        yield f"made anew with it: {', '.join(done.with_it)}"
    if done.guards:
        yield (
            f"refused from now on, as {done.plugin} guards it: {', '.join(done.guards)}; "
            f"`chatserver plugins release {done.plugin}` ends that"
        )
    if done.kept == "stored":
        yield "the configuration says otherwise: the store remembers this switch at the next start"
    for node in done.nodes:
        if node.problem:
            yield f"{node.node} keeps what it had: {node.problem}"
        for each in node.left:
            yield f"{node.node}: did not end in time: {each}"


def _changed(asked: Asked, done: Switched) -> str:
    if not done.changed:
        return "nothing changes: the settings have these values"
    names = ", ".join(done.changed)
    return f"nothing is wrong; would change: {names}" if asked.dry_run else f"changed: {names}"


@command.command()
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
def claims(source: str | None, overrides: dict[str, object], as_json: bool) -> None:
    """List what plugins guard: while such a plugin is off, it is refused.

    A plugin may guard an action of some users only, such as of those who have enrolled with it. These are counted.

    \b
    chatserver plugins claims -c production
    chatserver plugins claims --json
    """
    from chatserver.cli.opened import with_server
    from chatserver.cli.table import print_table

    async def counted(server: Server) -> Sequence[CountedClaim]:
        claims = server.service.claims
        return await claims.counted(await claims.list(), most=None)

    found = with_server(source, overrides, counted)
    if as_json:
        import msgspec

        for each in found:
            click.echo(msgspec.json.encode(each))
        return
    print_table(
        ("plugin", "guards", "in the room", "of", "since"),
        (
            (each.plugin, each.action, each.room or "all", _guarded_users(each), each.at)
            for each in found
        ),
    )


def _guarded_users(claim: CountedClaim) -> str:
    """Whose actions a claim is about, for people."""
    found = [] if claim.users is None else [f"{claim.users:,} with a record"]
    if claim.roles:
        found.append(f"role {', '.join(claim.roles)}")
    return "; ".join(found) or "everybody"


@command.command()
@click.argument("name")
@configured
@click.pass_context
def release(
    ctx: click.Context, name: str, source: str | None, overrides: dict[str, object]
) -> None:
    """End all claims of a plugin, so that what it guarded is no longer refused while it is off.

    Running servers follow within a second. Exits with 1 if the plugin claims nothing.

    \b
    chatserver plugins release doorkeeper -c production
    """
    from chatserver.cli.opened import with_server

    ended = with_server(source, overrides, lambda server: server.service.claims.release(name))
    for each in ended:
        some = " of some users" if each.is_of_some else ""
        click.echo(f"released: {each.action}{some} in {each.room or 'all rooms'}")
    if not ended:
        click.secho(f"chatserver: the plugin {name} claims nothing", err=True, fg="red")
        ctx.exit(1)
