"""Users who write while the server is killed, and the record of their acknowledged messages."""

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chatserver.copies.drill.client import Client, RequestFailed

PEOPLE = 8
ROOMS = 4
PAUSE_SECONDS = 0.04  # between two messages of a user: all users send about 150 a second
PASSWORD = "only for this drill"  # noqa: S105
PAGE = 1000

Place = tuple[str, int]  # a room and a seq


class Sent(NamedTuple):
    """An acknowledged message; `at` is a time of the monotonic clock."""

    client_id: str
    at: float


class WritingUser(threading.Thread):
    """Sends messages, one by one, until stopped; repeats failed ones, as clients do."""

    def __init__(self, client: Client, name: str, rooms: Sequence[str]) -> None:
        super().__init__(name=name, daemon=True)
        self.sent: dict[Place, Sent] = {}
        self._client, self._rooms = client, rooms
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        number = 0
        while not self._stopped.wait(PAUSE_SECONDS):
            with contextlib.suppress(RequestFailed):
                self._send(self._rooms[number % len(self._rooms)], f"{self.name} {number}")
                number += 1

    def _send(self, room: str, client_id: str) -> None:
        path = f"rooms/{room}/messages"
        event = self._client.post(path, body=f"message {client_id}", client_id=client_id)
        self.sent[room, event["seq"]] = Sent(client_id, time.monotonic())


class People:
    """All users who write, each with an account, in the same few rooms."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.rooms: list[str] = []
        self._clients: list[Client] = []
        self._writers: list[WritingUser] = []
        self._shift = 0
        self._back = 0  # seq of the first message after the restore, in the first room

    def settle(self) -> None:
        """Make the accounts and the rooms. Raises `RequestFailed`."""
        self._clients = [Client(self._port) for _ in range(PEOPLE)]
        for name, client in self._named():
            client.sign_up(name, PASSWORD)
        first = self._clients[0]
        for number in range(ROOMS):
            room = first.post("rooms", name=f"Drill {number}", kind="public")["id"]
            self.rooms.append(room)
            for client in self._clients[1:]:
                client.post(f"rooms/{room}/join")

    def come_back(self) -> None:
        """Sign in again and send a message that is acknowledged. Raises `RequestFailed`."""
        self._shift += 1
        self.leave()
        self._clients = [Client(self._port) for _ in range(PEOPLE)]
        for name, client in self._named():
            client.sign_in(name, PASSWORD)
            if name == "drill0":
                path = f"rooms/{self.rooms[0]}/messages"
                back = client.post(path, body="back again", client_id=f"back {self._shift}")
                self._back = back["seq"]

    def begin(self) -> None:
        """Let all users begin to write."""
        self._writers = [
            WritingUser(client, f"{name} {self._shift}", self.rooms)
            for name, client in self._named()
        ]
        for writer in self._writers:
            writer.start()

    def end(self) -> dict[Place, Sent]:
        """Stop all users, also if the server does not answer. Returns the acknowledged messages."""
        for writer in self._writers:
            writer.stop()
        for writer in self._writers:
            writer.join()
        sent: dict[Place, Sent] = {}
        for writer in self._writers:
            sent |= writer.sent
        self._writers = []
        return sent

    def logs(self) -> dict[str, list[Any]]:
        """All events of their rooms from before the restore. Raises `RequestFailed`."""
        logs = {room: list(self._events(room)) for room in self.rooms}
        del logs[self.rooms[0]][self._back - 1 :]
        return logs

    def leave(self) -> None:
        for client in self._clients:
            client.close()

    def _named(self) -> Iterable[tuple[str, Client]]:
        return ((f"drill{number}", client) for number, client in enumerate(self._clients))

    def _events(self, room: str) -> Iterable[Any]:
        after = 0
        path = f"/api/v1/rooms/{room}/events?limit={PAGE}&after="
        while page := self._clients[0].get(f"{path}{after}")["events"]:
            yield from page
            after = page[-1]["seq"]


def lost(sent: Mapping[Place, Sent], logs: Mapping[str, Sequence[Any]]) -> list[Sent]:
    """The acknowledged messages that are not in the logs. Raises `ValueError` if a log is wrong.

    A log must be a prefix of the former one: no gaps, and the same message at each acknowledged seq.
    """
    for room, events in logs.items():
        if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
            raise ValueError(f"room {room}: its log has a gap")
    missing = []
    for (room, seq), message in sent.items():
        if seq > len(logs[room]):
            missing.append(message)
        elif logs[room][seq - 1].get("client_id") != message.client_id:
            raise ValueError(f"room {room}: event {seq} is not the one that was acknowledged")
    return missing
