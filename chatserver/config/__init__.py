"""The configuration of a server, and its loading.

defaults < file < environment (`CHATSERVER_SECTION__KEY`) < command line. `sections.py` declares every
key, `sources.py` finds and merges the values, `settings.py` converts them and reports mistakes, `text.py`
writes configurations as TOML, `forms.py` describes settings as fields of a form, `enabled.py` changes the list of plugins, `renamed.py` has the old names of settings. The plugin loader checks a plugin's
section against the plugin's `Config`.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from chatserver.config.sections import (
    BackupConfig,
    Config,
    DeliveryConfig,
    LimitsConfig,
    LoggingConfig,
    PluginsConfig,
    ServerConfig,
    StatusConfig,
)
from chatserver.config.settings import Table, convert
from chatserver.config.sources import Sources
from chatserver.errors import StartupError

__all__ = [
    "BackupConfig",
    "Config",
    "DeliveryConfig",
    "LimitsConfig",
    "Loaded",
    "LoggingConfig",
    "PluginsConfig",
    "ServerConfig",
    "StatusConfig",
    "given_keys",
    "load",
]


class Loaded(NamedTuple):
    """A configuration, and the origin of each value that is not the default."""

    config: Config
    origin: dict[str, str]
    again: "Callable[[], Loaded] | None" = None  # reads the same sources anew

    def where(self, key: str) -> str:
        """A key for messages: with its file, or as its environment variable."""
        return Sources.locate(self.origin, key)


def load(
    source: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """Read the configuration. Raises `StartupError`, with the path of each mistake.

    `source` is a path, or a name such as `production` (see `sources.find`); without it, CHATSERVER_CONFIG
    is used. `overrides` maps dotted keys to values; text values are parsed like environment variables.
    """
    sources = Sources(Config)
    sources.add_file(source or environ.get("CHATSERVER_CONFIG") or None)
    sources.add_environment(environ)
    sources.add_overrides(overrides or {})
    for name, table in sources.tables("plugin"):
        sources.tree["plugin"][name] = Table(table, sources.where)
    try:
        again = partial(load, source, environ=environ, overrides=overrides)
        loaded = Loaded(convert(sources.tree, Config, sources.where), sources.origin, again)
    except StartupError as error:
        sources.problems += str(error).splitlines()
    if sources.problems:
        raise StartupError("\n".join(sources.problems))
    return loaded


def given_keys(
    source: str | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> tuple[dict[str, str], list[str]]:
    """The keys that are set, each with its origin, and the enabled plugins; also of an invalid configuration."""
    sources = Sources(Config)
    sources.add_file(source or environ.get("CHATSERVER_CONFIG") or None)
    sources.add_environment(environ)
    sources.add_overrides(overrides or {})
    raw = sources.tree.get("plugins", {})
    enabled = raw.get("enabled", PluginsConfig().enabled) if isinstance(raw, dict) else []
    is_list = isinstance(enabled, list)
    return dict(sources.origin), [
        name for name in enabled if isinstance(name, str)
    ] if is_list else []
