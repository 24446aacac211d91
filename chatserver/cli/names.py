"""Names that a shell completes: of configurations, settings, plugins, consumers, timers, backups.

Nothing is raised and nothing is opened: what cannot be found is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from chatserver.config import Loaded

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def completing(names: Callable[[click.Context, str], Iterable[str]]) -> Complete:
    """A function for click that offers the names that begin with what is typed."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = list(names(ctx, incomplete))
        except Exception:
            return []
        return [CompletionItem(name) for name in found if name.startswith(incomplete)]

    return complete


def configurations(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names for `-c`, and files."""
    if "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    from chatserver.config.sources import folders

    files = {path.stem for folder in folders() for path in folder.glob("*.toml")}
    names = sorted(name for name in files - {"default"} if name.startswith(incomplete))
    if names:
        return [CompletionItem(name) for name in names]
    return [CompletionItem(incomplete, type="file")]


@completing
def settings(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Keys for `--set`, each with `=`; keys of a plugin once its name is typed."""
    from chatserver.config.settings import describe
    from chatserver.config.text import sections

    name = incomplete.split(".")[1] if incomplete.startswith("plugin.") else ""
    if incomplete.count(".") > 1 and name:
        from chatserver.hooks.loading import load_class, settings_type

        kind = settings_type(load_class(_sources(ctx)[name]))
        return [f"plugin.{name}.{setting.key}=" for setting in describe(kind)]
    keys = [f"{name}.{setting.key}=" for name, kind in sections() for setting in describe(kind)]
    return keys + [f"plugin.{name}." for name in sorted(_sources(ctx))]


@completing
def consumers(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of the consumers that the configured plugins have."""
    from chatserver.app import Server

    return Server(_loaded(ctx)).consumers.names()


@completing
def timers(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Names of the timers that the configured plugins have."""
    from chatserver.app import Server

    return Server(_loaded(ctx)).timers.names()


@completing
def backups(ctx: click.Context, incomplete: str) -> Iterable[str]:
    """Paths of the backups in the configured folder."""
    from chatserver.copies.backup.configured import shelf_of

    found = [str(path) for path in reversed(shelf_of(_loaded(ctx).config).all())]
    here = f"{Path.cwd()}/"
    return [*found, *(path.removeprefix(here) for path in found if path.startswith(here))]


def _sources(ctx: click.Context) -> dict[str, Any]:
    from chatserver.hooks.loading import discover

    return dict(discover(_loaded(ctx).config))


def _loaded(ctx: click.Context) -> Loaded:
    from chatserver.config import load

    given: dict[str, Any] = ctx.params
    overrides = dict(given.get("overrides") or {})
    if data := given.get("data"):
        overrides["server.data"] = data
    return load(given.get("source"), overrides=overrides)
