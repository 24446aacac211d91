"""A drill's client of the server: uses the HTTP API as any client does. It blocks."""

import http.client
import json
from typing import Any

from chatserver.errors import StartupError

SECONDS = 10.0  # longer than the server waits for a hanging store


class RequestFailed(StartupError):
    """The server refused a request or did not answer."""


class Client:
    """One user's connection, reopened after a loss."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        self._headers = {"Content-Type": "application/json"}

    def sign_up(self, username: str, password: str) -> None:
        self._enter("register", username, password)

    def sign_in(self, username: str, password: str) -> None:
        self._enter("login", username, password)

    def post(self, path: str, **body: str) -> Any:
        """The answer to a request below /api/v1. Raises `RequestFailed`."""
        return self._ask("POST", f"/api/v1/{path}", json.dumps(body))

    def get(self, path: str) -> Any:
        """Raises `RequestFailed`."""
        return self._ask("GET", path, None)

    def close(self) -> None:
        self._connection.close()

    def _enter(self, door: str, username: str, password: str) -> None:
        token = self.post(door, username=username, password=password)["token"]
        self._headers["Authorization"] = f"Bearer {token}"

    def _ask(self, method: str, path: str, body: str | None) -> Any:
        try:
            self._connection.request(method, path, body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise RequestFailed(f"{method} {path}: {error!r}") from error
        if not 200 <= answer.status < 300:
            raise RequestFailed(
                f"{method} {path}: {answer.status} {text[:200].decode(errors='replace')}"
            )
        return json.loads(text) if text else None
