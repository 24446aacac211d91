"""Directs the kernel's choice among the sockets that share a port, for new connections.

All sockets stay open, so connections already queued at a socket are still served, and none is ever reset.
Only Linux can do this; elsewhere every socket keeps its share.
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Sequence

from loguru import logger

# From asm-generic/socket.h and linux/filter.h; Python has no names for them.
ATTACH_CBPF = 51  # SO_ATTACH_REUSEPORT_CBPF: see socket(7)
RANDOM = 0xFFFFF000 + 56  # SKF_AD_OFF + SKF_AD_RANDOM: loads a random number
LOAD, MODULO, JUMP_IF_EQUAL, RETURN = 0x20, 0x94, 0x15, 0x06


class Steering:
    """The sockets of all workers: at each address one for each worker, in their order."""

    def __init__(
        self, sockets: Sequence[Sequence[socket.socket]], *, inherited: bool = False
    ) -> None:
        """`sockets` of each worker, in the order of binding, by which the kernel numbers them.

        If they are `inherited`, another process may have directed the kernel before.
        """
        self._groups = list(sockets[0])
        self._everybody = list(range(len(sockets)))
        self._now = [] if inherited else self._everybody

    def to(self, places: Sequence[int]) -> None:
        """Direct new connections to these workers, counted from 0; to all if the list is empty."""
        wanted = list(places) or self._everybody
        if wanted == self._now or sys.platform != "linux":
            return
        self._now = wanted
        code = program(wanted)
        buffer = ctypes.create_string_buffer(code)
        filter = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
        try:
            for each in self._groups:
                each.setsockopt(socket.SOL_SOCKET, ATTACH_CBPF, filter)
        except OSError as error:
            logger.warning(
                "workers that drain or stand still keep getting connections: {}", error.strerror
            )


def program(places: Sequence[int]) -> bytes:
    """The program for the kernel, which chooses one of these places at random."""
    steps = [(LOAD, 0, 0, RANDOM), (MODULO, 0, 0, len(places))]
    for number, place in enumerate(places):
        steps += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, place)]
    steps.append((RETURN, 0, 0, places[0]))  # never reached, but a program must end with a return
    return b"".join(struct.pack("HBBI", *step) for step in steps)
