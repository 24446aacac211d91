"""New connections go to the intended sockets, and no waiting connection is lost."""

import socket
from collections.abc import Iterator, Sequence

import pytest

from chatserver.cluster.workers.steering import Steering, program

MANY = 200


class Port:
    """A port of loopback that three listeners share."""

    def __init__(self) -> None:
        self.listeners = [self._listener(0)]
        self.number = self.listeners[0].getsockname()[1]
        self.listeners += [self._listener(self.number) for _ in range(2)]
        self.steering = Steering([[each] for each in self.listeners])
        self.clients: list[socket.socket] = []
        self.accepted: list[socket.socket] = []

    def _listener(self, port: int) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(("127.0.0.1", port))
        made.listen(MANY)
        made.setblocking(False)
        return made

    def connect(self, count: int) -> None:
        address = ("127.0.0.1", self.number)
        self.clients += [socket.create_connection(address, 60) for _ in range(count)]

    def accept(self) -> list[int]:
        """Accept all waiting connections; returns their number at each listener."""
        return [self._accept(each) for each in self.listeners]

    def _accept(self, listener: socket.socket) -> int:
        count = 0
        while True:
            try:
                self.accepted.append(listener.accept()[0])
            except BlockingIOError:
                return count
            count += 1

    def close(self) -> None:
        for each in (*self.listeners, *self.clients, *self.accepted):
            each.close()


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    yield made
    made.close()


@pytest.mark.parametrize("places", [(0, 2), (1,), (2, 0), (0, 1, 2)])
def test_only_willing_workers_get_connections(port: Port, places: Sequence[int]) -> None:
    port.steering.to((0,))
    port.steering.to(places)
    port.connect(MANY)
    got = port.accept()
    assert sum(got) == MANY
    assert {place for place in range(3) if got[place]} == set(places)


def test_without_a_willing_worker_all_get_connections(port: Port) -> None:
    port.steering.to((1,))
    port.steering.to(())
    port.connect(MANY)
    assert min(port.accept()) > 0


def test_waiting_connections_stay_and_are_served(port: Port) -> None:
    port.steering.to((0,))
    port.connect(MANY // 2)
    port.steering.to((1, 2))
    port.connect(MANY // 2)
    got = port.accept()
    assert (got[0], sum(got)) == (MANY // 2, MANY)
    for each in port.accepted:
        each.sendall(b"x")
    assert {each.recv(1) for each in port.clients} == {b"x"}  # none was reset


def test_a_system_without_steering_is_reported_once_and_works(
    port: Port, logged: list[str]
) -> None:
    no_listener = socket.socket(socket.AF_UNIX)
    steering = Steering([[no_listener], [no_listener]])
    steering.to((1,))
    steering.to((1,))
    no_listener.close()
    assert len(logged) == 1
    assert "workers that drain or stand still keep getting connections" in logged[0]


def test_a_program_may_be_for_more_workers_than_any_machine_has_cores() -> None:
    assert len(program(range(1000))) // 8 == 2 + 2 * 1000 + 1  # 4,096 is what the kernel takes


def test_what_another_process_directed_is_directed_anew(port: Port) -> None:
    port.steering.to([0])
    after = Steering([[each] for each in port.listeners], inherited=True)
    after.to([0, 1, 2])
    port.connect(MANY)
    assert min(port.accept()) > 0
