"""The record of each version in config/releases/VERSION.json. docs/generate.py writes that of the present version.

The record of a released version is never changed: it is what the next version is compared with.
"""

from typing import Any

import msgspec

from chatserver.errors import StartupError
from chatserver.process.folders import packaged

FOLDER = "releases"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One version. `settings` has each key with its default, those of a plugin under `plugin.NAME.KEY`.

    A key without a default is required, and has the value {"required": true}. `python` is a specifier such as
    `>=3.11`.
    """

    version: str
    python: str
    plugins: list[str]
    settings: dict[str, Any]


_decode = msgspec.json.Decoder(Release).decode


def releases() -> list[Release]:
    """The records of all known versions, oldest first. Raises `StartupError` if one cannot be read."""
    top = packaged("chatserver_config")
    found = []
    for path in sorted((top / FOLDER).glob("*.json")) if top is not None else []:
        try:
            found.append(_decode(path.read_bytes()))
        except (OSError, msgspec.DecodeError) as error:
            raise StartupError(f"{path}: {error}") from error
    return sorted(found, key=lambda release: numbers(release.version))


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared; what is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
