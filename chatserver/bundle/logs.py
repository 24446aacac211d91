"""The last errors of the log: time, place and kind, and the message as it is in the source, without its values."""

import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from chatserver.bundle.templates import template

FILES = ("error.log", "combined.log")
LEVELS = {"warning", "error", "critical"}
MOST = 300  # lines of a file
MOST_BYTES = 8 << 20  # of its end that are read
NUMBERS = {"status", "ms", "bytes", "times", "worker"}
_KIND = re.compile(r"[A-Za-z_][\w.]{0,80}")
_TIME = re.compile(r"[0-9T:.Z+-]{10,35}")
_VERSION = re.compile(r"[0-9][0-9.]{0,20}")
_FRAME = re.compile(r'^\s*File "(.+)", line (\d+), in (.+)$')
_HERE = re.compile(r".*/(?:site-packages|lib/python3[\d.]*|chatserver|plugins)/")
_MODULE = re.compile(
    r"(?:chatserver|chatserver_plugins|tornado|asyncio|pymongo|asyncpg|nats|redis)(?:\.\w+)*"
)
SOURCE = re.compile(
    r"(?:chatserver|plugins|chatserver_plugins|site-packages|python3[\d.]*)/[\w/.]+\.py"
)


def logs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The last warnings and errors of each log file; workers' logs are in folders of their own."""
    found = {}
    places = [folder, *sorted(folder.glob("worker-[0-9]*"))] if folder.is_dir() else []
    for place in places:
        for name in FILES:
            lines = list(_last(place / name))
            if lines:
                where = name if place == folder else f"{place.name}/{name}"
                found[where] = lines
    return found


def _last(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - MOST_BYTES))
            text = file.read()
    except OSError:
        return
    entries: deque[dict[str, Any]] = deque(maxlen=MOST)
    for line in text.splitlines():
        try:
            entry = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(entry, dict) and entry.get("level") in LEVELS:
            entries.append(allowed(entry))
    yield from entries


def allowed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The allowed fields of an entry."""
    shown: dict[str, Any] = {
        "timestamp": _if(_TIME, entry.get("timestamp")),
        "level": entry["level"],
        "version": _if(_VERSION, entry.get("version")),
        "logger": _if(_MODULE, entry.get("logger")),
        "message": template(str(entry.get("message", ""))),
    }
    for name in NUMBERS & entry.keys():
        if isinstance(entry[name], int | float):
            shown[name] = entry[name]
    error = entry.get("error")
    if isinstance(error, dict):
        shown["error"] = {
            "type": _if(_KIND, error.get("type")),
            "stack": list(_frames(str(error.get("stack", "")))),
        }
    return shown


def _frames(stack: str) -> Iterator[str]:
    """FILE:LINE FUNCTION of each frame in the server or a library; others are only counted."""
    for line in stack.splitlines():
        found = _FRAME.match(line)
        if found is None:
            continue
        file = SOURCE.search(found[1])
        is_named = file is not None and _KIND.fullmatch(found[3])
        yield f"{file[0]}:{found[2]} {found[3]}" if file is not None and is_named else "(elsewhere)"


def _if(form: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""
