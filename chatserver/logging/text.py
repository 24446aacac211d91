"""The text of log entries: redaction of secrets, control characters, and a form for people."""

import re
from collections.abc import Mapping
from typing import Any

_REDACTED = (
    # user:password@ of any address, such as mongodb://
    (re.compile(r"(?<=://)[^\s/@]*:[^\s@]*@"), "***@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 ***"),
    (re.compile(r"(?i)\b((?:set-)?cookie\b[\"']?\s*[:=])\s*[^\r\n]+"), r"\1 ***"),
    (
        re.compile(
            r"(?i)\b(\w*(?:password|secret|token|api_?key|chat_session)[\"']?\s*[:=]\s*)"
            r"(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',;&)}]+)"
        ),
        r"\1***",
    ),
    # the driver's errors quote the document of the failed write
    (re.compile(r"(?i)(full error: )\{[^\r\n]*"), r"\1***"),
)
_HINT = re.compile(r"(?i)://|bearer|basic|cookie|password|secret|token|key|session|full error")
# C0 and C1 controls, line separators, and marks that change the direction of text.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_COLOURS = {"warning": "33", "error": "31", "critical": "1;31", "debug": "2", "trace": "2"}
_ELSEWHERE = {"timestamp", "level", "message", "service", "version", "logger", "error"}


def redact(text: str) -> str:
    """The text without parts that look like credentials: only a second line of defence."""
    if not _HINT.search(text):
        return text
    for pattern, replacement in _REDACTED:
        text = pattern.sub(replacement, text)
    return text


def visible(text: str) -> str:
    """The text on one line, with control characters escaped."""
    return CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def pretty(entry: Mapping[str, Any], *, colour: bool) -> str:
    """An entry for a person: one line, then the error's stack."""
    level = str(entry["level"])
    label = f"{level.upper():<8}"
    if colour and level in _COLOURS:
        label = f"\x1b[{_COLOURS[level]}m{label}\x1b[0m"
    fields = [f"{name}={value}" for name, value in entry.items() if name not in _ELSEWHERE]
    parts = [str(entry["message"]), *fields]
    line = f"{entry['timestamp'][11:23]} {label} {visible('  '.join(parts))}\n"
    error = entry.get("error")
    if error is None:
        return line
    stack = str(error["stack"]).splitlines()
    return line + "".join(f"    {visible(part)}\n" for part in stack)
