"""What a process hands over to the one that replaces it: open files, by their numbers."""

import os

import msgspec

VARIABLE = "_CHATSERVER_HANDOVER"  # the environment variable that holds it


class Bequest(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of files that a new process inherits, and what they are open at.

    An address is HOST and port as configured; the new process takes the sockets only if its configuration
    says the same. `public` and `internal` are the listening sockets of each worker, or those of the one
    process. The lock is that of the folder `data`; `locks` are those of the workers' folders.
    """

    link: int = -1  # the socket by which the two processes talk
    pid: int
    data: str
    lock: int
    locks: tuple[int, ...] = ()
    public_at: tuple[str, int]
    internal_at: tuple[str, int]
    public: tuple[tuple[int, ...], ...]
    internal: tuple[tuple[int, ...], ...]
    own: tuple[int, ...] = ()  # each worker's socket for the other processes

    def files(self) -> list[int]:
        """The numbers of all files but the link."""
        each = [number for group in (*self.public, *self.internal) for number in group]
        return [self.lock, *self.locks, *each, *self.own]


def encoded(bequest: Bequest) -> str:
    return msgspec.json.encode(bequest).decode()


def bequest_of_this_process() -> Bequest | None:
    """What this process was handed over; None if it replaces none. Removes it from the environment."""
    text = os.environ.pop(VARIABLE, None)
    return None if text is None else msgspec.json.decode(text, type=Bequest)
