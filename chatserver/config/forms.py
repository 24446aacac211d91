"""Settings as fields of a form: what a page needs to show and change each key of a settings struct."""

import enum
import re
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from chatserver.config.settings import (
    Setting,
    is_secret,
    named_tables,
    top_settings,
    type_parts,
)
from chatserver.localized import DEFAULT, Localized

FieldKind: TypeAlias = Literal[
    "boolean", "integer", "number", "text", "choice", "list", "map", "tables", "table"
]
Made: TypeAlias = Literal["secret", "token_sha256"]
Picks: TypeAlias = Literal["room"]
# By the last word of a key's name, as in `drain_seconds`.
UNITS = {"ms": "millisecond", "seconds": "second", "days": "day", "bytes": "byte"}
UNITS |= {"percent": "percent", "kib": "KiB"}
_MACHINE = re.compile(r"(?:^|_)(?:file|folder)$")
_PLAIN: dict[Any, FieldKind] = {bool: "boolean", int: "integer", float: "number", str: "text"}


class FieldForm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The input for a value. Bounds of a list's items are left out; the server checks all.

    `items` is the kind of a list's items, and `choices` are those of a choice, or of a list of choices. A map has
    `names` with `values`, and tables have `names` with `fields`; a `table` of another shape has no input: it is
    changed in the configuration alone. Without `minimum`, numbers are above `above`, if that is given; the same
    holds for `maximum` and `below`. `unit` is one of ECMA-402 (`second`), or KiB.
    """

    kind: FieldKind
    items: Literal["integer", "number", "text", "choice"] | None = None
    choices: list[str] = []
    names: "FieldForm | None" = None
    values: "FieldForm | None" = None
    fields: list["TableField"] = []
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    unit: str = ""
    is_optional: bool = False  # null stands for nothing


class FormField(msgspec.Struct, frozen=True, kw_only=True):
    """One key: its form, and its texts. `is_of_operator` says that it is changed on the machine alone.

    `made` is what a form can make for it: a secret, or a token of which the setting has the SHA-256. `picks` is what a
    form finds by name, to fill in its id. Each of some tables is served at the `address` with its name behind it, if
    there is one: a path, such as `/hooks/`.
    """

    key: str
    form: FieldForm
    label: Localized
    description: Localized
    is_secret: bool
    is_of_operator: bool
    made: Made | None
    picks: Picks | None
    address: str


class TableField(FormField, frozen=True, kw_only=True):
    """One key of each of some tables. `default` is JSON, and null if the key is required."""

    default: Any
    is_required: bool


def translation(language: str, title: str, description: str) -> msgspec.Meta:
    """The texts of a setting in another language, for its `Annotated`, after the `Meta` with the English ones."""
    return msgspec.Meta(extra={language: {"title": title, "description": description}})


def form_fields(kind: type[msgspec.Struct]) -> dict[str, FormField]:
    """The keys of a settings struct on its first level, in the order of declaration.

    `Meta(title=…, description=…)` gives the texts, `translation("ja", …, …)` those in another language,
    `extra={"operator": True}` keeps a setting to those who have the machine, as those of files always are, and
    `extra={"made": "secret"}` (or "token_sha256") lets the form make a value, `extra={"picks": "room"}` finds the room
    whose id it is, and `extra={"address": "/hooks/"}` shows at which address each of some tables is served.
    """
    return {
        setting.key: FormField(**_parts(setting, field)) for setting, field in top_settings(kind)
    }


def _parts(setting: Setting, field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    return {
        "key": setting.key,
        "form": _form(setting.key, field.type),
        "label": _text(field.type, "title", setting.key),
        "description": _text(field.type, "description", setting.description),
        "is_secret": is_secret(setting.key),
        "is_of_operator": is_of_operator(setting.key, field.type),
        "made": _extra(field.type, "made"),
        "picks": _extra(field.type, "picks"),
        "address": _extra(field.type, "address") or "",
    }


def table_fields(kind: type[msgspec.Struct]) -> list[TableField]:
    """The keys of each of some tables, in the order of declaration. Tables within them are for the operator."""
    found = []
    for setting, field in top_settings(kind):
        parts = _parts(setting, field)
        if parts["form"].kind in ("tables", "table"):
            parts |= {"form": FieldForm(kind="table"), "is_of_operator": True}
        default = None if field.required else msgspec.to_builtins(setting.default)
        found.append(TableField(**parts, default=default, is_required=field.required))
    return found


def is_of_operator(key: str, kind: Any) -> bool:
    """Whether a setting is not for owners who have only the page: files of the machine, receivers of secrets."""
    return bool(_extra(kind, "operator")) or (bool(_MACHINE.search(key)) and not is_secret(key))


def _extra(kind: Any, name: str) -> Any:
    """What the annotations of a type have under this name; None if there is nothing."""
    found = (meta.extra[name] for meta in type_parts(kind)[1] if meta.extra and name in meta.extra)
    return next(found, None)


def _form(key: str, kind: Any) -> FieldForm:
    base, metas = type_parts(kind)
    is_optional = False
    if get_origin(base) in (Union, UnionType):
        others = [each for each in get_args(base) if each is not NoneType]
        if len(others) != 1:
            return FieldForm(kind="table")
        is_optional = True
        base, inner = type_parts(others[0])
        metas = [*metas, *inner]
    bounds = _bounds(metas)
    if choices := _choices(base):
        return FieldForm(kind="choice", choices=choices, is_optional=is_optional)
    if get_origin(base) in (list, tuple, set, frozenset):
        return _list(base, bounds, is_optional)
    if get_origin(base) is dict:
        return _map(base, is_optional)
    if base not in _PLAIN:
        return FieldForm(kind="table")
    unit = UNITS.get(key.rpartition("_")[2], "") if base in (int, float) else ""
    return FieldForm(kind=_PLAIN[base], unit=unit, is_optional=is_optional, **bounds)


def _list(base: Any, bounds: dict[str, Any], is_optional: bool) -> FieldForm:
    arguments = get_args(base)
    if get_origin(base) is tuple and arguments[1:] != (...,):
        return FieldForm(kind="table")
    item, _ = type_parts(arguments[0])
    choices = _choices(item)
    kind: Any = "choice" if choices else _PLAIN.get(item)
    if kind is None or kind == "boolean":
        return FieldForm(kind="table")
    return FieldForm(kind="list", items=kind, choices=choices, is_optional=is_optional, **bounds)


def _map(base: Any, is_optional: bool) -> FieldForm:
    name, value = get_args(base)
    names = _form("", name)
    if (tables := named_tables(base)) is not None:
        return FieldForm(kind="tables", names=names, fields=table_fields(tables.struct))
    values = _form("", value)
    if values.kind not in (*_PLAIN.values(), "choice"):
        return FieldForm(kind="table")
    return FieldForm(kind="map", names=names, values=values, is_optional=is_optional)


def _choices(base: Any) -> list[str]:
    """The texts to choose from; none for another type, and if some are no texts."""
    values: list[Any] = []
    if get_origin(base) is Literal:
        values = list(get_args(base))
    elif isinstance(base, type) and issubclass(base, enum.Enum):
        values = [each.value for each in base]
    return values if all(isinstance(value, str) for value in values) else []


def _bounds(metas: list[msgspec.Meta]) -> dict[str, Any]:
    names = {
        "ge": "minimum",
        "gt": "above",
        "le": "maximum",
        "lt": "below",
        "min_length": "min_length",
        "max_length": "max_length",
        "pattern": "pattern",
    }
    return {
        ours: value
        for meta in metas
        for theirs, ours in names.items()
        if (value := getattr(meta, theirs)) is not None
    }


def _text(kind: Any, name: Literal["title", "description"], otherwise: str) -> Localized:
    _, metas = type_parts(kind)
    english = next((found for meta in metas if (found := getattr(meta, name))), otherwise)
    others = {
        tag: texts[name]
        for meta in metas
        for tag, texts in (meta.extra or {}).items()
        if isinstance(texts, dict) and name in texts
    }
    return {DEFAULT: english, **others} if others else english
