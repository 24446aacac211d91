"""The web addresses that a text shows as links."""

from collections.abc import Iterator, Sequence

from chatserver.formatting.tree import (
    Block,
    Code,
    CodeBlock,
    Inline,
    Link,
    List,
    Quote,
    Rule,
    Spoiler,
    Table,
    Text,
)


def links_in(blocks: Sequence[Block]) -> list[str]:
    """The http and https addresses outside of code, spoilers and `<…>`, in order, each once."""
    return list(dict.fromkeys(_in_blocks(blocks)))


def _in_blocks(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        match block:
            case CodeBlock() | Rule():
                pass
            case Quote():
                yield from _in_blocks(block.children)
            case List():
                for item in block.items:
                    yield from _in_blocks(item.children)
            case Table():
                for row in block.rows:
                    for cell in row:
                        yield from _in_line(cell)
            case _:
                yield from _in_line(block.children)


def _in_line(nodes: Sequence[Inline]) -> Iterator[str]:
    for place, node in enumerate(nodes):
        match node:
            case Text() | Code() | Spoiler():
                pass
            case Link():
                is_web = node.href[:4].lower() == "http"
                if is_web and not _is_wrapped(nodes, place):
                    yield node.href
            case _:
                yield from _in_line(node.children)


def _is_wrapped(nodes: Sequence[Inline], place: int) -> bool:
    """Whether a node stands between `<` and `>`."""
    before, after = nodes[place - 1] if place else None, nodes[place + 1 : place + 2]
    return (
        isinstance(before, Text)
        and before.text.endswith("<")
        and any(isinstance(each, Text) and each.text.startswith(">") for each in after)
    )
