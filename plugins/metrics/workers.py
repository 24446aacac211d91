"""The figures of all workers of a server in one answer, whichever of them is asked."""

import asyncio
import re
from collections.abc import Sequence

ASK_SECONDS = 1.0  # of the two that a plugin has (plugins.deadline_seconds)
ANSWER_BYTES = 16 * 1024 * 1024

# The query `workers=own` asks for the figures of one worker alone.
REQUEST = "GET {path}?workers=own HTTP/1.0\r\nHost: localhost\r\n\r\n"
UP = """\
# HELP chatserver_worker_up 1 if the worker answers
# TYPE chatserver_worker_up gauge
chatserver_worker_up {}
"""
_BLOCK = re.compile(r"\n(?=# HELP )")
_NAME = re.compile(r"(\{| )")  # what ends a sample's name: its labels, or its value


async def together(ports: Sequence[int], path: str) -> bytes:
    """All workers' figures in the text format, each with the label `worker`.

    Nothing is added up: readers can sum over the label.
    """
    texts = await asyncio.gather(*(_ask(port, path) for port in ports))
    metrics: dict[str, list[str]] = {}  # by name: the two lines about it, and its samples
    for number, text in enumerate(texts, 1):
        _add(metrics, number, UP.format(int(text is not None)) + (text or ""))
    return "".join(f"{line}\n" for lines in metrics.values() for line in lines).encode()


async def _ask(port: int, path: str) -> str | None:
    """One worker's figures, or None if it does not answer."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            answer = await _answer(port, REQUEST.format(path=path).encode())
    except (OSError, TimeoutError):
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return body.decode() if head.split(b" ", 2)[1:2] == [b"200"] else None


async def _answer(port: int, request: bytes) -> bytes:
    """All that a port answers before it closes, as far as ANSWER_BYTES."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = await reader.read(ANSWER_BYTES)
        while part := await reader.read(ANSWER_BYTES - len(answer)):
            answer += part
        return answer
    finally:
        writer.close()


def _add(metrics: dict[str, list[str]], worker: int, text: str) -> None:
    for block in _BLOCK.split(text):
        about, kind, *samples = block.removesuffix("\n").split("\n")
        lines = metrics.setdefault(about.split(" ")[2], [about, kind])
        lines += (_labelled(sample, worker) for sample in samples)


def _labelled(sample: str, worker: int) -> str:
    """A line of the format, with one label more."""
    name, end, rest = _NAME.split(sample, 1)
    label = f'worker="{worker}"'
    return f"{name}{{{label},{rest}" if end == "{" else f"{name}{{{label}}} {rest}"
