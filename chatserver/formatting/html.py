"""A formatted text as HTML of a few elements. All that somebody typed is escaped: there is no way for markup of theirs."""

from collections.abc import Sequence
from html import escape

from chatserver.formatting.tree import (
    Align,
    Block,
    Code,
    CodeBlock,
    Em,
    Heading,
    Inline,
    Item,
    Link,
    List,
    Paragraph,
    Quote,
    Rule,
    Spoiler,
    Strike,
    Strong,
    Table,
    Text,
)

_ALIGN = {"start": ' align="left"', "center": ' align="center"', "end": ' align="right"', None: ""}
_SIGN = {True: "☑ ", False: "☐ ", None: ""}
_REL = "noopener noreferrer nofollow"
_TOP = 2  # headings of messages stand below those of the page around them


def to_html(blocks: Sequence[Block]) -> str:
    return "".join(map(_block, blocks))


def _block(node: Block) -> str:
    match node:
        case CodeBlock():
            language = f' class="language-{escape(node.language)}"' if node.language else ""
            return f"<pre><code{language}>{escape(node.text)}</code></pre>"
        case Rule():
            return "<hr>"
        case Quote():
            return f"<blockquote>{to_html(node.children)}</blockquote>"
        case List():
            name = "ul" if node.start is None else "ol"
            start = "" if node.start in (None, 1) else f' start="{node.start}"'
            return f"<{name}{start}>{''.join(map(_item, node.items))}</{name}>"
        case Table():
            head, *rows = (zip(row, node.align, strict=True) for row in node.rows)
            body = "".join(
                f"<tr>{''.join(_cell('td', *cell) for cell in row)}</tr>" for row in rows
            )
            first = "".join(_cell("th", *cell) for cell in head)
            return f"<table><thead><tr>{first}</tr></thead><tbody>{body}</tbody></table>"
        case Heading():
            name = f"h{node.level + _TOP}"
            return f"<{name}>{_inline(node.children)}</{name}>"
    return f"<p>{_inline(node.children)}</p>"


def _item(item: Item) -> str:
    """An item's first paragraph is its own text."""
    own, rest = "", item.children
    if rest and isinstance(rest[0], Paragraph):
        own, rest = _inline(rest[0].children), rest[1:]
    return f"<li>{_SIGN[item.checked]}{own}{to_html(rest)}</li>"


def _cell(name: str, nodes: Sequence[Inline], align: Align | None) -> str:
    return f"<{name}{_ALIGN[align]}>{_inline(nodes)}</{name}>"


def _inline(nodes: Sequence[Inline]) -> str:
    return "".join(map(_node, nodes))


def _node(node: Inline) -> str:
    match node:
        case Text():
            return escape(node.text).replace("\n", "<br>")
        case Code():
            return f"<code>{escape(node.text)}</code>"
        case Em():
            return f"<em>{_inline(node.children)}</em>"
        case Strong():
            return f"<strong>{_inline(node.children)}</strong>"
        case Strike():
            return f"<del>{_inline(node.children)}</del>"
        case Spoiler():
            return f'<span class="spoiler">{_inline(node.children)}</span>'
        case Link():
            href = escape(node.href)
            link = f'<a href="{href}" title="{href}" rel="{_REL}">{_inline(node.children)}</a>'
            return f"{link} ({href})" if node.elsewhere else link
