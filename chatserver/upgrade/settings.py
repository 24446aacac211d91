"""What changed for the settings of a configuration, between the records of two versions."""

import re
from collections.abc import Collection, Iterator, Mapping

from chatserver.config.text import toml_value
from chatserver.upgrade.findings import Finding, blocker, notice
from chatserver.upgrade.releases import Release

REQUIRED = {"required": True}
NAME = ".NAME."  # in keys of named tables


def changes(
    old: Release,
    new: Release,
    given: Mapping[str, str],
    enabled: Collection[str],
    renamed: Mapping[str, str],
) -> Iterator[Finding]:
    """The findings for a configuration that sets the keys of `given`, each with its origin."""
    for key, origin in given.items():
        before, now = declared(key, old.settings), declared(key, new.settings)
        if before and not now:
            if before in renamed:
                text = f"{origin}: {key} is called {renamed[before]} now."
                yield blocker("setting.renamed", text)
            else:
                yield blocker("setting.removed", f"{origin}: {key} no longer exists.")
    for name in enabled:
        if name in old.plugins and name not in new.plugins:
            yield blocker("plugin.removed", f"plugins.enabled: {name} no longer exists.")
    for key, default in new.settings.items():
        if key in given or NAME in key or not _is_used(key, enabled):
            continue
        before = old.settings.get(key, default)
        if default == REQUIRED and key not in old.settings:
            yield blocker("setting.required", f"{key} is new, and has no default.")
        elif before != default:
            text = f"{key} was {_shown(before)} by default, and is {_shown(default)} now."
            yield notice("setting.default", text)


def declared(key: str, settings: Collection[str]) -> str:
    """The key as a record has it, with NAME for the name of a table; "" if it is not there."""
    if key in settings:
        return key
    for each in settings:
        if NAME in each and re.fullmatch(r"[^.]+".join(map(re.escape, each.split("NAME"))), key):
            return each
    return ""


def _is_used(key: str, enabled: Collection[str]) -> bool:
    section, _, rest = key.partition(".")
    return section != "plugin" or rest.partition(".")[0] in enabled


def _shown(value: object) -> str:
    return "required" if value == REQUIRED else toml_value(value)
