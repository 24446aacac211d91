"""A formatted text without marks: for mails, notices and all that has one line."""

from collections.abc import Sequence

from chatserver.formatting.tree import (
    Block,
    Code,
    CodeBlock,
    Inline,
    Item,
    Link,
    List,
    Quote,
    Rule,
    Spoiler,
    Table,
    Text,
)

HIDDEN = "▒▒▒"  # a spoiler, whatever its length


def to_plain(blocks: Sequence[Block]) -> str:
    return "\n".join(map(_block, blocks))


def _block(node: Block) -> str:
    match node:
        case CodeBlock():
            return node.text
        case Rule():
            return "—"
        case Quote():
            return to_plain(node.children)
        case List():
            start = node.start
            signs = (
                "•" if start is None else f"{start + place}." for place in range(len(node.items))
            )
            return "\n".join(map(_item, node.items, signs))
        case Table():
            return "\n".join(" | ".join(map(_inline, row)) for row in node.rows)
    return _inline(node.children)


def _item(item: Item, sign: str) -> str:
    if item.checked is not None:
        sign = "☑" if item.checked else "☐"
    return f"{sign} {to_plain(item.children)}"


def _inline(nodes: Sequence[Inline]) -> str:
    return "".join(map(_node, nodes))


def _node(node: Inline) -> str:
    match node:
        case Spoiler():
            return HIDDEN
        case Text() | Code():
            return node.text
        case Link(elsewhere=True):
            return f"{_inline(node.children)} ({node.href})"
    return _inline(node.children)
