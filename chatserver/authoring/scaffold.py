"""Writes the beginning of a plugin: a package with settings, a hook, a test, CI and a page to read.

The files are in `template/`, with NAME for the plugin's name and BOUND for the versions of the server that it
is for. Those of `template_page/` replace them for a plugin with a part of the page; one that ends with `.more`
is added to the end of its file. `chatserver plugin new` calls this.
"""

import re
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from chatserver.authoring.bounds import bound
from chatserver.errors import StartupError

GROUP = "chatserver.plugins"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# The template's names of files that a package may not hold under their own.
RENAMED = {"github": ".github", "gitignore": ".gitignore", "toml": "pyproject.toml"}


def write(name: str, folder: Path, *, page: bool = False) -> list[Path]:
    """Write a plugin of this name into a new folder, with `page` one for the page.

    Returns the files. Raises `StartupError`.
    """
    if not NAME.fullmatch(name):
        raise StartupError(
            f"{name!r} is no name for a plugin: expected up to 40 of a-z, 0-9 and _, a letter first"
        )
    for entry in entry_points(group=GROUP, name=name):
        home = entry.dist.name if entry.dist else "another package"
        raise StartupError(f"{home} has a plugin named {name!r} already")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise StartupError(f"{folder}: it exists already") from None
    except OSError as error:
        raise StartupError(f"{folder}: {error.strerror}") from None
    templates = ["template", "template_page"] if page else ["template"]
    found: set[Path] = set()
    for each in templates:
        found |= _written(files("chatserver.authoring") / each, folder, name)
    return sorted(found)


def _written(template: Traversable, folder: Path, name: str) -> set[Path]:
    found: set[Path] = set()
    for each in template.iterdir():
        plain = each.name.removesuffix(".more").removesuffix(".txt")
        path = folder / RENAMED.get(plain, plain).replace("NAME", name)
        if each.is_dir():
            path.mkdir(exist_ok=True)
            found |= _written(each, path, name)
        else:
            text = each.read_text(encoding="utf-8").replace("BOUND", bound()).replace("NAME", name)
            with path.open("a" if each.name.endswith(".more") else "w", encoding="utf-8") as file:
                file.write(text)
            found.add(path)
    return found
