"""Finds shortcodes in a text, in time proportional to its length."""

import re
from collections import deque
from collections.abc import Iterator, Mapping

_BACKTICKS = re.compile(r"(`+)")


def replace_outside_code(text: str, table: Mapping[str, str]) -> str:
    """The text with its shortcodes replaced, but not in code between backticks."""
    return "".join(
        part if is_code else _replace(part, table) for part, is_code in _split_code(text)
    )


def _split_code(text: str) -> Iterator[tuple[str, bool]]:
    """Alternating text and code. Code ends with as many backticks as it began with (CommonMark 6.1)."""
    parts = _BACKTICKS.split(text)
    runs: dict[int, deque[int]] = {}
    for place in range(1, len(parts), 2):
        runs.setdefault(len(parts[place]), deque()).append(place)
    start = 0
    for place in range(1, len(parts), 2):
        alike = runs[len(parts[place])]
        while alike and alike[0] <= place:
            alike.popleft()
        if place >= start and alike:
            end = alike[0] + 1
            yield "".join(parts[start:place]), False
            yield "".join(parts[place:end]), True
            start = end
    yield "".join(parts[start:]), False


def _replace(text: str, table: Mapping[str, str]) -> str:
    first, *names = text.split(":")
    done = [first]
    last = len(names) - 1
    place = 0
    while place <= last:
        emoji = table.get(names[place]) if place < last else None
        if emoji is None or _joined(done[-1]):
            done.append(f":{names[place]}")
            place += 1
        else:
            done += emoji, names[place + 1]
            place += 2
    return "".join(done)


def _joined(before: str) -> bool:
    """Whether a colon after this text is not a shortcode's: `std::fire::x`, `host:8080`, `a/b:c:d`."""
    return before[-1:].isascii() and (before[-1:].isalnum() or before[-1:] in (":", "/", "_"))
