"""Settings that were renamed. A configuration that has an old name is refused, with the new one in the message."""

import re

RENAMED: dict[str, str] = {}  # old key -> new key; NAME stands for the name of a table


def successor(key: str) -> str:
    """What a key is called now; "" if it was not renamed."""
    for old, new in RENAMED.items():
        if found := re.fullmatch(re.escape(old).replace("NAME", "([^.]+)"), key):
            return new.replace("NAME", found[1]) if found.groups() else new
    return ""
