"""What the marks of several chats have in common: code, in which nothing counts, and single marks."""

import re
from collections.abc import Callable

FENCE = "```"
_CODE = re.compile(r"(```.*?(?:```|\Z)|``[^`\n]+``|`[^`\n]+`)", re.DOTALL)
_BOLD = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])")
_STRUCK = re.compile(r"(?<![\w~])~(?=[^\s~])([^~\n]*[^\s~])~(?![\w~])")


def outside_code(text: str, change: Callable[[str], str], code: Callable[[str], str] = str) -> str:
    """The text with all that is not code changed by one function, and code by another."""
    parts = _CODE.split(text)
    return "".join(code(part) if number % 2 else change(part) for number, part in enumerate(parts))


def single_marks(text: str) -> str:
    """`*bold*` and `~struck~` of chats that write so, as ours; a text without code."""
    return _STRUCK.sub(r"~~\1~~", _BOLD.sub(r"**\1**", text))
