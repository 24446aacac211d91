"""Fault 25: guessing passwords, of one account and of many; and what the time of an answer tells."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.faults.figures import record
from tests.faults.server import PASSWORD, ChatServer, http

FAULT = "25 password guessing"
PAIRS = 40


def login(server: ChatServer, username: str, password: str) -> httpx.Response:
    account = {"username": username, "password": password}
    http.cookies.clear()  # of a stranger, who never signed in here
    return http.post(server.url + "/api/v1/login", json=account, timeout=10)


@pytest.fixture(scope="module", autouse=True)
def accounts(shared_server: ChatServer) -> None:
    for name in ("alice", "bob"):
        shared_server.register(name)


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_one_account_is_guessed_ten_times(server: ChatServer, username: str) -> None:
    """Alike whether there is such an account; the right password does not help any more."""
    answers = [login(server, username, f"guess {number}") for number in range(12)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert {answer.json()["error"]["code"] for answer in answers[:10]} == {"auth.invalid"}
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert login(server, username, PASSWORD).status_code == 429
    record(FAULT, "guesses at one account before 429", "10")


def test_one_address_guesses_fifty_times(server: ChatServer) -> None:
    """After the test before, which has made 20 of them."""
    statuses = [login(server, f"user{number}", "a guess").status_code for number in range(35)]
    assert statuses == [401] * 30 + [429] * 5
    assert login(server, "bob", PASSWORD).status_code == 429
    record(FAULT, "guesses from one address, at any accounts, before 429", "50")


@pytest.fixture
def costly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """A server that hashes as in real life, and lets anybody guess."""
    settings = {
        "plugin__password__failures_per_account": 100_000,
        "plugin__password__failures_per_address": 100_000,
        "plugin__password__failures_of_strangers": 100_000,
        "plugin__password__memory_kib": 19456,
        "plugin__password__passes": 2,
    }
    with ChatServer(tmp_path_factory.mktemp("costly"), store="memory", **settings) as server:
        yield server


def test_response_times_do_not_reveal_accounts(costly: ChatServer) -> None:
    """By a sign test over interleaved pairs, which a busy machine does not upset."""
    costly.register("alice")

    def seconds(username: str) -> float:
        began = time.perf_counter()
        answer = login(costly, username, "a wrong guess")
        assert answer.status_code == 401
        return time.perf_counter() - began

    pairs = []
    for number in range(PAIRS):
        if number % 2:
            pairs.append((seconds("alice"), seconds("nobody")))
        else:
            pairs.append(tuple(reversed((seconds("nobody"), seconds("alice")))))
    slower = sum(known > unknown for known, unknown in pairs)
    record(FAULT, "pairs in which the existing account took longer", f"{slower} of {PAIRS}")
    assert PAIRS * 0.2 <= slower <= PAIRS * 0.8
    texts = {login(costly, name, "a guess").text for name in ("alice", "nobody")}
    assert len(texts) == 1
