"""Options that several commands share, and the configuration made from them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from chatserver.cli.names import configurations, settings

if TYPE_CHECKING:
    from chatserver.config import Loaded

F = TypeVar("F", bound=Callable[..., Any])


def _assignment(
    ctx: click.Context, param: click.Parameter, values: Sequence[str]
) -> dict[str, object]:
    for value in values:
        if "=" not in value:
            raise click.BadParameter(f"{value}: expected KEY=VALUE, such as server.port=4000")
    return {key: text for key, _, text in (value.partition("=") for value in values)}


def configured(function: F) -> F:
    """Adds --config, --set and --data; the function gets `source` and `overrides`."""

    @functools.wraps(function)
    def with_data(*args: Any, data: str | None, **options: Any) -> Any:
        if data is not None:
            options["overrides"]["server.data"] = data
        return function(*args, **options)

    options = (
        click.option(
            "-c",
            "--config",
            "source",
            metavar="FILE",
            shell_complete=configurations,
            help="Configuration file, or a name such as production.  [env: CHATSERVER_CONFIG]",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            callback=_assignment,
            shell_complete=settings,
            help="Set one setting, such as server.name=Lounge. Can be repeated.",
        ),
        click.option(
            "--data",
            metavar="DIR",
            type=click.Path(file_okay=False),
            help="Folder for everything the server keeps.  [default: server.data, ./data]",
        ),
    )
    made: Any = with_data
    for option in reversed(options):
        made = option(made)
    return cast("F", made)


despite_hold = click.option(
    "--despite-hold",
    is_flag=True,
    help="Also if a plugin wants the account kept, as under a legal hold.",
)


def listening(function: F) -> F:
    """Adds --host and --port."""
    options = (
        click.option("--host", help="Address to listen on.  [default: 127.0.0.1]"),
        click.option(
            "--port",
            type=click.IntRange(0, 65535),
            help="Port to listen on; 0 takes a free one.  [default: 4000]",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def load_configuration(
    source: str | None,
    overrides: dict[str, object],
    *,
    host: str | None = None,
    port: int | None = None,
) -> Loaded:
    """The configuration, overridden by the command line."""
    from chatserver.config import load

    direct = {"server.host": host, "server.port": port}
    given = {key: value for key, value in direct.items() if value is not None}
    return load(source, overrides=overrides | given)
