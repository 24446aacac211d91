"""Every public name, and the version since which it is there: chatserver/authoring/since.json.

`docs/generate.py` adds new names under the present version, and never changes or removes one: a name that goes is a
promise broken (docs/plugins/compatibility.md), so its line is removed by hand.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import page_reference
from service_reference import OWN, PARTS, methods_of
from since import MINOR, RECORD, recorded

import chatserver
from chatserver import errors
from chatserver.hooks.specs import Hooks

PARTLY = {"Room": ("id", "head", "role"), "Service": OWN}  # classes of which only this is public


def present() -> dict[str, set[str]]:
    """The public names of the code, by kind."""
    return {
        "hooks": {name for name in vars(Hooks) if not name.startswith("_")},
        "names": {name for name in chatserver.__all__ if not name.startswith("_")},
        "members": _members(),
        "service": _service(),
        "errors": set(errors.CODES),
        "places": set(page_reference.place_names()),
        "page": set(page_reference.member_names()),
    }


def record() -> dict[Path, str]:
    """The file, with what is new."""
    before = recorded()
    found = {
        kind: dict(sorted((dict.fromkeys(names, MINOR) | before.get(kind, {})).items()))
        for kind, names in present().items()
    }
    return {RECORD: msgspec.json.format(msgspec.json.encode(found), indent=1).decode() + "\n"}


def _members() -> set[str]:
    """The fields of public structs, and the public methods of public classes."""
    found: set[str] = set()
    for name in chatserver.__all__:
        kind = getattr(chatserver, name)
        if name in PARTLY:
            found |= {f"{name}.{each}" for each in PARTLY[name]}
        elif inspect.isclass(kind):
            fields = getattr(kind, "__struct_fields__", getattr(kind, "_fields", ()))
            found |= {f"{name}.{each}" for each in (*fields, *_methods(kind))}
    return found


def _methods(kind: type[Any]) -> set[str]:
    of: Mapping[str, Any] = vars(kind)
    public = {name for name in of if not name.startswith("_")}
    return {name for name in public if inspect.isfunction(of[name]) or type(of[name]) is property}


def _service() -> set[str]:
    parts = {f"{part}.{name}" for part, kind in PARTS.items() for name in methods_of(kind)}
    return {*OWN, *parts}
