"""The version since which each public name is there, as chatserver/authoring/since.json has it."""

from pathlib import Path

import msgspec

from chatserver.version import __version__

RECORD = Path(__file__).parents[1] / "chatserver/authoring/since.json"
MINOR = ".".join(__version__.split(".")[:2])


def recorded() -> dict[str, dict[str, str]]:
    """The version of each name, such as 0.1, by kind."""
    if not RECORD.exists():
        return {}
    found: dict[str, dict[str, str]] = msgspec.json.decode(RECORD.read_bytes())
    return found


def since(kind: str, name: str) -> str:
    """The sentence for the reference."""
    return f"Since {recorded().get(kind, {}).get(name, MINOR)}."
