"""`chatserver probe` as a process against a real server, with TLS, and against broken ones."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.server import PASSWORD, ChatServer, http
from tests.forking import ran
from tests.servers import free_port
from tests.waiting import wait_until


class TlsServer(ChatServer):
    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, chain.pem and key.pem, for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("authority")
    ca = trustme.CA()
    issued = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "chain.pem", append=True)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[ChatServer]:
    with TlsServer(
        tmp_path_factory.mktemp("server"),
        store="sqlite",
        server__tls_certificate=authority / "chain.pem",
        server__tls_key=authority / "key.pem",
    ) as server:
        server.register("operator")
        yield server


@pytest.fixture(scope="module")
def accounts(server: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    server.register("probe-a")
    server.register("probe-b")
    path = tmp_path_factory.mktemp("accounts") / "accounts"
    path.write_text(f"# two of our own\nprobe-a {PASSWORD}\n\nprobe-b {PASSWORD}\n")
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return ran("probe", *arguments)


def once(url: str, accounts: Path, *more: object) -> tuple[int, dict[str, Any]]:
    done = run(url, "--accounts", accounts, "--once", "--json", *more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_round_through_tls(server: ChatServer, accounts: Path, authority: Path) -> None:
    status, outcome = once(server.url, accounts, "--ca", authority / "ca.pem")
    assert status == 0 and outcome["ok"], outcome
    steps = outcome["seconds"]
    assert list(steps) == ["certificate", "sign_in", "connect", "room", "acknowledge", "receive"]
    assert all(seconds > 0 for seconds in steps.values())
    end = server.metric("chatserver_tls_certificate_expiry_timestamp_seconds")
    assert outcome["certificate_expiry"] == end > time.time()
    token = server.login("probe-a")
    rooms = server.get("/api/v1/rooms", token).json()["rooms"]
    (room,) = [room for room in rooms if room["kind"] == "direct"]
    head = server.log(room["id"], token)[-1]
    assert head["body"] == "probe"
    status, _ = once(server.url, accounts, "--ca", authority / "ca.pem")
    assert status == 0
    log = server.log(room["id"], token)
    assert [event["ev"] for event in log[log.index(head) :]] == ["message.posted"] * 2  # no more


def test_tokens_instead_of_passwords_are_not_revoked(
    server: ChatServer, accounts: Path, authority: Path, tmp_path: Path
) -> None:
    tokens = [server.login("probe-a"), server.login("probe-b")]
    file = tmp_path / "tokens"
    file.write_text("\n".join(tokens))
    for _ in range(2):
        status, outcome = once(server.url, file, "--ca", authority / "ca.pem")
        assert status == 0, outcome
    assert server.get("/api/v1/me", tokens[0]).status_code == 200


def test_an_untrusted_certificate_fails_and_its_end_is_known(
    server: ChatServer, accounts: Path
) -> None:
    status, outcome = once(server.url, accounts)
    assert status == 1 and outcome["failure"]["step"] == "certificate"
    assert outcome["failure"]["reason"] == "untrusted"
    assert outcome["certificate_expiry"] > time.time()
    assert outcome["seconds"] == {}


def test_a_wrong_password_fails_at_sign_in_and_is_not_shown(
    server: ChatServer, authority: Path, tmp_path: Path
) -> None:
    file = tmp_path / "accounts"
    file.write_text("operator wrong-secret\nprobe-b wrong-secret\n")
    done = run(server.url, "--accounts", file, "--once", "--ca", authority / "ca.pem")
    assert done.returncode == 1
    assert "sign_in" in done.stdout and "wrong-secret" not in done.stdout + done.stderr


def test_nobody_listens(accounts: Path) -> None:
    status, outcome = once(f"http://127.0.0.1:{free_port()}", accounts)
    assert status == 1 and outcome["failure"]["step"] == "sign_in"
    assert outcome["failure"]["reason"] == "ConnectionRefusedError"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one two\n", "expected two lines with an account each, got 1"),
        ("one two\none three\n", "both lines name one"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "accounts"
    file.write_text(text)
    done = run("http://127.0.0.1:1", "--accounts", file, "--once")
    assert done.returncode == 1 and said in done.stderr
    assert "two" not in done.stderr.replace("expected two", "")


def test_wrong_arguments_are_refused(tmp_path: Path, accounts: Path) -> None:
    missing = run("http://127.0.0.1:1", "--accounts", tmp_path / "none", "--once")
    assert missing.returncode == 1 and "No such file" in missing.stderr
    for url in ("chat.example.org", "ftp://a", "http://", "http://a:x"):
        done = run(url, "--accounts", accounts, "--once")
        assert done.returncode == 1 and "expected an address" in done.stderr, url
    assert run("http://127.0.0.1:1", "--accounts", accounts, "--json").returncode == 2
    done = run("http://127.0.0.1:1", "--accounts", accounts, "--listen", "nowhere")
    assert done.returncode == 2 and "expected HOST:PORT" in done.stderr
    done = run("https://127.0.0.1:1", "--accounts", accounts, "--ca", tmp_path / "none")
    assert done.returncode == 1 and "--ca" in done.stderr


def test_the_exporter_goes_on_when_the_server_goes_away(tmp_path: Path) -> None:
    port = free_port()
    with ChatServer(tmp_path / "server", store="sqlite") as server:
        server.register("a-probe")
        server.register("b-probe")
        file = tmp_path / "accounts"
        file.write_text(f"a-probe {PASSWORD}\nb-probe {PASSWORD}\n")
        command = [sys.executable, "-m", "chatserver", "probe", server.url]
        options = ["--accounts", str(file), "--every", "0.2", "--listen", f"127.0.0.1:{port}"]
        log = (tmp_path / "probe.log").open("w")
        probe = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        try:

            def value(name: str, **labels: str) -> float | None:
                try:
                    text = http.get(f"http://127.0.0.1:{port}/metrics").text
                except httpx.TransportError:  # it does not listen yet
                    return None
                for family in text_string_to_metric_families(text):
                    for sample in family.samples:
                        if sample.name == name and labels.items() <= sample.labels.items():
                            return sample.value
                return None

            wait_until(lambda: (value("chatserver_probe_rounds_total", outcome="ok") or 0) >= 2)
            assert value("chatserver_probe_success") == 1
            assert (value("chatserver_probe_seconds_count", step="receive") or 0) >= 2
            assert value("chatserver_probe_certificate_expiry_timestamp_seconds") is None
            server.kill()
            wait_until(lambda: value("chatserver_probe_success") == 0)
            assert (value("chatserver_probe_failures_total") or 0) >= 1
            server.start()
            wait_until(lambda: value("chatserver_probe_success") == 1)
            probe.send_signal(signal.SIGTERM)
            assert probe.wait(60) == 0
        finally:
            probe.kill()
            log.close()
    assert PASSWORD not in (tmp_path / "probe.log").read_text()
