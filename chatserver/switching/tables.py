"""Settings that are tables with names, such as the webhooks of a server, as people change them who see no secrets.

Secrets, and what is for the operator alone, may be left out: then a table of the same name keeps them. The store has
only what was given there, so a secret of the configuration stays where it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver.config.forms import TableField
from chatserver.config.settings import NamedTables, Text, convert, hide, top_settings
from chatserver.errors import StartupError
from chatserver.service.switches import SettingProblem

OPERATORS = "only the operator may change it, by `chatserver plugins set`"

Tables = Mapping[str, Mapping[str, Any]]


class Known(NamedTuple):
    """The tables of a setting as the configuration has them, and as they are stored."""

    base: Tables
    stored: Tables

    def value(self, name: str, field: TableField) -> Any:
        """The value in use, also by default."""
        for tables in (self.stored, self.base):
            if field.key in tables.get(name, {}):
                return tables[name][field.key]
        return field.default

    def has(self, name: str, field: TableField) -> bool:
        return any(field.key in tables.get(name, {}) for tables in (self.stored, self.base))


def completed(stored: Any, base: Any, fields: Sequence[TableField]) -> Any:
    """Stored tables with what they keep of the configuration's."""
    if not (is_tables(stored) and is_tables(base)):
        return stored
    kept = {field.key for field in fields if _may_be_left_out(field)}
    return {
        name: {key: value for key, value in base.get(name, {}).items() if key in kept} | dict(table)
        for name, table in stored.items()
    }


def to_store(
    key: str,
    given: Any,
    known: Known,
    kind: NamedTables,
    fields: Sequence[TableField],
    *,
    is_operator: bool,
) -> tuple[dict[str, Any], list[SettingProblem]]:
    """The tables to store for what was given, and what is wrong with it. Defaults are not stored.

    Raises `ValueError` for something else than tables.
    """
    if isinstance(given, Text):
        given = msgspec.json.decode(str(given))
    if not is_tables(given):
        raise ValueError
    wanted: dict[str, Any] = {}
    problems: list[SettingProblem] = []
    for name, table in given.items():
        if wrong := kind.wrong_name(name):
            problems.append(_problem(key, name, "", "name", wrong))
            continue
        if not is_operator:
            problems += _of_operator(key, name, table, known, fields)
        own = {**_kept(name, known.stored, fields), **table}
        try:
            made = convert(completed({name: own}, known.base, fields)[name], kind.struct, _itself)
        except StartupError as error:
            found = {each.field for each in problems if each.entry == name}
            problems += [
                each for each in _problems(key, name, error, kind) if each.field not in found
            ]
            continue
        values = msgspec.to_builtins(made)
        wanted[name] = {
            field.key: values[field.key]
            for field in fields
            if field.key in own and (_may_be_left_out(field) or values[field.key] != field.default)
        }
    return wanted, problems


def shown(tables: Any, fields: Sequence[TableField]) -> Any:
    """Tables without their secrets, and without tables within them, which may have some."""
    unseen = {field.key for field in fields if field.is_secret or field.form.kind == "table"}
    return {
        name: {key: value for key, value in table.items() if key not in unseen}
        for name, table in (tables or {}).items()
    }


def secrets(tables: Any, fields: Sequence[TableField]) -> dict[str, dict[str, str]]:
    """What may be shown of the secrets of each table that are set."""
    keys = [field.key for field in fields if field.is_secret]
    return {
        name: {key: hide(key, table[key]) for key in keys if table.get(key)}
        for name, table in (tables or {}).items()
    }


def is_tables(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, Mapping) for each in value.values())


def _may_be_left_out(field: TableField) -> bool:
    return field.is_secret or field.is_of_operator


def _kept(name: str, tables: Tables, fields: Sequence[TableField]) -> dict[str, Any]:
    table = tables.get(name, {})
    return {
        field.key: table[field.key]
        for field in fields
        if _may_be_left_out(field) and field.key in table
    }


def _of_operator(
    key: str, name: str, table: Mapping[str, Any], known: Known, fields: Sequence[TableField]
) -> list[SettingProblem]:
    """The operator's fields that somebody else wants to change, and those that a new table needs."""
    found = []
    for field in fields:
        is_given = field.key in table and table[field.key] != known.value(name, field)
        is_needed = field.is_required and field.key not in table and not known.has(name, field)
        if field.is_of_operator and (is_given or is_needed):
            found.append(_problem(key, name, field.key, "operator", OPERATORS))
    return found


def _problems(key: str, name: str, error: StartupError, kind: NamedTables) -> list[SettingProblem]:
    types = {setting.key: setting.type for setting, _ in top_settings(kind.struct)}
    found = []
    for line in str(error).splitlines():
        place, _, text = line.partition(": ")
        field = place.partition(".")[0]
        if field not in types:
            field, text = "", line.removeprefix(": ")
        is_value = bool(field) and text.startswith(f"expected {types[field]}, got ")
        is_missing = text.startswith("required")
        reason = "required" if is_missing else "value" if is_value else "rule"
        found.append(_problem(key, name, field, reason, text))
    return found


def _problem(key: str, name: str, field: str, reason: str, text: str) -> SettingProblem:
    return SettingProblem(setting=key, entry=name, field=field, reason=reason, text=text)


def _itself(key: str) -> str:
    return key
