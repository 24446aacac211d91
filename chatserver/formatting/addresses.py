"""Web addresses in a text, as the page finds them (static/lib/addresses.js)."""

import re

# \s as JavaScript has it: Python's knows other characters.
SPACES = "\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_FLAGS = re.ASCII | re.IGNORECASE
_ADDRESS = re.compile(rf"""https?://[^{SPACES}<>"'`、。「」『』（）【】]*""", _FLAGS)
_HOST = re.compile(
    r"(?:https?://(?:[^/?#]*@)?|mailto:[^@()\[\]/]+@)(\[[0-9a-f:.]+\]|[^/?#@:\[\]\\^|%]+)"
    r"(?::[0-9]{0,5})?(?=[/?#]|\Z)",
    _FLAGS,
)
_ENDS = ".,:;!?*_~|"  # that belong to the sentence, or are marks
_PAIRS = {")": "(", "]": "[", "}": "{"}


def address_at(text: str, place: int) -> tuple[int, str]:
    """What begins with a scheme here: where all that may belong to it ends, and the address; empty if it is none."""
    match = _ADDRESS.match(text, place)
    assert match is not None
    address = _without_end(match[0])
    return match.end(), address if host_of(address) else ""


def host_of(address: str) -> str | None:
    """The host of an address of http, https or mailto; None if it is none."""
    match = _HOST.match(address)
    return match[1] if match else None


def _without_end(address: str) -> str:
    """Without punctuation and brackets at the end that more likely belong to the sentence: `)` stays if `(` is in it."""
    spare = {
        close: address.count(opening) - address.count(close) for close, opening in _PAIRS.items()
    }
    end = len(address)
    while end:
        last = address[end - 1]
        if last in spare:
            if spare[last] >= 0:
                break
            spare[last] += 1
        elif last not in _ENDS:
            break
        end -= 1
    return address[:end]
