"""oidc-provider-mock, a provider that others wrote, as its own process on a free port."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import free_port
from tests.waiting import wait_until


class Mock:
    """The running provider."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def register(self, redirect: str, way: str) -> tuple[str, str]:
        """The id and secret of a new client; `way` is a `token_endpoint_auth_method`."""
        body = {"redirect_uris": [redirect], "token_endpoint_auth_method": way}
        found = self._send("POST", "/oauth2/clients", body)
        return found["client_id"], found["client_secret"]

    def _send(self, method: str, path: str, body: object) -> Any:
        request = urllib.request.Request(
            self.issuer + path,
            method=method,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def mocking(folder: Path, *people: Mapping[str, Any]) -> Iterator[Mock]:
    """The provider with these people, each with `sub` and further claims; it knows only registered clients."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    command += ["--require-registration", "true", "--require-nonce", "true"]
    for person in people:
        command += ["--user-claims", json.dumps(person)]
    with (folder / "mock.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(port) or process.poll() is not None)
        assert process.poll() is None, (folder / "mock.log").read_text()
        yield Mock(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        address = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
