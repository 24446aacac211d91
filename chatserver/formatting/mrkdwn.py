"""Slack's marks in texts as ours. After Slack's documentation "Formatting text for app surfaces"."""

import re
from collections.abc import Callable

from chatserver.formatting import emoji
from chatserver.formatting.marks import FENCE, outside_code, single_marks

_TOKEN = re.compile(r"<([^<>\n]+)>")
_ADDRESS = re.compile(r"(https?|mailto):", re.IGNORECASE)
_EVERYBODY = {"channel": "@room", "everyone": "@room", "here": "@here"}
_BLOCK = re.compile(r"(```.*?(?:```|\Z))", re.DOTALL)  # of code
_QUOTED_REST = re.compile(r"^(?:&gt;|>){3}[ \n]?(.*)", re.DOTALL | re.MULTILINE)
_QUOTED_LINE = re.compile(r"^(?:&gt;|>) ?", re.MULTILINE)
Mention = Callable[[str], str]


def to_markdown(text: str, mention: Mention) -> str:
    """A text of Slack in our Markdown. `mention` gives the text that mentions a user of this id."""
    quoted = "".join(
        part if number % 2 else _quotes(part) for number, part in enumerate(_BLOCK.split(text))
    )
    return outside_code(
        quoted, lambda part: _plain(part, mention), lambda part: _code(part, mention)
    )


def _quotes(text: str) -> str:
    """Quotes with a space behind the mark, as ours have. `>>>` quotes all that follows."""

    def rest(match: re.Match[str]) -> str:
        return re.sub("^", "&gt; ", match[1], flags=re.MULTILINE)

    return _QUOTED_LINE.sub("&gt; ", _QUOTED_REST.sub(rest, text))


def _code(part: str, mention: Mention) -> str:
    """Slack's own marks, such as addresses, are in code as well; ours count for nothing there."""

    def shown(match: re.Match[str]) -> str:
        target, _, label = match[1].partition("|")
        return label or (_token(match[1], mention) if target[0] in "@#!" else target)

    found = _unescaped(_TOKEN.sub(shown, part))
    if not found.startswith(FENCE):
        return found
    inside = found[3:].removesuffix(FENCE).strip("\n")
    return f"```\n{inside}\n```"


def _plain(part: str, mention: Mention) -> str:
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(_token(match[1], mention))
        return f"\0{len(kept) - 1}\0"

    marked = emoji.replaced(_TOKEN.sub(keep, part.replace("\0", "\ufffd")))
    marked = _unescaped(single_marks(marked))
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], marked)


def _token(token: str, mention: Mention) -> str:
    target, _, label = token.partition("|")
    label = _unescaped(label)
    if target.startswith("@"):
        return mention(target[1:])
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        command = target[1:].split("^")[0]
        return _EVERYBODY.get(command) or label or f"@{command}"
    address = _unescaped(target)
    if not _ADDRESS.match(address) or not label or label in (address, address[7:]):
        return label if address.startswith("mailto:") and label else address
    inside = label.replace("\\", "\\\\").replace("]", "\\]").replace("[", "\\[")
    return f"[{inside}]({address.replace(')', '%29').replace('(', '%28')})"


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
