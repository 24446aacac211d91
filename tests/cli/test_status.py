"""`chatserver status` beside real servers, killed ones, and stores that are away."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.status import problems
from chatserver.status.report import (
    Alert,
    BackupReport,
    BusReport,
    ConsumerReport,
    JobReport,
    Member,
    NodeReport,
    Status,
    StoreReport,
    TargetReport,
    TimerReport,
)
from tests import forking
from tests.faults.server import ForkedServer
from tests.servers import Mongod, free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.long


def status(server: ForkedServer, *options: str) -> tuple[int, Status]:
    """The exit status, and the report, which has the documented shape."""
    done = ran(server, "--json", *options)
    return done.returncode, msgspec.json.decode(done.stdout, type=Status, strict=True)


def ran(server: ForkedServer, *options: str) -> "subprocess.CompletedProcess[str]":
    given = [f"--set={key}={value}" for key, value in server._settings.items()]
    data = f"--data={server.folder / 'data'}"
    return forking.ran("status", data, *given, *options)


def codes(found: Status) -> list[str]:
    return [problem.code for problem in found.problems]


def texts(found: Status, code: str) -> list[str]:
    return [problem.text for problem in found.problems if problem.code == code]


@pytest.mark.parametrize("store", ["sqlite", "mongo"])
def test_a_server_is_well_beside_the_command_and_missed_when_it_was_killed(
    tmp_path: Path, store: str
) -> None:
    with ForkedServer(tmp_path, store=store) as server:
        token = server.register("ada")
        server.room(token)
        code, found = status(server)
        assert (code, found.ok, found.problems) == (0, True, [])
        (node,) = found.nodes
        assert (node.alive, node.state, node.address) == (
            True,
            "serving",
            f"127.0.0.1:{server.port}",
        )
        assert (found.store.state, found.store.schema) == ("ok", found.store.known)
        assert found.store.rows["events"] == 2
        assert found.store.latency_ms is not None and (found.store.bytes or 0) > 1000
        wait_until(lambda: status(server)[1].jobs[0].at)
        shown = ran(server)
        assert (
            shown.returncode == 0 and "All is well." in shown.stdout and node.node in shown.stdout
        )
        server.kill()
        wait_until(lambda: status(server)[0] == 1)  # a record of a few seconds is still fresh
        code, found = status(server)
        # The private mongod ends with its server; the file can still be read.
        expected = {"sqlite": ["node.none", "node.silent"], "mongo": ["store.away"]}
        assert codes(found) == expected[store]


def test_nodes_on_one_store_are_listed_and_a_killed_one_is_silent(tmp_path: Path) -> None:
    mongod = Mongod(tmp_path / "mongod")
    mongod.start()
    try:
        shared = {"plugin__mongo__uri": mongod.uri, "plugin__mongo__timeout_ms": 1500}
        with (
            ForkedServer(tmp_path / "one", **shared) as one,
            ForkedServer(tmp_path / "two", **shared, server__roles="connections") as two,
        ):
            code, found = status(one)
            # This version of mongod is too old to be used, and nothing else is wrong.
            assert (code, set(codes(found))) == (1, {"store.database"})
            assert [node.alive for node in found.nodes] == [True, True]
            assert [member.role for member in found.store.members] == ["primary"]
            two.kill()
            wait_until(lambda: "node.silent" in codes(status(one)[1]))
            _, found = status(one)
            assert "node.none" not in codes(found)
            assert {node.address: node.alive for node in found.nodes} == {
                f"127.0.0.1:{one.port}": True,
                f"127.0.0.1:{two.port}": False,
            }
            two.start()  # on the same folder: its own record replaces that of the killed process
            wait_until(lambda: set(codes(status(one)[1])) == {"store.database"})
            one.stop()  # if it does not get to remove its record, it is silent soon
            without = [
                "No live node has the role consumers.",
                "No live node has the role jobs.",
            ]
            wait_until(lambda: texts(status(two)[1], "node.role") == without)
            mongod.freeze()
            began = time.monotonic()
            code, found = status(one)
            assert time.monotonic() - began < 60
            assert (code, codes(found), found.store.state) == (1, ["store.away"], "away")
            mongod.thaw()
    finally:
        mongod.thaw()
        mongod.stop()


def test_a_store_that_is_away_is_said_without_a_wait_for_it(tmp_path: Path) -> None:
    server = ForkedServer(
        tmp_path,
        plugin__mongo__uri=f"mongodb://me:hunter2@127.0.0.1:{free_port()}/",
        plugin__mongo__timeout_ms=300,
        plugin__mongo__start_seconds=600,
    )
    done = ran(server)
    assert done.returncode == 1
    assert "store.away" in done.stdout and "no server listens" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


class FakeAlertmanager(BaseHTTPRequestHandler):
    answer = b"[]"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *arguments: object) -> None: ...


@contextmanager
def alertmanager(answer: object) -> Iterator[str]:
    kind = type("Answering", (FakeAlertmanager,), {"answer": json.dumps(answer).encode()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


ALERT = {
    "labels": {"alertname": "Down", "severity": "critical"},
    "annotations": {"summary": "It is down."},
    "startsAt": "2026-11-27T10:00:00Z",
}


def test_alerts_are_asked_for(tmp_path: Path) -> None:
    with ForkedServer(tmp_path, store="sqlite") as server:
        with alertmanager([]) as address:
            assert status(server, "--alertmanager", address)[1].alerts == []
        with alertmanager([ALERT]) as address:
            code, found = status(server, f"--set=status.alertmanager={address}")
        assert (code, codes(found)) == (1, ["alert.firing"])
        assert found.alerts == [
            Alert(
                name="Down",
                severity="critical",
                since="2026-11-27T10:00:00Z",
                summary="It is down.",
            )
        ]
        with alertmanager({"no": "list"}) as address:
            assert codes(status(server, "--alertmanager", address)[1]) == ["alertmanager.away"]
        away = f"http://127.0.0.1:{free_port()}"
        assert codes(status(server, "--alertmanager", away)[1]) == ["alertmanager.away"]


def test_the_targets_of_backups_are_asked(tmp_path: Path) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    with ForkedServer(
        tmp_path / "server",
        store="sqlite",
        backup__folder=tmp_path / "backups",
        backup__targets=f"file://{near},file://{far}",
    ) as server:
        server.command("backup")
        with pytest.raises(subprocess.CalledProcessError):
            server.command("backup", "copy")  # `far` is missing, and `near` is served nevertheless
        code, found = status(server)
        assert (code, codes(found)) == (1, ["target.failing"])
        well, failing = found.targets
        assert (well.target, well.backups, well.error) == (f"file://{near}", 1, "")
        assert well.newest == found.backups.newest and well.age is not None and well.age < 600
        assert (failing.backups, failing.age) == (0, None) and "no such folder" in failing.error
        shown = ran(server).stdout
        assert f"file://{near}: 1, with all changes until" in shown and failing.error in shown


def test_a_mistake_is_2(tmp_path: Path) -> None:
    assert ran(ForkedServer(tmp_path, store="sqlite"), "--timeout", "soon").returncode == 2


# -- what is wrong ---------------------------------------------------------------------------------


def node(name: str = "a", **changes: Any) -> NodeReport:
    roles = ["connections", "consumers", "jobs"]
    whole = NodeReport(
        node=name,
        alive=True,
        version="1",
        roles=roles,
        state="serving",
        started="",
        at="",
        address="",
        internal="",
        bus=None,
        connections=0,
    )
    return msgspec.structs.replace(whole, **changes)


def store(**changes: Any) -> StoreReport:
    return StoreReport(plugin="s", state="ok", **changes)


def member(**changes: Any) -> Member:
    return Member(
        **{"name": "m", "role": "secondary", "healthy": True, "lag_seconds": 0.0, **changes}
    )


def backup(**changes: Any) -> BackupReport:
    whole: dict[str, Any] = {"folder": "b", "every_hours": 24.0, "count": 1, "age": 3600.0}
    return BackupReport(**{**whole, **changes})


def timer(**changes: Any) -> TimerReport:
    whole: dict[str, Any] = {"name": "t", "node": "a", "pending": 1, "late": 0.0, "dead": 0}
    return TimerReport(**{**whole, **changes})


BUS = BusReport(plugin="b", connected=0, nodes=1)
WRONG = {
    "store.outdated": problems.of_store(StoreReport(plugin="s", state="outdated", error="x")),
    "store.database": problems.of_store(store(warnings=["too old"])),
    "store.replication": problems.of_store(store(members=[member(healthy=False)])),
    "node.versions": problems.of_nodes([node(), node("b", version="2")], "1"),
    "node.role": problems.of_nodes([node(roles=["connections", "jobs"])], "1"),
    "bus.disconnected": problems.of_bus(BUS, [node(bus=False)]),
    "job.failing": problems.of_jobs([JobReport(name="j", every=60.0, at="x", failures=2)]),
    "job.overdue": problems.of_jobs([JobReport(name="j", every=60.0, overdue=True)]),
    "job.unreadable": problems.of_jobs([JobReport(name="j", every=60.0, unreadable=True)]),
    "consumer.idle": problems.of_consumers(
        [ConsumerReport(name="c", node="", lag=0, dead=0)], [node()]
    ),
    "consumer.dead_letters": problems.of_consumers(
        [ConsumerReport(name="c", node="a", lag=0, dead=1)], [node()]
    ),
    "consumer.behind": problems.of_consumers(
        [ConsumerReport(name="c", node="a", lag=10_001, dead=0)], [node()]
    ),
    "timer.idle": problems.of_timers([timer(node="")], [node()]),
    "timer.dead_letters": problems.of_timers([timer(dead=1)], [node()]),
    "timer.late": problems.of_timers([timer(late=901.0)], [node()]),
    "backup.failing": problems.of_backups(backup(error="x"), 0, [node()]),
    "backup.missing": problems.of_backups(backup(age=None), 0, [node()]),
    "backup.old": problems.of_backups(backup(age=40 * 3600.0), 0, [node()]),
    "backup.shipping": problems.of_backups(backup(shipped_age=600.0), 20, [node()]),
    "target.failing": problems.of_targets([TargetReport(target="t", error="x")], backup()),
    "target.behind": problems.of_targets(
        [TargetReport(target="t", age=2400.0)], backup(shipped_age=300.0)
    ),
    "records.unreadable": problems.of_records(1),
}
FINE: Sequence[Iterator[problems.Problem]] = (
    problems.of_store(store(members=[member(lag_seconds=29.0), member(lag_seconds=None)])),
    problems.of_nodes([node(), node("b")], "1"),
    problems.of_bus(BUS, [node(bus=True)]),
    problems.of_bus(BusReport(plugin="", connected=0, nodes=1), [node()]),
    problems.of_jobs([JobReport(name="j", every=60.0, at="x")]),
    problems.of_consumers([ConsumerReport(name="c", node="a", lag=9, dead=0)], [node()]),
    problems.of_consumers([ConsumerReport(name="c", node="", lag=0, dead=0)], []),
    problems.of_timers([timer(late=899.0)], [node()]),
    problems.of_timers([timer(node="", late=901.0)], []),
    problems.of_backups(backup(age=30 * 3600.0, shipped_age=100.0), 20, [node()]),
    problems.of_backups(backup(every_hours=0.0, age=None), 0, [node()]),
    problems.of_targets([TargetReport(target="t", age=2100.0)], backup(shipped_age=300.0)),
    problems.of_targets([TargetReport(target="t", age=25_000.0)], backup(age=3600.0)),
    problems.of_targets([TargetReport(target="t", age=90_000.0)], backup(age=None)),
    problems.of_records(0),
    problems.of_alerts(None),
)


@pytest.mark.parametrize(("code", "found"), WRONG.items(), ids=WRONG)
def test_each_problem_has_its_code(code: str, found: Iterator[problems.Problem]) -> None:
    assert [problem.code for problem in found] == [code]


def test_nothing_is_wrong_with_what_is_well() -> None:
    assert problems.all_of(*FINE) == []


def test_every_code_is_tried_here() -> None:
    real = {"alert.firing", "alertmanager.away", "node.none", "node.silent", "store.away"}
    assert {*WRONG, *real} == problems.CODES.keys() - {"status.slow"}
