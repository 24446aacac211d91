"""Tells systemd of the state of this process: the protocol of sd_notify(3), for `Type=notify`."""

import os
import socket
from contextlib import suppress

VARIABLE = "NOTIFY_SOCKET"


def notify(*lines: str) -> None:
    """Send assignments such as `READY=1`. Does nothing where systemd, or what stands for it, does not listen."""
    path = os.environ.get(VARIABLE, "")
    if path[:1] not in ("/", "@"):
        return
    address = "\0" + path[1:] if path[0] == "@" else path  # @ is an abstract address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect(address)
        out.send("\n".join(lines).encode())
