"""Passwords: who gets in, who is slowed down, and facts that nobody may learn."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from time import process_time, sleep
from unicodedata import normalize

import pytest

from chatserver import ChatError, StoreUnavailable
from chatserver_plugins.password import PasswordPlugin
from chatserver_plugins.password.places import Places

GOOD = "correct horse battery staple"
FAST = {"memory_kib": 8, "passes": 1}


def make(records, **settings):
    plugin = PasswordPlugin(PasswordPlugin.Config(**(FAST | settings)))
    return plugin.provide_authenticator(records)


def attempt(authenticator, user, password, account="ada", address="192.0.2.1", device=""):
    return authenticator.verify(user, password, account=account, address=address, device=device)


async def guess(authenticator, user, times, account="ada", address="198.51.100.1"):
    """Number of wrong guesses that were checked, not refused by a limit."""
    looked_at = 0
    for _ in range(times):
        with contextlib.suppress(ChatError):
            assert not await attempt(authenticator, user, "a guess", account, address)
            looked_at += 1
    return looked_at


async def test_only_the_right_password_of_the_right_user_passes(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    await authenticator.set_password("u2", "another one")
    assert await attempt(authenticator, "u1", GOOD)
    assert not await attempt(authenticator, "u1", GOOD.upper())
    assert not await attempt(authenticator, "u1", "")
    assert not await attempt(authenticator, "u2", GOOD)
    assert not await attempt(authenticator, None, GOOD)
    assert not await attempt(authenticator, "without password", GOOD)
    await authenticator.set_password("u1", "a new one")
    assert not await attempt(authenticator, "u1", GOOD)
    assert await attempt(authenticator, "u1", "a new one")


async def test_the_store_holds_argon2id_and_no_password(records) -> None:
    plugin = PasswordPlugin(PasswordPlugin.Config())
    authenticator = plugin.provide_authenticator(records)
    await authenticator.set_password("u1", GOOD)
    assert records.values["password/u1"].startswith(b"$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in repr(records.values)
    await plugin.shutdown()


@pytest.mark.parametrize("password", ["", "7 chars", "é" * 513, "a" * 1025, "a" * 10_000_000])
async def test_a_password_too_short_or_too_long_is_refused(records, password: str) -> None:
    authenticator = make(records)
    with pytest.raises(ChatError) as refused:
        await authenticator.set_password("u1", password)
    assert refused.value.code == "request.invalid"
    assert not password or password not in str(refused.value)
    assert records.values == {}
    assert not await attempt(authenticator, "u1", password)


@pytest.mark.parametrize(
    "password",
    [
        "8 chars!",
        "a b?" * 64,
        "🚲a" * 128,
        "パスワードです。",
        "nul\0nul\0nul",
        "\ud800 \ud809?\ud802xyz",
    ],
)
async def test_any_text_of_fitting_length_is_a_password(records, password: str) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", password)
    assert await attempt(authenticator, "u1", password)
    assert not await attempt(authenticator, "u1", password[:-1])


async def test_a_password_is_the_same_however_the_keyboard_composes_it(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", normalize("NFC", "ぱすわーどでござる é"))
    assert await attempt(authenticator, "u1", normalize("NFD", "ぱすわーどでござる é"))


async def test_other_parameters_come_into_force_at_the_next_login(records) -> None:
    await make(records).set_password("u1", GOOD)
    before = records.values["password/u1"]
    changed = make(records, passes=2)
    assert not await attempt(changed, "u1", "wrong")
    assert records.values["password/u1"] == before
    assert await attempt(changed, "u1", GOOD)
    assert b"m=8,t=2" in records.values["password/u1"]
    assert await attempt(changed, "u1", GOOD)


async def test_a_hash_that_cannot_be_renewed_now_still_lets_its_user_in(records) -> None:
    await make(records).set_password("u1", GOOD)
    records.failing = {"swap"}
    assert await attempt(make(records, passes=2), "u1", GOOD)


async def test_an_unknown_account_is_limited_just_as_a_known_one(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    answers = []
    for user, account in (("u1", "ada"), (None, "nobody")):
        address = f"192.0.2.{len(answers)}"
        assert await guess(authenticator, user, 12, account, address) == 10
        records.calls.clear()
        with pytest.raises(ChatError) as limited:
            await attempt(authenticator, user, GOOD, account, address)
        assert records.calls == []  # refused before any work
        assert limited.value.after_ms is not None
        assert 29_000 < limited.value.after_ms <= 30_000
        answers.append((limited.value.code, limited.value.text, limited.value.detail))
    assert answers[0] == answers[1] == ("limit.rate", "Too many requests.", {})


async def test_an_address_is_limited_over_all_accounts(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    for number in range(50):
        address = f"2001:db8:0:1::{number:x}"
        assert not await attempt(authenticator, None, "wrong", f"name{number}", address)
    with pytest.raises(ChatError, match=r"limit\.rate"):
        await attempt(authenticator, "u1", GOOD, "ada", "2001:db8:0:1:ffff::1")
    assert await attempt(authenticator, "u1", GOOD, "ada", "2001:db8:0:2::1")


async def test_a_success_forgives_the_account_but_not_the_address(records) -> None:
    authenticator = make(records, failures_per_address=15)
    await authenticator.set_password("u1", GOOD)
    for _ in range(5):
        assert not await attempt(authenticator, "u1", "wrong")
    for _ in range(30):
        assert await attempt(authenticator, "u1", GOOD)
    for _ in range(10):
        assert not await attempt(authenticator, "u1", "wrong")
    with pytest.raises(ChatError):
        await attempt(authenticator, None, "wrong", "other")
    with pytest.raises(ChatError):
        await attempt(authenticator, "u1", GOOD)
    assert await attempt(authenticator, "u1", GOOD, "ada", "192.0.2.2")


async def test_guesses_from_elsewhere_do_not_lock_out_a_known_network(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    assert await attempt(authenticator, "u1", GOOD, address="2001:db8:0:1::1")
    for number in range(200):
        await guess(authenticator, "u1", 10, address=f"198.51.100.{number}")
    with pytest.raises(ChatError):  # a stranger, even with the right password
        await attempt(authenticator, "u1", GOOD, address="203.0.113.1")
    assert await attempt(authenticator, "u1", GOOD, address="2001:db8:0:1::2")
    assert await attempt(make(records), "u1", GOOD, address="2001:db8:0:1::2")


async def test_a_known_device_signs_in_from_a_network_that_is_shut(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    device = await authenticator.remember_device("u1")
    assert await guess(authenticator, "u1", 60, address="192.0.2.1") == 10
    await guess(authenticator, None, 200, "somebody else", "192.0.2.1")
    for forged in ("", "x", device[::-1], device.upper(), "\ud800", "a" * 100_000):
        with pytest.raises(ChatError):
            await attempt(authenticator, "u1", GOOD, device=forged)
    assert await attempt(authenticator, "u1", GOOD, device=device)
    assert await authenticator.remember_device("u1", device) == device
    assert await authenticator.remember_device("u2", device) != device
    assert device not in repr(records.values)


async def test_a_new_device_is_written_without_a_look_for_it(records) -> None:
    authenticator = make(records)
    records.calls.clear()
    await authenticator.remember_device("u1")
    assert [method for method, _ in records.calls] == ["put", "scan"]


async def test_a_device_that_somebody_took_guesses_no_faster_than_a_network(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    device = await authenticator.remember_device("u1")
    other = await authenticator.remember_device("u2")
    with pytest.raises(ChatError):
        for number in range(11):
            await attempt(authenticator, "u1", "wrong", address=f"192.0.2.{number}", device=device)
    with pytest.raises(ChatError):
        for _ in range(11):
            await attempt(authenticator, "u1", "wrong", device=other)


async def test_guesses_from_many_addresses_at_one_account_are_slow(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    for user, account in (("u1", "ada"), (None, "nobody")):
        looked_at = 0
        for number in range(300):
            looked_at += await guess(authenticator, user, 1, account, f"198.51.100.{number}")
        assert looked_at == 21, account


async def test_a_new_password_makes_all_places_strange(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    device = await authenticator.remember_device("u1")
    assert await attempt(authenticator, "u1", GOOD)
    await authenticator.set_password("u1", GOOD + "!")
    assert not [key for key in records.values if key.startswith("known/")]
    await guess(authenticator, "u1", 60)
    for _ in range(20):
        await guess(authenticator, "u1", 1, address="203.0.113.9")
    with pytest.raises(ChatError):
        await attempt(authenticator, "u1", GOOD, device=device, address="203.0.113.9")


async def test_no_more_places_are_kept_than_a_few_and_the_latest(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    for number in range(40):
        assert await attempt(authenticator, "u1", GOOD, address=f"192.0.2.{number}")
        device = await authenticator.remember_device("u1")
    assert len([key for key in records.values if key.startswith("known/u1/network/")]) == 16
    assert len([key for key in records.values if key.startswith("known/u1/device/")]) == 16
    assert await authenticator.remember_device("u1", device) == device


async def test_a_place_that_was_not_used_for_long_is_strange_again(records) -> None:
    now = [1e9]
    places = Places(records, lambda: now[0])
    await places.remember("u1", "network", "192.0.2.1")
    now[0] += 89 * 86400
    assert await places.is_known("u1", "network", "192.0.2.1")
    await places.remember("u1", "network", "192.0.2.1")
    now[0] += 89 * 86400
    assert await places.is_known("u1", "network", "192.0.2.1")
    now[0] += 2 * 86400
    assert not await places.is_known("u1", "network", "192.0.2.1")


async def test_guesses_made_at_the_same_time_are_all_counted(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    answers = await asyncio.gather(
        *(attempt(authenticator, "u1", f"guess {number}") for number in range(60)),
        return_exceptions=True,
    )
    assert answers.count(False) == 10


async def test_a_store_that_is_away_is_nobodys_failure(records) -> None:
    authenticator = make(records)
    await authenticator.set_password("u1", GOOD)
    records.failing = {"get"}
    for _ in range(100):
        with pytest.raises(StoreUnavailable):
            await attempt(authenticator, "u1", GOOD)
    records.failing = set()
    assert await attempt(authenticator, "u1", GOOD)


async def test_more_passwords_than_may_wait_are_told_to_come_later(records) -> None:
    authenticator = make(records, memory_kib=4096, threads=1, waiting=2)
    answers = await asyncio.gather(
        *(attempt(authenticator, None, "wrong", f"name{number}") for number in range(8)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, ChatError)]
    assert answers.count(False) == 3
    assert [error.code for error in refused] == ["limit.rate"] * 5
    waits = [error.after_ms for error in refused]
    assert waits == sorted(set(waits))  # not all at once
    assert not await attempt(authenticator, None, "wrong", "name")


async def test_sign_ins_take_turns_before_any_work(records) -> None:
    authenticator = make(records, threads=1, waiting=3)
    entered, leave = [], asyncio.Event()

    async def sign_in(number: int) -> None:
        async with authenticator.turn(f"192.0.2.{number}"):
            entered.append(number)
            assert number > 1 or await leave.wait()

    tasks = [asyncio.ensure_future(sign_in(number)) for number in range(6)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert done == set(tasks[4:])
    refused = [task.exception() for task in tasks[4:]]
    assert [error.code for error in refused] == ["limit.rate"] * 2
    assert 0 < refused[0].after_ms < refused[1].after_ms
    assert entered == [0, 1]  # one for the thread, and one that reads the store meanwhile
    leave.set()
    await asyncio.gather(*tasks[:4])
    assert entered == [0, 1, 2, 3]
    await sign_in(6)


async def test_nobody_takes_all_places_of_those_who_sign_in(records) -> None:
    authenticator = make(records, threads=1, waiting=5)
    leave = asyncio.Event()

    async def sign_in(address: str) -> None:
        async with authenticator.turn(address):
            await leave.wait()

    one = [f"2001:db8::{number:x}" for number in range(1, 200)]  # a network that one customer has
    flood = [asyncio.ensure_future(sign_in(address)) for address in one]
    done, waiting = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    assert len(waiting) == 3
    waits = {task.exception().after_ms for task in done}
    assert len(waits) == 1  # they put off nobody
    others = [asyncio.ensure_future(sign_in(f"192.0.2.{number}")) for number in range(3)]
    done, _ = await asyncio.wait(others, timeout=0.1)
    assert not done
    leave.set()
    await asyncio.gather(*waiting, *others)
    assert not authenticator._hasher._signing_in
    await sign_in(one[0])


async def test_those_refused_while_hashes_take_long_come_later(records) -> None:
    hasher = make(records, threads=1, waiting=0)._hasher
    at_first = hasher._retries.after_ms()
    await hasher.run(sleep, 1.0)
    assert hasher._retries.after_ms() > 2 * at_first


async def test_the_loop_goes_on_while_passwords_are_hashed(records) -> None:
    authenticator = make(records, memory_kib=65536, passes=4)
    hashing = asyncio.ensure_future(attempt(authenticator, None, "wrong"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10


async def test_an_unknown_account_costs_as_much_as_a_known_one(records) -> None:
    authenticator = make(
        records,
        memory_kib=4096,
        failures_per_account=1000,
        failures_per_address=1000,
        failures_of_strangers=1000,
    )
    await authenticator.set_password("u1", GOOD)
    hashed = []
    verify = authenticator._hasher.verify

    async def noting(encoded: str, secret: bytes) -> bool:
        hashed.append(encoded.rsplit("$", 2)[0])
        return await verify(encoded, secret)

    authenticator._hasher.verify = noting
    took: dict[str | None, list[float]] = {"u1": [], None: [], "without password": []}
    records.calls.clear()
    for _ in range(15):
        for user, times in took.items():
            start = process_time()
            assert not await attempt(authenticator, user, "wrong")
            times.append(process_time() - start)
    assert len(hashed) == 45
    assert set(hashed) == {"$argon2id$v=19$m=4096,t=1,p=1"}
    assert [method for method, _ in records.calls] == ["get"] * 90
    fastest = [min(times) for times in took.values()]
    assert max(fastest) < 3 * min(fastest)


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux")
async def test_hashing_gives_way_to_the_event_loop(records) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = niceness()
    assert await make(records)._hasher.run(niceness) == max(own, 19)
    assert niceness() == own


async def test_nothing_secret_is_logged(records, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    asyncio.get_running_loop().slow_callback_duration = 0
    authenticator = make(records, threads=1, waiting=0)
    await authenticator.set_password("u1", GOOD)
    token = await authenticator.open_session("u1")
    for password in (GOOD, "wrong secret"):
        await attempt(authenticator, "u1", password)
    records.failing = {"get"}
    for work in (attempt(authenticator, "u1", GOOD), authenticator.session(token)):
        with pytest.raises(StoreUnavailable) as failure:
            await work
        logging.getLogger().error("failed", exc_info=failure.value)
    records.failing = set()
    await authenticator.close_session(token)
    written = caplog.text + repr([record.__dict__ for record in caplog.records])
    for secret in (GOOD, "wrong secret", token, token.partition(".")[2]):
        assert secret not in written
    assert secret not in repr(authenticator)
