"""Fixtures: a machine, and on it each of the proxies."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.operation.proxies import upstream
from tests.operation.proxies.machine import Machine
from tests.operation.proxies.sites import ALL, INTERNAL, NODE, Proxy
from tests.waiting import wait_until

Upstream = Callable[..., None]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with Machine() as machine:
        yield machine


@pytest.fixture(scope="module", params=ALL, ids=lambda kind: kind.name)
def proxy(
    request: pytest.FixtureRequest, machine: Machine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """One that is installed, and not started."""
    made: Proxy = request.param(machine, tmp_path_factory.mktemp(request.param.name))
    made.install()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def start_upstream(machine: Machine) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a small upstream server on a port of the machine; all end with the module."""
    with ExitStack() as stack:

        def start(port: int, status: int = 0) -> subprocess.Popen[bytes]:
            command = [sys.executable, str(Path(upstream.__file__)), str(port), str(status)]
            process = subprocess.Popen([*machine.network, *command])
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture(scope="module")
def running(proxy: Proxy, start_upstream: Callable[..., object]) -> Iterator[Proxy]:
    """It runs with the files as they are, in front of a small server."""
    for port in (NODE, INTERNAL):
        if not proxy.listens(port):
            start_upstream(port)
            wait_until(lambda port=port: proxy.listens(port))
    proxy.install()
    try:
        proxy.start()
        wait_until(lambda: proxy.fetch("/").status_code == 200)
        yield proxy
    finally:
        proxy.kill()
