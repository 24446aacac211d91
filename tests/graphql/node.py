"""A script of Node.js that prints a line of JSON for whatever happens to it."""

import asyncio
import json
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LINE_SECONDS = 60.0


class Node:
    """`async with Node(script, *arguments) as node: line = await node.line()`."""

    def __init__(self, script: Path, *arguments: object) -> None:
        self._script, self._arguments = script, [str(argument) for argument in arguments]

    async def __aenter__(self) -> Self:
        self._process: Process = await asyncio.create_subprocess_exec(
            "node", self._script.name, *self._arguments, cwd=self._script.parent, stdout=PIPE
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), LINE_SECONDS)
        assert line, "the client has ended"
        found: dict[str, Any] = json.loads(line)
        return found

    async def ended(self) -> int:
        """The exit status."""
        return await asyncio.wait_for(self._process.wait(), LINE_SECONDS)
