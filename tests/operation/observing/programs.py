"""The real programs as processes on free ports of loopback, ended by their pid."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.servers import free_port
from tests.tools import need_tool
from tests.waiting import wait_until


class Program:
    """A context manager; `start` also starts it again. `{port}` in its command is its port.

    `within` is a command that becomes this one.
    """

    def __init__(
        self,
        folder: Path,
        tool: str,
        *arguments: str,
        ready: str = "",
        within: Sequence[str] = (),
    ) -> None:
        self.port = free_port()
        given = [each.format(port=self.port) for each in arguments]
        self._command = [*within, need_tool(tool), *given]
        self._log = folder / f"{tool}.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._answers)

    def kill(self) -> None:
        """End it as a crash does; nothing happens if it does not run."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"http://{self.address}{self._ready}").status_code == 200
        except httpx.TransportError:
            return False


class Prometheus(Program):
    """Prometheus with its data in `folder`."""

    def __init__(self, folder: Path, config: Path) -> None:
        super().__init__(
            folder,
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--web.listen-address=127.0.0.1:{port}",
            "--rules.alert.resend-delay=1s",
            ready="/-/ready",
        )

    def firing(self) -> set[tuple[str, str]]:
        """Name and instance of the alerts that fire now; the instance is empty if the alert has none."""
        found = self._get("/api/v1/alerts")["alerts"]
        return {
            (alert["labels"]["alertname"], alert["labels"].get("instance", ""))
            for alert in found
            if alert["state"] == "firing"
        }

    def query(self, text: str) -> Sequence[Mapping[str, Any]]:
        """The series of an instant query."""
        result: list[Mapping[str, Any]] = self._get("/api/v1/query", query=text)["result"]
        return result

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        answer = httpx.get(f"http://{self.address}{path}", params=params)
        answer.raise_for_status()
        data: dict[str, Any] = answer.json()["data"]
        return data


class Alertmanager(Program):
    """Alertmanager without a cluster."""

    def __init__(self, folder: Path, config: Path) -> None:
        super().__init__(
            folder,
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={folder / 'alertmanager'}",
            "--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            ready="/-/ready",
        )
