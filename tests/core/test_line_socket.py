"""The socket by which commands reach a server."""

import os
from pathlib import Path

from chatserver.process.line_socket import LineSocket


def listening(path: Path) -> int:
    """The number of sockets, open or not yet closed, that were bound to a path. Linux only."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return sum(line.endswith(f"/{path.name}") for line in lines)


async def test_a_second_start_leaves_no_socket_behind(tmp_path: Path) -> None:
    async def answer(line: bytes) -> bytes:
        return line

    place = tmp_path / f"{os.getpid()}.sock"
    lines = LineSocket(place, answer)
    await lines.start()
    await lines.start()
    assert listening(place) == 1
    await lines.stop()
    assert not place.exists()
