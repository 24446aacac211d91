"""The settings in effect without texts, and the names of environment variables without values."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

import msgspec

from chatserver.config.sources import ALIASES, PREFIX
from chatserver.config.text import SettingRow
from chatserver.upgrade.releases import Release

# Variables whose presence matters; of others only the number is told.
KNOWN = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "NO_COLOR", "container"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONMALLOC", "PYTHONDONTWRITEBYTECODE", "PYTHONASYNCIODEBUG"),
    *("UVLOOP_DEBUG", "LD_PRELOAD", "MALLOC_ARENA_MAX", "SSL_CERT_FILE", "CHATSERVER_CONFIG"),
    *("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "MAKELEVEL"),
    *("KUBERNETES_SERVICE_HOST", "INVOCATION_ID", "NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"),
)


class SettingFact(msgspec.Struct, frozen=True, kw_only=True):
    """One setting of the server. `value` is null if it is a text that is not the default."""

    key: str
    source: str  # default, file, environment, command line
    is_default: bool
    value: Any
    length: int | None  # of a hidden text or list


def settings(
    rows: Iterable[SettingRow], release: Release, plugins: Collection[str]
) -> list[SettingFact]:
    """The settings that this version declares; those of other plugins are left out."""
    return [
        _fact(row, release, plugins)
        for row in rows
        if f"{row.section}.{row.key}" in release.settings
    ]


def _fact(row: SettingRow, release: Release, plugins: Collection[str]) -> SettingFact:
    key = f"{row.section}.{row.key}"
    default = release.settings[key]
    is_default = row.value == default
    value = row.value if is_default or _is_plain(row.value) else None
    if key == "plugins.enabled":
        value = [name if name in plugins else "(another plugin)" for name in row.value]
    elif value is None and isinstance(row.value, str) and row.value in choices(key):
        value = row.value
    length = len(row.value) if value is None and isinstance(row.value, str | list | dict) else None
    return SettingFact(
        key=key, source=_source(row.source), is_default=is_default, value=value, length=length
    )


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float)


def choices(key: str) -> tuple[str, ...]:
    """The values of a setting of the core that is one of several words; else empty."""
    from chatserver.config.text import sections

    section, _, name = key.partition(".")
    kind = dict(sections()).get(section)
    for field in msgspec.structs.fields(kind) if kind is not None else ():
        if field.name == name:
            base = get_args(field.type)[0] if get_args(field.type) else field.type
            return get_args(base) if get_origin(base) is Literal else ()
    return ()


def _source(label: str) -> str:
    if label in ("default", "command line"):
        return label
    return "environment" if label.startswith(PREFIX) or label in ALIASES else "file"


def environment(names: Iterable[str], release: Release) -> Mapping[str, object]:
    """The names of known variables that are set; of others only the number, as names can tell something too."""
    declared = {_variable(key) for key in release.settings}
    known = {*KNOWN, *ALIASES, *declared, *(f"{name}_FILE" for name in declared)}
    every = list(names)
    shown = sorted(name for name in every if name in known)
    return {"set": shown, "others": len(every) - len(shown)}


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()
