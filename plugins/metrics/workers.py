"""Combines the metrics of all workers of a server, whichever of them is scraped."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily

ASK_SECONDS = 1.0  # half of a plugin's deadline (plugins.deadline_seconds)
ANSWER_BYTES = 16 * 1024 * 1024

# The query `workers=own` asks for the metrics of one worker only.
REQUEST = "GET {path}?workers=own HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n"
UP = GaugeMetricFamily("chatserver_worker_up", "1 if the worker answers", labels=["worker"])
UP_HEADING = f"# HELP {UP.name} {UP.documentation}\n# TYPE {UP.name} {UP.type}\n"
OPEN_METRICS_END = "# EOF\n"


async def together(ports: Sequence[int], path: str, accept: str, end: str = "") -> bytes:
    """All workers' metrics in the format that `accept` asks for, each sample with the label `worker`.

    `end` ends a page in that format. Samples are not added up: readers can sum over the label.
    """
    pages = await asyncio.gather(*(_ask(port, path, accept) for port in ports))
    return await asyncio.to_thread(combined, pages, end)  # 0.4 µs of the processor for each sample


def combined(pages: Sequence[str | None], end: str = "") -> bytes:
    """One page of the workers' pages. They stay text, so that exemplars and any type pass as they are.

    A page is None if its worker does not answer; one that is cut off counts as none.
    """
    whole = [page if page and page.endswith("\n" + end) else None for page in pages]
    families: dict[str, list[str]] = {}
    for worker, page in enumerate(whole, 1):
        for heading, samples in _families((page or "").removesuffix(end)).items():
            # Prometheus wants all samples of a family to stand together.
            families.setdefault(heading, []).extend(_labelled(samples, worker))
    up = [f"{UP.name} {float(bool(page))}" for page in whole]
    told = [line for worker, each in enumerate(up, 1) for line in _labelled([each], worker)]
    parts = [
        UP_HEADING,
        *told,
        *(part for family in families.items() for part in (family[0], *family[1])),
    ]
    return "".join([*parts, end]).encode()


def _families(page: str) -> Mapping[str, Sequence[str]]:
    """The lines of samples by their heading: the lines with the family's text, type and unit."""
    found: dict[str, list[str]] = {}
    heading, samples = "", list[str]()
    for line in page.split("\n")[:-1]:
        if not line.startswith("# "):
            samples.append(line)
        elif samples or line.startswith("# HELP "):
            found[heading] = samples
            heading, samples = f"{line}\n", []
        else:
            heading += f"{line}\n"
    found[heading] = samples
    return found


def _labelled(samples: Iterable[str], worker: int) -> Iterable[str]:
    """The lines with one label more, ahead of the others: what follows a name is not looked at."""
    for line in samples:
        name, brace, rest = line.partition("{")
        if brace and " " not in name:
            yield f'{name}{{worker="{worker}",{rest}\n'
        else:  # no labels; a brace would be that of an exemplar
            name, _, rest = line.partition(" ")
            yield f'{name}{{worker="{worker}"}} {rest}\n'


async def _ask(port: int, path: str, accept: str) -> str | None:
    """One worker's metrics, or None if it does not answer."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            answer = await _answer(port, REQUEST.format(path=path, accept=accept).encode())
    except (OSError, TimeoutError):
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return body.decode() if head.split(b" ", 2)[1:2] == [b"200"] else None


async def _answer(port: int, request: bytes) -> bytes:
    """The answer of a port until it closes, at most ANSWER_BYTES."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = await reader.read(ANSWER_BYTES)
        while part := await reader.read(ANSWER_BYTES - len(answer)):
            answer += part
        return answer
    finally:
        writer.close()
