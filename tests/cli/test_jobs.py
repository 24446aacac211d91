"""`chatserver jobs`, over a store that a server has used."""

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.faults.server import ForkedServer
from tests.waiting import wait_until

OWN_JOBS = (
    *("accounts.erase", "expired", "rooms.erase", "rooms.watchers"),
    *("sessions.addresses", "texts.erase"),
)


def test_the_last_run_of_each_job_is_listed(tmp_path: Path, run: Run) -> None:
    with ForkedServer(tmp_path / "server", store="sqlite") as server:
        data = server.folder / "data"
        sets = [f"--set=server.data={data}", "--set=plugins.enabled=sqlite,password"]
        ran = {"job": "password.expired", "outcome": "ok"}
        wait_until(lambda: server.metric("chatserver_jobs_total", **ran) > 0)
        assert server.metric("chatserver_job_last_success_timestamp_seconds") > 1.7e9
        refused = run("jobs", *sets)
        assert (refused.exit_code, "in use by another server" in refused.stderr) == (1, True)
        pid = server.process.pid
        assert server.stop() == 0
    listed = run("jobs", "--json", *sets)
    assert listed.exit_code == 0, listed.output
    jobs = [json.loads(line) for line in listed.stdout.splitlines()]
    (job,) = (each for each in jobs if each["name"] not in OWN_JOBS)
    assert (job["name"], job["every"]) == ("password.expired", 86400)
    assert (job["last"]["failures"], f":{pid}:" in job["last"]["node"]) == (0, True)
    table = run("jobs", *sets).output
    assert "password.expired" in table and "ok" in table


def test_jobs_that_never_ran_or_failed_are_listed_as_such() -> None:
    from chatserver.cli.jobs import _row
    from chatserver.cluster.jobs import LastRun, UnreadableRun
    from chatserver.hooks.types import Job

    async def nothing() -> None: ...

    job = Job(name="p.work", every=90.0, run=nothing)
    assert _row(job, None) == ("p.work", "90 s", "never", "", "", "")
    last = LastRun(at="2026-01-01T00:00:00.000Z", seconds=1.25, failures=3, node="n")
    assert _row(job, last)[-1] == "failed, 3 in a row"
    assert _row(job, UnreadableRun())[2] == "unreadable"
