"""Log messages and names of tasks as they are in the server's source, to recognise them without their values."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from chatserver.process.folders import packaged

PACKAGES = ("chatserver", "chatserver_plugins")
LEVELS = {"trace", "debug", "info", "success", "warning", "error", "exception", "critical", "log"}
UNKNOWN = "(a text that is not in the source)"
LEASES = ("job/{}", "consumer/{}")  # the tasks under a lease have its name
_HOLE = re.compile(r"\{[^{}]*\}|%[sdrfgi]|%\.\d+f")
MOST = 1000  # characters of a message that are compared
_SOLID = 8  # characters that a template must have outside of its holes


@cache
def _messages() -> dict[str, re.Pattern[str]]:
    return {text: _pattern(text) for text in _found(_logged)}


@cache
def _names() -> dict[str, re.Pattern[str]]:
    texts = [text for text in _found(_called) if _HOLE.sub("", text).strip("/ ")]
    return {text: _pattern(text) for text in (*texts, *LEASES)}


def template(message: str) -> str:
    """The template in the source that the message was made of, else UNKNOWN."""
    begin = message[:MOST]
    return next((text for text, form in _messages().items() if form.fullmatch(begin)), UNKNOWN)


def task_name(name: str) -> str:
    """The name of a task or thread as it is in the source, with holes; "" if it is not there."""
    return next((text for text, form in _names().items() if form.fullmatch(name)), "")


def _pattern(text: str) -> re.Pattern[str]:
    parts = [re.escape(part) for part in _HOLE.split(text)]
    return re.compile(r".*?".join(parts), re.S)


def _found(pick: Callable[[ast.Call], Iterator[str]]) -> list[str]:
    """Texts that `pick` yields for the calls of all sources, the most specific first."""
    texts = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                texts |= {text for text in pick(node) if text}
    return sorted(texts, key=lambda text: (-len(_HOLE.sub("", text)), text))


def sources() -> Iterator[Path]:
    """The files of the server and of the plugins that come with it."""
    for package in PACKAGES:
        folder = packaged(package)
        if folder is not None:
            yield from sorted(folder.rglob("*.py"))


def _logged(call: ast.Call) -> Iterator[str]:
    """The message of a call of a logger."""
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS):
        return
    for argument in call.args[:2]:
        text = _text(argument)
        if len(_HOLE.sub("", text)) >= _SOLID:
            yield text
            return


def _called(call: ast.Call) -> Iterator[str]:
    """The names that a call gives to a task or a thread."""
    for keyword in call.keywords:
        if keyword.arg == "name":
            yield _text(keyword.value)


def _text(node: ast.expr) -> str:
    """A literal text; the values in an f-string are holes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return ""
