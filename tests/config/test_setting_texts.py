"""Owners read each setting of the plugins that come with the server in English and in Japanese."""

import re
import runpy
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import Settings, TableName, translation
from chatserver.config.forms import FormField, form_fields
from chatserver.localized import Localized, in_language

ROOT = Path(__file__).parents[2]
KANA = re.compile("[ぁ-んァ-ヶ]")  # of which Japanese prose has some, and English has none


def faults(name: str, kind: type[msgspec.Struct]) -> list[str]:
    """What the texts of a plugin's settings lack, by the path of the setting."""
    return [
        f"{path}: {fault}"
        for path, field in fields(f"plugin.{name}", form_fields(kind).values())
        for fault in faults_of(field)
    ]


def fields(path: str, level: Iterable[FormField]) -> Iterator[tuple[str, FormField]]:
    """All settings with their paths, those of tables with names included."""
    for field in level:
        yield f"{path}.{field.key}", field
        yield from fields(f"{path}.{field.key}.NAME", field.form.fields)


def faults_of(field: FormField) -> Iterator[str]:
    title = in_language(field.label)
    if title == field.key:
        yield "no title"
    if title.endswith("."):
        yield "the title is a sentence"
    if not in_language(field.description):
        yield "no description"
    if not japanese(field.label):
        yield "no Japanese title"
    if not KANA.search(japanese(field.description)):
        yield "no Japanese description"


def japanese(text: Localized) -> str:
    return "" if isinstance(text, str) else text.get("ja", "")


def test_each_setting_has_its_texts() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    plugins = dict(generate["plugins"]())
    assert form_fields(plugins["webhooks"])["outgoing"].form.fields  # tables are looked into
    assert "on_failure" in form_fields(plugins["wordfilter"])  # and so is what the server adds
    assert [fault for name, kind in plugins.items() for fault in faults(name, kind)] == []


def test_what_is_missing_is_found() -> None:
    class Door(Settings, frozen=True, kw_only=True):
        key: Annotated[str, Meta(title="Key"), translation("ja", "鍵", "A key.")]

    class House(Settings, frozen=True, kw_only=True):
        doors: Annotated[
            dict[TableName, Door],
            Meta(title="The doors.", description="Doors, by name."),
            translation("ja", "ドア", "ドアを名前ごとに設定します。"),
        ] = {}
        floors: Annotated[int, Meta(description="Number of floors.")] = 1

    assert faults("house", House) == [
        "plugin.house.doors: the title is a sentence",
        "plugin.house.doors.NAME.key: no description",
        "plugin.house.doors.NAME.key: no Japanese description",
        "plugin.house.floors: no title",
        "plugin.house.floors: no Japanese title",
        "plugin.house.floors: no Japanese description",
    ]
