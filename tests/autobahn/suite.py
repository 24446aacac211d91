"""Runs the Autobahn test suite against echo.py and judges its report.

The suite exists for Python 2.7 alone, so it gets an environment of its own.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.servers import free_port

PACKAGE = "autobahntestsuite==25.10.1"
# In two runs of about the same length, side by side: the suite uses one core.
ALL_CASES = (
    [*(f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 9, 10)), "12.*"],
    ["13.*"],
)
CASE_COUNT = 517
# Everything but the large messages, with one case for each kind of compression.
QUICK_CASES = [*(f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 10)), "12.1.1", "13.1.1"]
QUICK_COUNT = 249

# The suite's own words. FAILED, UNCLEAN, WRONG CODE, UNIMPLEMENTED and whatever else are failures.
GOOD = frozenset(("OK", "NON-STRICT", "INFORMATIONAL"))

START_SECONDS = 60


class SuiteError(Exception):
    """The suite did not run to its end."""


def find_python() -> str | None:
    """A Python 2.7 that runs."""
    candidates = [shutil.which("python2.7")]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates += [str(path) for path in pyenv.glob("versions/2.7*/bin/python2.7")]
    for candidate in candidates:
        if candidate and not subprocess.run([candidate, "-c", ""], capture_output=True).returncode:
            return candidate
    return None


def install(python: str, folder: Path) -> Path:
    """The suite's wstest, in an environment in the folder; installed if it isn't there yet."""
    wstest = folder / "bin" / "wstest"
    if wstest.exists():
        return wstest
    # 20.22 dropped Python 2.7.
    tool = folder.with_name(f"{folder.name}-virtualenv")
    _run([sys.executable, "-m", "venv", str(tool)])
    _run([str(tool / "bin" / "pip"), "install", "--quiet", "virtualenv<20.22"])
    _run([str(tool / "bin" / "virtualenv"), "--quiet", "--python", python, str(folder)])
    _run([str(folder / "bin" / "pip"), "install", "--quiet", PACKAGE])
    return wstest


def run(wstest: Path, cases: list[str], folder: Path) -> dict[str, str]:
    """Run the cases against an echo server of our own; gives the worse verdict of each case."""
    port = free_port()
    report = folder / "report"
    spec = {
        "outdir": str(report),
        "servers": [{"agent": "chatserver", "url": f"ws://127.0.0.1:{port}"}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    spec_file = folder / "spec.json"
    spec_file.write_text(json.dumps(spec))
    server = subprocess.Popen([sys.executable, "-m", "tests.autobahn.echo", str(port)])
    try:
        _await_port(port)
        with (folder / "wstest.log").open("w") as log:
            # Its exit status is 0 whatever happened: only the report counts.
            subprocess.run(
                [str(wstest), "-m", "fuzzingclient", "-s", str(spec_file)],
                stdout=log, stderr=log, cwd=folder, check=True,
            )  # fmt: skip
    finally:
        server.terminate()
        server.wait()
    return judge(report / "index.json")


def run_all(wstest: Path, folder: Path) -> dict[str, str]:
    def run_part(number: int) -> dict[str, str]:
        part = folder / str(number)
        part.mkdir()
        return run(wstest, ALL_CASES[number], part)

    with ThreadPoolExecutor() as pool:
        first, second = pool.map(run_part, range(len(ALL_CASES)))
    return first | second


def judge(index: Path) -> dict[str, str]:
    """For each case OK, or what was wrong with its behaviour or its closing handshake."""
    if not index.exists():
        raise SuiteError("the suite wrote no report")
    cases: dict[str, dict[str, Any]] = json.loads(index.read_text()).get("chatserver", {})
    return {name: _verdict(case) for name, case in cases.items()}


def _verdict(case: dict[str, Any]) -> str:
    behaviour, close = str(case["behavior"]), str(case["behaviorClose"])
    return behaviour if behaviour not in GOOD or close in GOOD else f"close {close}"


def summary(verdicts: dict[str, str]) -> str:
    counts = Counter(verdicts.values())
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def failures(verdicts: dict[str, str]) -> dict[str, str]:
    return {name: verdict for name, verdict in verdicts.items() if verdict not in GOOD}


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SuiteError(f"{command[0]}: {done.stderr}")


def _await_port(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > until:
                raise SuiteError("the echo server did not start") from None
            time.sleep(0.05)
