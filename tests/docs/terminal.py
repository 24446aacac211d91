"""A reader of the quick start: one shell for the commands, others for what keeps running."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

DONE = "-- done:"
COMMAND_SECONDS = 120
START_SECONDS = 60


class Terminal:
    """Runs blocks of shell commands in one shell, each to its end; a failing one raises."""

    def __init__(self, folder: Path, environ: Mapping[str, str], port: int) -> None:
        self._folder, self._environ, self._port = folder, dict(environ), port
        self._running: list[subprocess.Popen[bytes]] = []
        self._printed = folder / ".printed"

    def run(self, text: str) -> str:
        """The output of the commands. Variables and functions last, as in a shell that stays open."""
        state = self._folder / ".shell"
        script = f"[ ! -e {state} ] || . {state}\nset -euo pipefail\n{text}\n" + _KEEP.format(state)
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, text: str) -> None:
        """Leave the commands running, as in another terminal with the same variables."""
        state = self._folder / ".shell"
        with self._printed.open("ab") as printed:
            self._running.append(
                subprocess.Popen(
                    ["bash", "-c", f"[ ! -e {state} ] || . {state}\n{text}"],
                    cwd=self._folder,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    def printed(self) -> str:
        """What all that was left running has printed."""
        return self._printed.read_text()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._running[-1].poll() is None, f"the server ended\n{self.printed()}"
            try:
                urllib.request.urlopen(f"http://localhost:{self._port}/health/ready").close()
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("the server did not get ready")

    def stop(self) -> None:
        """Ctrl+C in all terminals where something runs, the last one first."""
        while self._running:
            process = self._running.pop()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


# Functions, and the variables that a reader would set: those in capitals, exported ones as such.
_KEEP = "{{ declare -f; declare -p TOKEN ROOM CHATSERVER_PLUGIN__MONGO__URI CHATSERVER_SERVER__DATA || true; }} >{0} 2>&-\n"
