"""The types of the client for JavaScript, from the structs that the server sends and takes."""

import json
from collections.abc import Iterable
from typing import Any, get_args

from protocol_reference import ANSWERS, PASSING, components, own_fields, pretty
from wrapping import wrapped

from chatserver import errors
from chatserver.model import AnyEvent
from chatserver.protocol import OPS, ErrorBody, Op
from chatserver.version import __version__

SIMPLE = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def types() -> str:
    """What chatserver/client/npm/types.d.ts holds."""
    events, operations = list(get_args(AnyEvent)), list(OPS.values())
    answers = [kind for kind in ANSWERS.values() if kind is not None]
    kinds = [*events, *PASSING, ErrorBody, *answers, *operations]
    _, parts = components(kinds, "{name}")
    named = {name: parts.pop(kind.__name__) for name, kind in OPS.items()}
    blocks = [
        "/** Written by docs/generate.py, from what the server sends and takes: see docs/protocol.md. */",
        *(_declared(name, part) for name, part in sorted(parts.items())),
        _union("ChatEvent", "An event of a room's log.", events),
        _union("Notice", "What happens outside the logs.", PASSING),
        _codes(),
        _operations(named),
    ]
    return "\n\n".join(blocks) + "\n"


def package(text: str) -> str:
    """package.json with the version of the project."""
    return pretty(json.loads(text) | {"version": __version__})


def _declared(name: str, part: dict[str, Any]) -> str:
    comment = _comment(part.get("description", ""))
    if "properties" not in part:
        return f"{comment}export type {name} = {_type(part)};"
    if not part["properties"]:
        return f"{comment}export type {name} = Record<string, never>;"
    lines = _fields(part["properties"], part.get("required", ()), "  ")
    return f"{comment}export interface {name} {{\n{lines}\n}}"


def _fields(properties: dict[str, Any], required: Iterable[str], indent: str) -> str:
    return "\n".join(
        f"{indent}{key}{'' if key in required else '?'}: {_type(value)};"
        for key, value in properties.items()
    )


def _type(part: dict[str, Any]) -> str:
    """A schema as a type; bounds are left to the server."""
    if "$ref" in part:
        return str(part["$ref"])
    if "enum" in part:
        return " | ".join(json.dumps(value) for value in part["enum"])
    if "anyOf" in part:
        return " | ".join(dict.fromkeys(_type(each) for each in part["anyOf"]))
    if part.get("type") == "array":
        item = _type(part["items"])
        return f"({item})[]" if " " in item else f"{item}[]"
    if part.get("type") == "object":
        values = part.get("additionalProperties")
        return f"Record<string, {_type(values) if values else 'unknown'}>"
    return SIMPLE[part["type"]] if "type" in part else "unknown"


def _union(name: str, text: str, kinds: Iterable[type]) -> str:
    return f"{_comment(text)}export type {name} =\n" + _members(kind.__name__ for kind in kinds)


def _codes() -> str:
    codes = _members(json.dumps(code) for code in errors.CODES)
    return f"{_comment('What an error of the server may have as its code.')}export type ErrorCode =\n{codes}"


def _members(names: Iterable[str]) -> str:
    return "\n".join(f"  | {name}" for name in names) + ";"


def _operations(named: dict[str, Any]) -> str:
    """What each operation takes, and what it answers."""
    entries = []
    for name, part in named.items():
        own = {field.encode_name for field in own_fields(OPS[name], Op)}
        properties = {key: value for key, value in part["properties"].items() if key in own}
        fields = _fields(properties, part["required"], "      ")
        taken = f"{{\n{fields}\n    }}" if fields else "{}"
        answer = ANSWERS[name]
        answered = "undefined" if answer is None else answer.__name__
        comment = _comment(part["description"], "  ")
        entries.append(
            f"{comment}  {name}: {{\n    fields: {taken};\n    answer: {answered};\n  }};"
        )
    text = _comment("The operations by name: what each takes, and what it answers.")
    return f"{text}export interface Operations {{\n" + "\n".join(entries) + "\n}"


def _comment(text: str, indent: str = "") -> str:
    """A description above what it describes, with the line's end."""
    flat = " ".join(text.split())
    return (
        wrapped(f"{flat} */", first=f"{indent}/** ", further=f"{indent} * ") + "\n" if flat else ""
    )
