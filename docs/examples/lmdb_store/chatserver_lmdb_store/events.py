"""Events as the file has them: JSON."""

from typing import Any

import msgspec

from chatserver import read_event

encode = msgspec.json.encode


def decoded(text: bytes, kind: Any) -> Any:
    """The event; None if a newer version wrote it and `kind` is not `AnyEvent`."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError:
        return read_event(msgspec.json.decode(text), kind)
