"""A real HAProxy whose servers come and go while it runs, as the endpoints of a Service do."""

import asyncio
from pathlib import Path

from tests import tools
from tests.operation.pods import SupportsServers
from tests.servers import free_port

HOST = "chat.example.org"
SLOTS = 8

# No retries and no health checks: what a server answers is what users see, and only endpoints decide.
CONFIG = """
global
    stats socket {folder}/admin level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 90s
    retries 0
frontend front
    bind 127.0.0.1:{port}
    http-request set-header Host {host}
    default_backend pods
backend pods
    balance leastconn
{servers}
"""


class HAProxy(SupportsServers):
    """On a free port of loopback. Use it with `async with`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._slots: dict[str, int] = {}
        self._free = list(range(SLOTS))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "HAProxy":
        servers = "\n".join(f"    server s{slot} 127.0.0.1:1 disabled" for slot in range(SLOTS))
        config = self._folder / "haproxy.cfg"
        config.write_text(
            CONFIG.format(folder=self._folder, port=self.port, servers=servers, host=HOST)
        )
        program = tools.need_tool("haproxy")
        self._process = await asyncio.create_subprocess_exec(program, "-db", "-f", str(config))
        async with asyncio.timeout(30):
            while not (self._folder / "admin").exists():
                await asyncio.sleep(0.02)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def set(self, name: str, port: int, is_used: bool) -> None:
        """Open connections stay; new ones go to the servers in use."""
        if is_used:
            slot = self._slots.setdefault(name, self._free[0])
            if slot in self._free:
                self._free.remove(slot)
            await self._tell(f"set server pods/s{slot} addr 127.0.0.1 port {port}")
            await self._tell(f"set server pods/s{slot} state ready")
        elif name in self._slots:
            await self._tell(f"set server pods/s{self._slots[name]} state maint")

    async def _tell(self, command: str) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self._folder / "admin"))
        writer.write(f"{command}\n".encode())
        answer = (await reader.read()).decode().strip()
        writer.close()
        assert not answer or "changed" in answer or "nothing changed" in answer, answer
