"""Signing up, in and out over HTTP."""

import re
from http.cookies import SimpleCookie

import httpx
import pytest

from chatserver.app import Server
from chatserver.model import ServerRole
from tests.protocol.conftest import Start
from tests.protocol.running import PASSWORD, Running

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def cookie(answer: httpx.Response, name: str = "chat_session") -> dict[str, str]:
    """The value and the attributes of a cookie, of the session's mostly."""
    given = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        given.load(header)
    morsel = given[name]
    return {"value": morsel.value, **{name: value for name, value in morsel.items() if value}}


async def test_registering_makes_a_user_and_a_session(server: Running) -> None:
    answer = await server.register("Register-Me", name="Reg Ister")
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"user", "token"}
    user = body["user"]
    assert (user["username"], user["name"]) == ("register-me", "Reg Ister")
    assert isinstance(user["id"], str) and TIME.fullmatch(user["at"])
    assert not set(user) & {"password", "hash", "token"}
    me = await server.http(
        "GET", "/api/v1/me", headers={"Authorization": f"Bearer {body['token']}"}
    )
    assert me.status_code == 200 and me.json() == user


async def test_a_user_name_is_taken_once_however_it_is_written(server: Running) -> None:
    await server.register("Taken")
    for name in ("Taken", "tAKEN", " taken ", "ｔａｋｅｎ"):
        answer = await server.register(name)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "user.exists")


async def test_trying_for_a_taken_name_leaves_nothing_behind(start: Start) -> None:
    server = start()
    await server.register("taken")

    async def passwords(running: Server) -> int:
        return len(await running.store.scan("plugin/password", "password/"))

    before = await server.run(passwords)
    assert (await server.register("taken")).status_code == 409
    assert await server.run(passwords) == before == 1


@pytest.mark.parametrize("name", ["", " ", "a b", "@me", ".dot", "x" * 33, "a/b", "a\0b", "$ne"])
async def test_invalid_names_are_refused(server: Running, name: str) -> None:
    answer = await server.register(name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


async def test_logging_in_gives_a_token_and_a_cookie_that_scripts_cannot_read(
    server: Running,
) -> None:
    anna = await server.person("anna")
    answer = await server.http(
        "POST", "/api/v1/login", {"username": anna.username, "password": PASSWORD}
    )
    assert answer.status_code == 200
    assert answer.json()["user"] == anna.user
    found = cookie(answer)
    assert found["value"] == answer.json()["token"] != anna.token
    assert found["httponly"] and found["samesite"] == "Lax" and found["path"] == "/"
    assert "secure" not in found and "domain" not in found
    me = await server.http(
        "GET", "/api/v1/me", headers={"Cookie": f"chat_session={found['value']}"}
    )
    assert me.json() == anna.user


async def test_the_cookie_is_secure_behind_a_proxy_that_speaks_tls(start: Start) -> None:
    server = start({"server.trusted_proxies": ["127.0.0.1"]})
    answer = await server.http(
        "POST",
        "/api/v1/register",
        {"username": "anna", "password": PASSWORD},
        headers={"X-Forwarded-Proto": "https"},
    )
    assert cookie(answer)["secure"]


async def test_the_cookie_lives_as_long_as_the_session_and_is_prolonged_with_it(
    start: Start,
) -> None:
    server = start({"plugin.password.session_days": 2})
    answer = await server.register("anna")
    found = cookie(answer)
    assert found["max-age"] == str(2 * 86400)
    headers = {"Cookie": f"chat_session={found['value']}"}
    again = await server.http("GET", "/api/v1/me", headers=headers)
    assert cookie(again) == found
    headers = {"Authorization": f"Bearer {found['value']}"}
    assert "set-cookie" not in (await server.http("GET", "/api/v1/me", headers=headers)).headers


async def test_every_wrong_login_gets_the_same_answer(server: Running) -> None:
    anna = await server.person("anna")
    answers = [
        await server.http("POST", "/api/v1/login", {"username": username, "password": password})
        for username, password in ((anna.username, "wrong"), ("nobody", PASSWORD), ("$gt", ""))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].json()["error"]["code"] == "auth.invalid"


async def test_too_many_wrong_logins_have_to_wait(start: Start) -> None:
    server = start({"plugin.password.failures_per_account": 2})
    await server.register("anna")
    wrong = {"username": "anna", "password": "wrong"}
    for _ in range(2):
        assert (await server.http("POST", "/api/v1/login", wrong)).status_code == 401
    answer = await server.http("POST", "/api/v1/login", wrong)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["retry"]) == (429, "limit.rate", "later")
    assert int(answer.headers["retry-after"]) * 1000 >= error["after_ms"] > 0


async def test_guesses_of_others_do_not_lock_out_a_known_client(start: Start) -> None:
    server = start({"plugin.password.failures_per_address": 3})
    device = cookie(await server.register("anna"), "chat_device")
    assert device["httponly"] and device["samesite"] == "Lax"
    right = {"username": "anna", "password": PASSWORD}
    for _ in range(4):
        answer = await server.http("POST", "/api/v1/login", {"username": "x", "password": "wrong"})
    assert answer.status_code == 429
    assert (await server.http("POST", "/api/v1/login", right)).status_code == 429
    headers = {"Cookie": f"chat_device={device['value']}"}
    answer = await server.http("POST", "/api/v1/login", right, headers=headers)
    assert answer.status_code == 200
    assert cookie(answer, "chat_device") == device


async def test_logging_out_revokes_the_session_and_takes_the_cookie_away(server: Running) -> None:
    anna = await server.person("anna")
    headers = {"Cookie": f"chat_session={anna.token}"}
    answer = await server.http("POST", "/api/v1/logout", headers=headers)
    assert answer.status_code == 200
    assert not cookie(answer)["value"]
    for credentials in (headers, {"Authorization": f"Bearer {anna.token}"}):
        after = await server.http("GET", "/api/v1/me", headers=credentials)
        assert (after.status_code, after.json()["error"]["code"]) == (401, "auth.invalid")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "auth.required"),
        ({"Authorization": "Bearer"}, "auth.required"),
        ({"Authorization": "Basic YTpi"}, "auth.required"),
        ({"Authorization": "Bearer nonsense"}, "auth.invalid"),
        ({"Authorization": "bearer nonsense"}, "auth.invalid"),
        ({"Cookie": "chat_session=nonsense"}, "auth.invalid"),
    ],
)
async def test_requests_without_a_valid_session(
    server: Running, headers: dict[str, str], code: str
) -> None:
    for path in ("/api/v1/me", "/api/v1/rooms", "/api/v1/rooms/x", "/api/v1/users/x"):
        answer = await server.http("GET", path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)


async def test_the_first_user_owns_the_server_and_the_others_do_not(start: Start) -> None:
    server = start()
    first, second = await server.person(), await server.person()
    assert (first.user["role"], second.user["role"]) == ("owner", "member")


async def test_registration_can_be_closed(start: Start) -> None:
    server = start({"server.registration": "closed"})
    answer = await server.register("anna")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "auth.closed")


async def test_users_are_found_by_name_and_never_listed(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    found = await anna.http("GET", f"/api/v1/users/{ben.username.upper()}")
    assert found.status_code == 200 and found.json() == ben.user
    missing = await anna.http("GET", "/api/v1/users/nobody")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "user.not_found")
    assert (await anna.http("GET", "/api/v1/users")).status_code == 405


async def test_guests_cannot_look_users_up_or_make_rooms(server: Running) -> None:
    _, guest = await server.people("owner", "guest")  # a server's first account stays its owner
    await server.run(lambda node: node.service.accounts.set_role(guest.username, ServerRole.GUEST))
    for answer in (
        await guest.http("GET", f"/api/v1/users/{guest.username}"),
        await guest.http("POST", "/api/v1/rooms", {"name": "mine"}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "user.forbidden")


async def test_staff_can_lock_an_account_and_let_it_in_again(start: Start) -> None:
    server = start()
    owner, anna = await server.people("owner", "anna")
    path = f"/api/v1/users/{anna.username}"
    forbidden = await anna.http("PUT", f"/api/v1/users/{owner.username}", {"disabled": True})
    assert (forbidden.status_code, forbidden.json()["error"]["code"]) == (403, "user.forbidden")
    locked = await owner.http("PUT", path, {"disabled": True})
    assert locked.status_code == 200 and locked.json()["disabled"] is True
    assert (await anna.http("GET", "/api/v1/me")).json()["error"]["code"] == "auth.invalid"
    login = {"username": anna.username, "password": PASSWORD}
    refused = await server.http("POST", "/api/v1/login", login)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "auth.invalid")
    await owner.http("PUT", path, {"disabled": False})
    assert (await server.http("POST", "/api/v1/login", login)).status_code == 200
