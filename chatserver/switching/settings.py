"""Settings of plugins that were changed while the server ran: laid over those of the configuration, checked, shown.

The store remembers them by plugin (`records.py`). The operator's file is never written. Environment and command line
win over them, as those win over the file.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from chatserver.config import Loaded
from chatserver.config.forms import FormField, form_fields
from chatserver.config.settings import (
    Setting,
    Table,
    convert,
    converted,
    named_tables,
    top_settings,
)
from chatserver.config.sources import kind_of
from chatserver.config.text import hidden, toml_value
from chatserver.errors import ChatError, StartupError
from chatserver.hooks.policy import FIELD_NAMES
from chatserver.hooks.types import Settings
from chatserver.service.switches import Fixed, SettingProblem, SettingsChange, SettingView
from chatserver.switching import tables

STORED_BYTES = 65536  # most of the settings of one plugin, as JSON
STORE = "store"  # in messages, where a file has its path

Stored = Mapping[str, Any]


class Section(Table):
    """A plugin's section of the configuration in use: `base` is what it is without the store's settings.

    `origin` has the label of each key that the configuration gives, and `stored` the settings that are in use.
    """

    def __init__(
        self,
        base: Mapping[str, Any],
        stored: Stored,
        origin: Mapping[str, str],
        locate: Callable[[str], str],
        prefix: str,
    ) -> None:
        def found(key: str) -> str:
            is_stored = key.removeprefix(prefix).partition(".")[0] in stored
            return f"{STORE}: {key}" if is_stored else locate(key)

        super().__init__({**base, **stored}, found)
        self.base, self.stored, self.origin = base, stored, origin


def section_of(loaded: Loaded, plugin: str, kind: type[Settings] | None, stored: Stored) -> Section:
    """The section of a plugin with the store's settings, of which those are used that `kind` has."""
    fields = form_fields(kind) if kind is not None and stored else {}
    prefix = f"plugin.{plugin}."
    origin = {
        key.removeprefix(prefix).partition(".")[0]: label
        for key, label in loaded.origin.items()
        if key.startswith(prefix)
    }
    base = loaded.config.plugin.get(plugin, {})
    used = {
        key: _completed(key, value, base, fields)
        for key, value in stored.items()
        if key in fields and _given_by(origin.get(key)) is None
    }
    return Section(base, used, origin, loaded.where, prefix)


def _completed(
    key: str, value: Any, base: Mapping[str, Any], fields: Mapping[str, FormField]
) -> Any:
    """A stored value; tables with what they leave out, as the configuration has it."""
    form = fields[key].form
    return (
        tables.completed(value, base.get(key, {}), form.fields) if form.kind == "tables" else value
    )


def changed(
    plugin: str,
    kind: type[Settings],
    section: Section,
    stored: Stored,
    change: SettingsChange,
    *,
    is_operator: bool,
) -> tuple[dict[str, Any], list[str]]:
    """The settings to store after a change, and the names of those that differ then.

    `section` is that of the configuration as it is now. Raises `ChatError` plugin.invalid, whose `detail.problems`
    has a `SettingProblem` for each wrong value, and limit.size.
    """
    fields = form_fields(kind)
    unchangeable = {
        key: problem
        for key in [*change.settings, *change.reset]
        if (problem := _not_changeable(key, fields, section, stored, change, is_operator))
    }
    problems = list(unchangeable.values())
    after = {key: value for key, value in stored.items() if key not in change.reset}
    for key, value in change.settings.items():
        if key not in unchangeable:
            after[key], found = _to_store(
                key, value, kind, fields[key], section, stored, is_operator
            )
            problems += found
    if not problems:
        after = {key: value for key, value in after.items() if key in fields}
        used = {key: value for key, value in after.items() if key not in _taken(section)}
        laid = {key: _completed(key, value, section.base, fields) for key, value in used.items()}
        problems = _problems_together({**section.base, **laid}, kind)
    if problems:
        raise _invalid(plugin, problems)
    if len(msgspec.json.encode(after)) > STORED_BYTES:
        raise ChatError("limit.size")
    missing = object()
    names = [
        key
        for key in sorted({*after, *stored})
        if after.get(key, missing) != stored.get(key, missing)
    ]
    return after, names


def _invalid(plugin: str, problems: Sequence[SettingProblem]) -> ChatError:
    text = "; ".join(f"{_place(each)}: {each.text}".removeprefix(": ") for each in problems)
    detail = {"field": "settings", "reason": "values", "plugin": plugin}
    found = msgspec.to_builtins(problems)
    return ChatError("plugin.invalid", text, detail={**detail, "problems": found})


def _place(problem: SettingProblem) -> str:
    return ".".join(part for part in (problem.setting, problem.entry, problem.field) if part)


def views(
    kind: type[Settings], section: Section, stored: Stored, *, is_operator: bool, public_url: str
) -> list[SettingView]:
    """All settings of a plugin, in order, for a form. Secrets are left out, but for whether they are set.

    `public_url` is that of the server, which may be empty.
    """
    values, usual, fields = _values(section, kind), _values(section.base, kind), form_fields(kind)
    found = [
        _view(setting, fields[setting.key], values, usual, section, stored, is_operator)
        for setting, _ in top_settings(kind)
    ]
    return [
        msgspec.structs.replace(each, address=f"{public_url}{each.address}")
        if each.address
        else each
        for each in found
    ]


def _view(
    setting: Setting,
    field: FormField,
    values: Mapping[str, Any],
    usual: Mapping[str, Any],
    section: Section,
    stored: Stored,
    is_operator: bool,
) -> SettingView:
    key, form, is_required = setting.key, field.form, setting.default is msgspec.NODEFAULT
    label = section.origin.get(key)
    default = None if is_required else msgspec.to_builtins(setting.default)
    are_tables = form.kind == "tables"
    return SettingView(
        key=key,
        type=setting.type,
        label=field.label,
        description=field.description,
        form=form,
        value=toml_value(hidden(key, values[key])) if key in values else "",
        default=None if is_required else toml_value(hidden(key, default)),
        current=_shown(field, values.get(key)),
        usual=_shown(field, usual.get(key)),
        secrets=tables.secrets(values.get(key), form.fields) if are_tables else {},
        is_secret=field.is_secret,
        is_set=bool(values.get(key)),
        is_stored=key in stored,
        source="store" if key in section.stored else kind_of(label) if label else "default",
        origin=label or "",
        fixed=_fixed(field, label, is_operator),
        group="failure" if key in FIELD_NAMES else "plugin",
        made=field.made,
        picks=field.picks,
        address=field.address,
    )


def _shown(field: FormField, value: Any) -> Any:
    if field.is_secret or field.form.kind == "table":
        return None
    return tables.shown(value, field.form.fields) if field.form.kind == "tables" else value


def _values(raw: Mapping[str, Any], kind: type[Settings]) -> dict[str, Any]:
    """The values with their defaults, as JSON has them, as far as there are valid ones."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        if field.name in raw:
            with suppress(ValueError, TypeError):
                found[field.name] = msgspec.to_builtins(converted(raw[field.name], field.type))
        elif not field.required:
            is_made = field.default_factory is not msgspec.NODEFAULT
            value = field.default_factory() if is_made else field.default
            found[field.name] = msgspec.to_builtins(value)
    return found


def _fixed(field: FormField, label: str | None, is_operator: bool) -> Fixed:
    if (given := _given_by(label)) is not None:
        return given
    if field.form.kind == "table":
        return "table"
    return "operator" if field.is_of_operator and not is_operator else ""


def _given_by(label: str | None) -> Fixed | None:
    """The source that wins over the store; None if there is none."""
    source = kind_of(label) if label else "file"
    return None if source == "file" else source


def _taken(section: Section) -> Collection[str]:
    """The keys that environment or command line give."""
    return [key for key, label in section.origin.items() if _given_by(label) is not None]


def _not_changeable(
    key: str,
    fields: Mapping[str, FormField],
    section: Section,
    stored: Stored,
    change: SettingsChange,
    is_operator: bool,
) -> SettingProblem | None:
    if key not in fields:
        if key in stored and key not in change.settings:
            return None  # of an earlier release; it may go
        return SettingProblem(setting=key, reason="unknown", text="there is no such setting")
    label = section.origin.get(key)
    fixed = _fixed(fields[key], label, is_operator)
    if key in change.settings and key in change.reset:
        return SettingProblem(setting=key, reason="twice", text="it is both changed and reset")
    if not fixed or (key in change.reset and fixed != "operator"):
        return None
    texts = {
        "environment": f"it is given by {label}",
        "command_line": "it is given on the server's command line",
        "table": "it is a table, which only the configuration can have",
        "operator": tables.OPERATORS,
    }
    return SettingProblem(setting=key, reason=fixed, text=texts[fixed])


def _to_store(
    key: str,
    value: Any,
    kind: type[Settings],
    field: FormField,
    section: Section,
    stored: Stored,
    is_operator: bool,
) -> tuple[Any, list[SettingProblem]]:
    """The value as it is stored, and what is wrong with it."""
    setting, wanted = next(each for each in top_settings(kind) if each[0].key == key)
    try:
        if (named := named_tables(wanted.type)) is None:
            return msgspec.to_builtins(converted(value, wanted.type)), []
        known = tables.Known(section.base.get(key, {}), stored.get(key, {}))
        fields = field.form.fields
        return tables.to_store(key, value, known, named, fields, is_operator=is_operator)
    except (ValueError, TypeError):
        text = f"expected {setting.type}"
        return None, [SettingProblem(setting=key, reason="value", text=text)]


def _problems_together(raw: Mapping[str, Any], kind: type[Settings]) -> list[SettingProblem]:
    """What is wrong with all values together: missing ones, and what the plugin demands of several."""
    try:
        convert(raw, kind, lambda key: key)
    except StartupError as error:
        found: dict[str, SettingProblem] = {}
        for line in str(error).splitlines():
            place, _, text = line.partition(": ")
            key = place.partition(".")[0]
            if key not in kind.__struct_fields__:
                key, text = "", line.removeprefix(": ")
            is_missing = text.startswith("required")
            reason = "required" if is_missing else "rule"
            found[key] = SettingProblem(setting=key, reason=reason, text=text)
        return list(found.values())
    return []
