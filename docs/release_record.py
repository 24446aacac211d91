"""The record of the present version for `chatserver upgrade-check`: config/releases/VERSION.json."""

import configparser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from chatserver.config.settings import Setting, describe
from chatserver.config.text import sections
from chatserver.upgrade.releases import Release
from chatserver.upgrade.settings import REQUIRED
from chatserver.version import __version__

ROOT = Path(__file__).parents[1]


def record(plugins: Iterable[tuple[str, type[msgspec.Struct]]]) -> dict[Path, str]:
    """The file of the present version; those of others are left alone."""
    found = dict(plugins)
    settings: dict[str, Any] = {}
    for name, kind in sections():
        settings |= {f"{name}.{each.key}": _default(each) for each in describe(kind)}
    for name, kind in found.items():
        settings |= {f"plugin.{name}.{each.key}": _default(each) for each in describe(kind)}
    package = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    package.read(ROOT / "setup.cfg", encoding="utf-8")
    release = Release(
        version=__version__,
        python=package["options"]["python_requires"],
        plugins=sorted(found),
        settings=settings,
    )
    text = msgspec.json.format(msgspec.json.encode(release), indent=2).decode() + "\n"
    return {ROOT / f"config/releases/{__version__}.json": text}


def _default(setting: Setting) -> Any:
    return REQUIRED if setting.default is msgspec.NODEFAULT else setting.default
