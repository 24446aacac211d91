"""Three mongods as one replica set. Each is reached through a proxy, by clients and by the others."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pymongo
from pymongo.errors import PyMongoError

from tests.faults.proxy import Network, Sources
from tests.servers import START_SECONDS, Mongod

COUNT = 3
NAME = "test"
# As docs/operating.md advises. By default an election is called only after 10 s. If two members call one
# at the same moment, the vote is a draw, and there must be time for another one. Up to a second then
# passes until the other member follows the new primary, without which nothing is durable. With the
# default heartbeats (2 s), members that wait for 1 s think each other gone, and vote again and again.
SETTINGS = {
    "electionTimeoutMillis": 1000,
    "heartbeatIntervalMillis": 250,
    "heartbeatTimeoutSecs": 1,
}


class Member(Mongod):
    """One mongod of the set. It runs, or not, by itself; who is primary is decided among them."""

    def __init__(self, folder: Path, network: Network, options: Sequence[str] = ()) -> None:
        super().__init__(folder, options=options)
        self.proxy = network.proxy(self.port)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.proxy.port}"

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def hello(self) -> dict[str, object]:
        """The member's answer to `hello`; empty if it does not answer."""
        address = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        with (
            pymongo.MongoClient(address, timeoutMS=1000) as client,
            contextlib.suppress(PyMongoError),
        ):
            return dict(client.admin.command("hello"))
        return {}

    def ports(self) -> set[int]:
        """The local ports of its connections to others."""
        with contextlib.suppress(psutil.NoSuchProcess):
            connections = psutil.Process(self.pid).net_connections("tcp4")
            return {connection.laddr.port for connection in connections if connection.raddr}
        return set()

    def _wait_until_writable(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.hello():
            assert self.is_running(), f"see {self.folder / 'mongod.log'}"
            assert time.monotonic() < deadline, "mongod does not answer"
            time.sleep(0.05)


class Members:
    """All of them, each with these further options."""

    def __init__(self, folder: Path, network: Network, options: Sequence[str] = ()) -> None:
        self.all = [Member(folder / str(number), network, options) for number in range(COUNT)]

    @property
    def uri(self) -> str:
        hosts = ",".join(member.host for member in self.all)
        return f"mongodb://{hosts}/?replicaSet={NAME}"

    def start(self) -> None:
        """Returns when one takes writes and all follow."""
        for member in self.all:
            member.start()
        hosts = [{"_id": number, "host": member.host} for number, member in enumerate(self.all)]
        config = {"_id": NAME, "members": hosts, "settings": SETTINGS}
        address = f"mongodb://127.0.0.1:{self.all[0].port}/?directConnection=true"
        with pymongo.MongoClient(address) as client:
            client.admin.command("replSetInitiate", config)
        self.heal()

    def kill(self) -> None:
        for member in self.all:
            member.kill()

    def primary(self) -> Member:
        """The one that takes writes."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for member in self.all:
                if member.is_running() and member.hello().get("isWritablePrimary"):
                    return member
            time.sleep(0.05)
        raise TimeoutError("the members chose no primary")

    def isolate(self, member: Member) -> None:
        """Cut one off from the others. Clients still reach it, and it them."""
        others = [other for other in self.all if other is not member]
        member.proxy.hold(_ports(*others))
        for other in others:
            other.proxy.hold(_ports(member))

    def heal(self) -> None:
        """Undo all faults; returns when all three are as they should be."""
        for member in self.all:
            member.proxy.heal()
            if member.is_running():
                member.thaw()
            else:
                member.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._is_well():
            assert time.monotonic() < deadline, "the members do not find together"
            time.sleep(0.1)

    def _is_well(self) -> bool:
        said = [member.hello() for member in self.all]
        primaries = {str(hello.get("primary")) for hello in said}
        states = [bool(hello.get("isWritablePrimary") or hello.get("secondary")) for hello in said]
        return all(states) and len(primaries) == 1 and any(h.get("isWritablePrimary") for h in said)


def _ports(*members: Member) -> Sources:
    return lambda: set().union(*(member.ports() for member in members))
