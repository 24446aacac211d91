"""An empty installation that an export is imported into, and what its users see there over HTTP."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tests.backup.users_files import ENABLED, disk_place
from tests.faults.server import PASSWORD, ForkedServer
from tests.forking import ran
from tests.servers import PATIENT_MS


class Home(ForkedServer):
    """A server with a place for files. Its users get the password of tests by `let_in`.

    As a context manager it also demands, at its end, that the server has logged no error.
    """

    def __init__(self, folder: Path, *, store: str = "sqlite", **settings: object) -> None:
        place = disk_place(folder)
        enabled = ",".join((store, *ENABLED, "receipts", str(place.pop("plugin"))))
        given = {key.replace(".", "__"): value for key, value in place.items()}
        # A busy machine may stand still for seconds: then calls of 2 s fail, with a log line and status 503.
        given |= {"plugins__deadline_seconds": 60, f"plugin__{store}__timeout_ms": PATIENT_MS}
        super().__init__(folder, store=store, plugins__enabled=enabled, **given, **settings)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, *trace: object
    ) -> None:
        try:
            if kind is None:
                assert self.stop() == 0  # in order, so that all is logged
                errors = self.errors()
                assert errors == [], errors
        finally:
            super().__exit__(kind, error, *trace)

    def moved_in(self, export: Path, form: str, *options: object) -> CompletedProcess[str]:
        """Import an export; what the command printed, and its status."""
        return self.tried("import", export, "--from", form, *options)

    def tried(self, *arguments: object) -> CompletedProcess[str]:
        """Run a command that may fail."""
        settings = [f"--set={key}={value}" for key, value in self._settings.items()]
        return ran(*arguments, f"--set=server.data={self.folder / 'data'}", *settings)

    def let_in(self, *usernames: str) -> None:
        """Give users a password, as an operator does."""
        file = self.folder / "password"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PASSWORD)
        for username in usernames:
            self.command("user", "passwd", username, "--password-file", str(file))

    def add(self, username: str) -> None:
        """Make one more account, after `let_in`."""
        self.command("user", "add", username, "--password-file", str(self.folder / "password"))

    def rooms(self, token: str) -> dict[str | None, dict[str, Any]]:
        """The rooms that a user sees, by name."""
        found = self.get("/api/v1/rooms", token).json()["rooms"]
        return {room["name"]: room for room in found}

    def messages(self, token: str, room: str) -> list[dict[str, Any]]:
        """The newest messages of a room, oldest first."""
        answer = self.get(f"/api/v1/rooms/{room}/messages?limit=100", token)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def members(self, token: str, room: str) -> dict[str, str]:
        """The roles of a room's members by their names."""
        found = self.get(f"/api/v1/rooms/{room}/members", token).json()["members"]
        return {member["username"]: member["role"] for member in found}

    def said(self, token: str, room: str) -> list[str]:
        """The texts of a room, each behind the name of who said it."""
        return [f"{each['author']['name']}: {each['body']}" for each in self.messages(token, room)]

    def file(self, token: str, room: str, message: dict[str, Any], number: int = 0) -> bytes:
        """The content of a file of a message."""
        blob = message["data"]["attachments"]["files"][number]["blob"]
        answer = self.get(f"/api/v1/rooms/{room}/messages/{message['id']}/files/{blob}", token)
        assert answer.status_code == 200, answer.text
        return answer.content
