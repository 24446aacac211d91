"""What a directory tells of a person."""

from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """A person of the directory, whose password was right. `groups` are names (`cn`)."""

    subject: str
    username: str
    name: str
    email: str
    groups: tuple[str, ...]


class DirectoryAway(Exception):
    """No server of the directory answered, or it refused the server's own requests."""


class Lookup(Protocol):
    """A way to ask a directory."""

    async def look_up(self, username: str, password: str) -> Entry | None:
        """The person of this name and password, or None. Raises `DirectoryAway`."""

    def close(self) -> None: ...
