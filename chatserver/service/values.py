"""Values that plugins and clients give, as they go into the log: checked, bounded, in JSON's own types."""

from typing import Any, NoReturn

import msgspec

from chatserver.errors import ChatError

MOST_BYTES = 16_384  # of one value, whatever its own bound
DEPTH = 16  # of objects and lists in each other
KEY_CHARS = 256
INT_MOST = 2**63 - 1  # BSON holds no more


def canonical(name: str, schema: Any, max_bytes: int, value: Any) -> Any:
    """The value as it is stored: of the schema's type, without unknown fields, in JSON's own types.

    `name` is that of the namespace or kind. Raises `ChatError` message.data_invalid.
    """
    most = min(max_bytes, MOST_BYTES)
    try:
        # A plugin may give a struct, which is read again like what a client sends.
        typed = msgspec.convert(msgspec.to_builtins(value), schema)
        encoded = msgspec.json.encode(typed)
        made = msgspec.json.decode(encoded)
        # What comes back must be readable, too: a type may write what it does not read.
        msgspec.convert(made, schema)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `")
        refuse(name, "shape", f"{text}.", path.rstrip("`") or "$")
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        refuse(name, "shape", str(error))
    if len(encoded) > most:
        refuse(name, "large", f"At most {most} bytes are allowed.")
    _check(name, made, "$", DEPTH)
    return made


def _check(name: str, value: Any, path: str, depth: int) -> None:
    """Refuse what not every store keeps: deep values, large numbers, some keys."""
    if isinstance(value, int) and not -INT_MOST <= value <= INT_MOST:
        refuse(name, "shape", "The number is too large.", path)
    if not isinstance(value, dict | list):
        return
    if not depth:
        refuse(name, "shape", f"At most {DEPTH} objects and lists in each other.", path)
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        if isinstance(key, str) and not _is_key(key):
            refuse(name, "shape", "A key has 1 to 256 characters, does not begin with $.", path)
        _check(name, each, f"{path}.{key}", depth - 1)


def _is_key(key: str) -> bool:
    return 0 < len(key) <= KEY_CHARS and key[0] != "$" and "\0" not in key


def refuse(name: str, reason: str, text: str, path: str = "$") -> NoReturn:
    """Raise `ChatError` message.data_invalid; `path` is the place in the value."""
    detail: dict[str, object] = {"namespace": name[:100], "path": path[:200], "reason": reason}
    raise ChatError("message.data_invalid", f"{name[:100]}: {text}", detail=detail)
