"""A formatted text as a tree of blocks, which hold inline nodes. As JSON it is that of the page (static/lib/formatting.js)."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec


class Text(msgspec.Struct, frozen=True, tag_field="kind", tag="text"):
    text: str


class Code(msgspec.Struct, frozen=True, tag_field="kind", tag="code"):
    text: str


class Em(msgspec.Struct, frozen=True, tag_field="kind", tag="em"):
    children: Sequence["Inline"]


class Strong(msgspec.Struct, frozen=True, tag_field="kind", tag="strong"):
    children: Sequence["Inline"]


class Strike(msgspec.Struct, frozen=True, tag_field="kind", tag="strike"):
    children: Sequence["Inline"]


class Spoiler(msgspec.Struct, frozen=True, tag_field="kind", tag="spoiler"):
    children: Sequence["Inline"]


class Link(msgspec.Struct, frozen=True, tag_field="kind", tag="link"):
    """A link of http, https or mailto. `elsewhere`: its text looks like another address than `href`."""

    href: str
    children: Sequence["Inline"]
    elsewhere: bool


Inline: TypeAlias = Text | Code | Em | Strong | Strike | Spoiler | Link


class Paragraph(msgspec.Struct, frozen=True, tag_field="kind", tag="paragraph"):
    children: Sequence[Inline]


class Heading(msgspec.Struct, frozen=True, tag_field="kind", tag="heading"):
    level: int  # 1 to 3
    children: Sequence[Inline]


class CodeBlock(msgspec.Struct, frozen=True, tag_field="kind", tag="code_block"):
    language: str  # empty if none is named
    text: str


class Quote(msgspec.Struct, frozen=True, tag_field="kind", tag="quote"):
    children: Sequence["Block"]


class Item(msgspec.Struct, frozen=True):
    """`checked` is None but for tasks."""

    checked: bool | None
    children: Sequence["Block"]


class List(msgspec.Struct, frozen=True, tag_field="kind", tag="list"):
    """`start` is None for bullets."""

    start: int | None
    items: Sequence[Item]


Align: TypeAlias = Literal["start", "center", "end"]


class Table(msgspec.Struct, frozen=True, tag_field="kind", tag="table"):
    """The first row is the head; all have as many cells as `align`."""

    align: Sequence[Align | None]
    rows: Sequence[Sequence[Sequence[Inline]]]


class Rule(msgspec.Struct, frozen=True, tag_field="kind", tag="rule"):
    pass


Block: TypeAlias = Paragraph | Heading | CodeBlock | Quote | List | Table | Rule
