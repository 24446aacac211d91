"""The interactive parts of messages: texts, buttons, menus and forms, as data that every client can show.

A closed, small vocabulary. What a click means is known to the plugin alone: clients send ids. Labels and texts may
be given by language. Imports nothing of the project but that.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from chatserver.localized import LANGUAGES, Tag

NAMESPACE = "parts"  # of the data of a message
ITEMS, OPTIONS, FIELDS = 25, 50, 10  # at most, in one message, menu, form
FIELD_CHARS = 4000

PartId = Annotated[str, Meta(min_length=1, max_length=64)]
_Label = Annotated[str, Meta(min_length=1, max_length=80)]
_Text = Annotated[str, Meta(min_length=1, max_length=2000)]
Label = _Label | Annotated[Mapping[Tag, _Label], Meta(min_length=1, max_length=LANGUAGES)]
Text = _Text | Annotated[Mapping[Tag, _Text], Meta(min_length=1, max_length=LANGUAGES)]


class Option(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of the things to choose from in a menu."""

    id: PartId
    label: Label


class TextPart(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="text"
):
    """A text, written like the text of a message."""

    text: Text


class Button(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="button"
):
    """A button."""

    id: PartId
    label: Label
    style: Literal["default", "primary", "danger"] = "default"


class Menu(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="menu"
):
    """A list from which the user chooses one option, or up to `most`."""

    id: PartId
    label: Label
    options: Annotated[tuple[Option, ...], Meta(min_length=1, max_length=OPTIONS)]
    most: Annotated[int, Meta(ge=1, le=OPTIONS)] = 1


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A field of a form: one line of text, several lines, or with `options` a choice of one of them."""

    id: PartId
    label: Label
    lines: Literal["one", "many"] = "one"
    required: bool = False
    max_chars: Annotated[int, Meta(ge=1, le=FIELD_CHARS)] = 200
    options: Annotated[tuple[Option, ...], Meta(max_length=OPTIONS)] = ()


class Form(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="form"
):
    """Fields that are sent together by a button, which has the form's label."""

    id: PartId
    label: Label
    fields: Annotated[tuple[Field, ...], Meta(min_length=1, max_length=FIELDS)]


Part: TypeAlias = TextPart | Button | Menu | Form


class Parts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The interactive parts of a message. `of` is the namespace whose plugin gets the clicks."""

    of: Annotated[str, Meta(min_length=1, max_length=64)]
    items: Annotated[tuple[Part, ...], Meta(max_length=ITEMS)]

    def __post_init__(self) -> None:
        for ids in self._ids():
            if len(set(ids)) < len(ids):
                raise ValueError("items: an id occurs twice")

    def _ids(self) -> Iterator[list[str]]:
        """The ids that must differ from each other."""
        yield [part.id for part in self.items if not isinstance(part, TextPart)]
        for part in self.items:
            if isinstance(part, Menu):
                yield [option.id for option in part.options]
            elif isinstance(part, Form):
                yield [field.id for field in part.fields]
                yield from ([each.id for each in field.options] for field in part.fields)

    def find(self, id: str) -> Button | Menu | Form | None:
        """The button, menu or form with this id."""
        for part in self.items:
            if not isinstance(part, TextPart) and part.id == id:
                return part
        return None


class WrongValues(ValueError):
    """Values that do not fit a part; the text says which and why."""


def checked(
    part: Button | Menu | Form, values: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """What was chosen or typed, by the id of the menu or of each field. Raises `WrongValues`.

    Fields of a form that were left empty are left out.
    """
    given = {id: tuple(each) for id, each in values.items() if any(each)}
    match part:
        case Button():
            known: dict[str, Menu | Field] = {}
        case Menu():
            known = {part.id: part}
        case Form():
            known = {field.id: field for field in part.fields}
    for id in given:
        if id not in known:
            raise WrongValues(f"{id}: there is no such field")
    for id, field in known.items():
        _check(field, given.get(id, ()))
    return given


def _check(field: Menu | Field, values: tuple[str, ...]) -> None:
    is_required = field.required if isinstance(field, Field) else True
    if not values:
        if is_required:
            raise WrongValues(f"{field.id}: a value is missing")
        return
    most = field.most if isinstance(field, Menu) else 1
    if len(values) > most or len(set(values)) < len(values):
        raise WrongValues(f"{field.id}: at most {most} different values")
    if field.options:
        if not set(values) <= {option.id for option in field.options}:
            raise WrongValues(f"{field.id}: there is no such option")
    elif isinstance(field, Field) and len(values[0]) > field.max_chars:
        raise WrongValues(f"{field.id}: at most {field.max_chars} characters")
