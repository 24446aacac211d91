"""Settings as typed structs: converts raw tables into structs, reports mistakes by path, describes keys.

It does not depend on the core's sections (`sections.py`) or on the origin of raw values.
"""

import difflib
import enum
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import msgspec

from chatserver.errors import StartupError

T = TypeVar("T", bound=msgspec.Struct)

HIDDEN = "***"
TABLES = dict[str, dict[str, Any]]  # raw sections, which are converted elsewhere
# The name of a table among others, as in `dict[TableName, Provider]`.
TableName: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="1 to 32 of a-z 0-9 _ -"),
]
_SECRET = re.compile(r"(?:^|_)(?:password|secret|token|key|uri)$")
_USER_INFO = re.compile(r"(?<=://)\S*@")
_SECRET_PARAMETER = re.compile(r"([?&][^=&\s]*(?:password|secret|token|key)[^=&\s]*=)[^&\s]*", re.I)


class Text(str):
    """A value given as text (environment, command line), from which numbers and lists are parsed."""

    __slots__ = ()


class Table(dict[str, Any]):
    """A raw table with the origins of its keys: `locate` makes the full path of a key."""

    def __init__(self, raw: Mapping[str, Any], locate: Callable[[str], str]) -> None:
        super().__init__(raw)
        self.locate = locate


class Setting(NamedTuple):
    """One key, for the reference. `default` is `msgspec.NODEFAULT` if the key is required."""

    key: str
    type: str
    default: Any
    description: str


class NamedTables(NamedTuple):
    """The types of tables that have names: of a name, and of a table."""

    name: Any
    struct: type[msgspec.Struct]

    def wrong_name(self, name: str) -> str:
        """What is wrong with a name; empty if it may be one."""
        try:
            msgspec.convert(name, self.name)
        except ValueError:
            return f"a name has {_description(self.name) or type_text(self.name)}, got {name!r}"
        return ""


def convert(raw: Mapping[str, Any], kind: type[T], where: Callable[[str], str] | str = "") -> T:
    """The struct `kind` from a raw table, or a StartupError with one line for each mistake.

    `where` makes the full path from a key of the table: a function, or a prefix (a `Table` adds the file).
    """
    problems: list[str] = []
    result = _struct(raw, kind, _locator(raw, where), problems)
    if result is None:
        raise StartupError("\n".join(problems))
    return result


def is_secret(name: str) -> bool:
    """Whether the value under this field name is hidden when shown."""
    return bool(_SECRET.search(name))


def hide(name: str, value: Any) -> Any:
    """The value without secrets; an address loses only its user part and secret parameters."""
    if not value or not is_secret(name):
        return value
    if name.endswith("uri") and isinstance(value, str):
        return _SECRET_PARAMETER.sub(r"\1" + HIDDEN, _USER_INFO.sub(HIDDEN + "@", value))
    return HIDDEN


def describe(kind: type[msgspec.Struct], prefix: str = "") -> list[Setting]:
    """Each key of a settings struct, in the order of declaration; nested structs are left out.

    Keys of named tables (`dict[str, Struct]`) contain NAME.
    """
    found: list[Setting] = []
    for setting, field in top_settings(kind):
        if (inner := named_tables(field.type)) is not None:
            found += describe(inner.struct, f"{prefix}{setting.key}.NAME.")
        else:
            found.append(setting._replace(key=prefix + setting.key))
    return found


def top_settings(
    kind: type[msgspec.Struct],
) -> Iterator[tuple[Setting, msgspec.structs.FieldInfo]]:
    """Each key of the first level with its field, in the order of declaration; nested structs are left out."""
    for field in msgspec.structs.fields(kind):
        if not _is_struct(field.type):
            texts = type_text(field.type), _default(field), _description(field.type)
            yield Setting(field.name, *texts), field


def type_text(kind: Any) -> str:
    """A type in words: `a whole number from 0 to 65535`."""
    base, metas = type_parts(kind)
    if get_origin(base) in (Union, UnionType):
        return " or ".join("nothing" if a is NoneType else type_text(a) for a in get_args(base))
    if get_origin(base) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(base))
    if get_origin(base) in (list, tuple, frozenset, set):
        return "a list of " + type_text(get_args(base)[0]).removeprefix("a ")
    if isinstance(base, type) and issubclass(base, enum.Enum):
        return "one of " + ", ".join(str(each.value) for each in base)
    plain = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    return plain.get(base, "a table") + _bounds(metas)


def _locator(raw: Mapping[str, Any], where: Callable[[str], str] | str) -> Callable[[str], str]:
    if not isinstance(where, str):
        return where
    locate = raw.locate if isinstance(raw, Table) else str
    return lambda key: locate(f"{where}.{key}" if where and key else where or key)


def _struct(
    raw: Any, kind: type[T], where: Callable[[str], str], problems: list[str], prefix: str = ""
) -> T | None:
    if not isinstance(raw, Mapping):
        problems.append(f"{where(prefix)}: expected a table, got {_shown(prefix, raw)}")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    before = len(problems)
    values: dict[str, Any] = {}
    for name, value in raw.items():
        path = f"{prefix}.{name}" if prefix else name
        if name not in fields:
            problems.append(f"{where(path)}: unknown key{_suggestion(name, fields)}")
        elif _is_struct(fields[name].type):
            values[name] = _struct(value, fields[name].type, where, problems, path)
        elif (inner := named_tables(fields[name].type)) is not None:
            values[name] = _named_tables(value, inner, where, problems, path)
        elif fields[name].type == TABLES:
            values[name] = value
            problems += _tables(value, where, path)
        else:
            try:
                values[name] = converted(value, fields[name].type)
            except ValueError:
                expected = type_text(fields[name].type)
                problems.append(f"{where(path)}: expected {expected}, got {_shown(name, value)}")
    for name, field in fields.items():
        if field.required and name not in raw:
            path = f"{prefix}.{name}" if prefix else name
            problems.append(f"{where(path)}: required, expected {type_text(field.type)}")
    if len(problems) > before:
        return None
    return _made(kind, values, fields, where, problems, prefix)


def _named_tables(
    raw: Any, kind: NamedTables, where: Callable[[str], str], problems: list[str], prefix: str
) -> dict[str, msgspec.Struct | None]:
    if isinstance(raw, Text):
        with suppress(ValueError):
            raw = json.loads(raw)
    if not isinstance(raw, Mapping):
        problems.append(f"{where(prefix)}: expected a table, got {_shown(prefix, raw)}")
        return {}
    problems += [f"{where(prefix)}: {wrong}" for name in raw if (wrong := kind.wrong_name(name))]
    return {
        name: _struct(table, kind.struct, where, problems, f"{prefix}.{name}")
        for name, table in raw.items()
    }


def _tables(value: Any, where: Callable[[str], str], path: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where(path)}: expected a table, got {value!r}"
        return
    for name, table in value.items():
        if not isinstance(table, Mapping):
            yield f"{where(f'{path}.{name}')}: expected a table, got {_shown(name, table)}"


def _made(
    kind: type[T],
    values: dict[str, Any],
    fields: Mapping[str, Any],
    where: Callable[[str], str],
    problems: list[str],
    prefix: str,
) -> T | None:
    """Make the struct. An error of its `__post_init__` begins with the wrong key, if there is one."""
    try:
        return kind(**values)
    except (ValueError, TypeError) as error:
        name, _, rest = str(error).partition(": ")
        if name in fields and rest:
            problems.append(f"{where(f'{prefix}.{name}' if prefix else name)}: {rest}")
        else:
            problems.append(f"{where(prefix)}: {error}")
        return None


def converted(value: Any, kind: Any) -> Any:
    """A raw value as this type. Raises `ValueError` or `TypeError`."""
    if (tables := named_tables(kind)) is not None:
        problems: list[str] = []
        found = _named_tables(value, tables, str, problems, "")
        if problems:
            raise ValueError("; ".join(problems))
        return found
    if isinstance(value, Text):
        return _from_text(str(value), kind)
    result = msgspec.convert(value, kind)
    if isinstance(result, float) and not math.isfinite(result):
        raise ValueError(result)
    return result


def _from_text(text: str, kind: Any) -> Any:
    base, _ = type_parts(kind)
    if base is str:
        return msgspec.convert(text, kind)
    stripped = text.strip()
    origin = get_origin(base) or base
    if origin is Literal and stripped.lower() in get_args(base):
        return stripped.lower()
    if origin in (list, tuple, set, frozenset) and not stripped.startswith("["):
        items = [item.strip() for item in stripped.split(",") if item.strip()]
        return msgspec.convert(items, kind, strict=False)
    if origin in (list, tuple, set, frozenset, dict):
        return msgspec.convert(json.loads(stripped), kind, strict=False)
    result = msgspec.convert(stripped, kind, strict=False)
    if isinstance(result, float) and not math.isfinite(result):
        raise ValueError(result)
    return result


def _shown(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    if not is_secret(name):
        return repr(str(value) if isinstance(value, Text) else value)
    if name.endswith("uri"):
        return repr(hide(name, str(value))) if isinstance(value, str) else repr(value)
    return HIDDEN


def _suggestion(name: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def type_parts(kind: Any) -> tuple[Any, list[msgspec.Meta]]:
    """A type without its annotations, and what is annotated."""
    if get_origin(kind) is not Annotated:
        return kind, []
    base, *extras = get_args(kind)
    return base, [extra for extra in extras if isinstance(extra, msgspec.Meta)]


def _is_struct(kind: Any) -> bool:
    base, _ = type_parts(kind)
    return isinstance(base, type) and issubclass(base, msgspec.Struct)


def named_tables(kind: Any) -> NamedTables | None:
    """What `dict[str, Struct]` says of its tables; None for another type."""
    base, _ = type_parts(kind)
    if get_origin(base) is not dict or not _is_struct(get_args(base)[1]):
        return None
    name, table = get_args(base)
    return NamedTables(name, type_parts(table)[0])


def _bounds(metas: list[msgspec.Meta]) -> str:
    bounds = {
        name: value
        for meta in metas
        for name in ("ge", "gt", "le", "lt", "min_length", "max_length")
        if (value := getattr(meta, name)) is not None
    }
    if "ge" in bounds and "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    if "max_length" in bounds:
        return f" of {bounds.get('min_length', 0)} to {bounds['max_length']} characters"
    if bounds.get("min_length") == 1:
        return ", not empty"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    words["min_length"] = "of a length of at least"
    return "".join(f" {words[name]} {value}" for name, value in bounds.items())


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _description(kind: Any) -> str:
    _, metas = type_parts(kind)
    return next((meta.description for meta in metas if meta.description), "")
