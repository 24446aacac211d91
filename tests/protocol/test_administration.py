"""What staff of the server do over HTTP: all accounts, their roles, plugins and claims."""

import time
from typing import Any

import pytest

from chatserver import ServerRole
from tests.protocol.running import Person, Running


async def staffed(server: Running, role: ServerRole = ServerRole.ADMIN) -> tuple[Person, Person]:
    """Somebody of the staff, and a member."""
    _, chief, other = await server.people("founder", "chief", "other")
    await server.run(lambda running: running.service.accounts.set_role(chief.username, role))
    return chief, other


async def answer(person: Person, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    found = await person.http(method, path, body)
    return found.status_code, found.json()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v1/admin/users", None),
        ("GET", "/api/v1/admin/users/{name}/sessions", None),
        ("DELETE", "/api/v1/admin/users/{name}/sessions", None),
        ("GET", "/api/v1/admin/rooms", None),
        ("GET", "/api/v1/admin/status", None),
        ("GET", "/api/v1/admin/plugins", None),
        ("GET", "/api/v1/admin/plugins/password/settings", None),
        ("POST", "/api/v1/admin/claims/release", {"plugin": "x"}),
        ("PUT", "/api/v1/users/{name}", {"role": "guest"}),
    ],
)
async def test_others_than_staff_are_refused(
    server: Running, method: str, path: str, body: Any
) -> None:
    _, other = await staffed(server)
    status, found = await answer(other, method, path.format(name=other.username), body)
    assert (status, found["error"]["code"]) == (403, "user.forbidden")


async def test_staff_find_accounts_page_by_page(server: Running) -> None:
    chief, other = await staffed(server)
    people = await server.people("findable", "findable", "findable")
    assert sorted(await _listed(chief, "text=FINDABLE&limit=2", 2)) == sorted(
        person.id for person in people
    )
    assert {chief.id, other.id} <= set(await _listed(chief, "limit=200", 200))


async def _listed(chief: Person, asked: str, most: int) -> list[str]:
    """The ids of all accounts that staff is told of, page by page."""
    seen: list[str] = []
    after = ""
    while after is not None:
        _, found = await answer(chief, "GET", f"/api/v1/admin/users?{asked}&after={after}")
        assert len(found["users"]) <= most
        seen += [user["id"] for user in found["users"]]
        after = found["after"]
    return seen


async def test_admins_give_only_roles_below_their_own(server: Running) -> None:
    chief, other = await staffed(server)
    path = f"/api/v1/users/{other.username}"
    status, found = await answer(chief, "PUT", path, {"role": "guest"})
    assert (status, found["role"]) == (200, "guest")
    for role in ("admin", "owner"):
        status, _ = await answer(chief, "PUT", path, {"role": role})
        assert status == 403
    status, _ = await answer(chief, "PUT", f"/api/v1/users/{chief.username}", {"role": "member"})
    assert status == 403
    owner, admin = await staffed(server, ServerRole.OWNER)
    status, found = await answer(
        owner, "PUT", f"/api/v1/users/{admin.username}", {"role": "admin", "disabled": True}
    )
    assert (status, found["role"], found["disabled"]) == (200, "admin", True)
    status, found = await answer(owner, "PUT", path, {})
    assert (status, found["error"]["code"]) == (400, "request.invalid")


async def test_staff_finds_rooms_of_every_kind_page_by_page(server: Running) -> None:
    chief, other = await staffed(server)
    made = []
    for kind in ("public", "private", "private"):
        _, room = await answer(
            other, "POST", "/api/v1/rooms", {"name": "Gréenhouse", "kind": kind, "topic": "Tea"}
        )
        made.append(room["id"])
    await answer(other, "POST", "/api/v1/rooms", {"name": "Cellar", "kind": "private"})
    seen: list[dict[str, Any]] = []
    after = ""
    while after is not None:
        path = f"/api/v1/admin/rooms?text=GREENHOUSE&limit=2&after={after}"
        _, found = await answer(chief, "GET", path)
        assert len(found["rooms"]) <= 2
        seen += found["rooms"]
        after = found["after"]
    assert [room["id"] for room in seen] == sorted(made)
    assert {(room["name"], room["topic"]) for room in seen} == {("Gréenhouse", "Tea")}
    assert sorted(room["kind"] for room in seen) == ["private", "private", "public"]
    _, found = await answer(chief, "GET", f"/api/v1/admin/rooms?text={made[1]}")
    assert [room["id"] for room in found["rooms"]] == [made[1]]


async def test_staff_finds_somebody_without_typing_accents(server: Running) -> None:
    chief, _ = await staffed(server)
    given = {
        "username": f"zoe{time.time_ns()}",
        "name": "Béatrice",
        "password": "correct horse battery",
    }
    status, made = await answer(chief, "POST", "/api/v1/users", given)
    assert status == 201
    assert made["id"] in await _listed(chief, "text=BEATRICE", 50)


async def test_staff_sees_where_somebody_is_signed_in_and_ends_it(server: Running) -> None:
    chief, other = await staffed(server)
    path = f"/api/v1/admin/users/{other.username}/sessions"
    _, found = await answer(chief, "GET", path)
    (session,) = found["sessions"]
    assert not session["current"] and session["method"] == "password"
    async with other.connect() as connection:
        status, ended = await answer(chief, "DELETE", path)
        assert (status, ended["id"]) == (200, other.id)
        assert await connection.closed() == 4451
    status, _ = await answer(other, "GET", "/api/v1/me")
    assert status == 401
    _, found = await answer(chief, "GET", path)
    assert found["sessions"] == []
    # One's own sessions are ended among one's own; nobody below ends those of a peer or superior.
    status, _ = await answer(chief, "DELETE", f"/api/v1/admin/users/{chief.username}/sessions")
    assert status == 403
    status, _ = await answer(chief, "DELETE", "/api/v1/admin/users/nobody-of-this-name/sessions")
    assert status == 404


async def test_staff_sees_the_state_of_the_running_installation(server: Running) -> None:
    chief, _ = await staffed(server)
    status, found = await answer(chief, "GET", "/api/v1/admin/status")
    assert status == 200
    told = found["status"]
    assert told["store"]["plugin"] == "memory"
    assert told["store"]["state"] == "ok"
    assert told["store"]["latency_ms"] >= 0
    assert "expired" in {job["name"] for job in told["jobs"]}
    assert found["disk"]["total"] >= found["disk"]["free"] > 0
    # The store is still open.
    status, _ = await answer(chief, "POST", "/api/v1/rooms", {"name": "Afterwards"})
    assert status == 201


async def test_claims_of_a_plugin_that_is_off_are_seen_and_released(server: Running) -> None:
    chief, _ = await staffed(server)
    await server.run(lambda running: running.service.claims.add("doorkeeper", "RoomJoin"))
    await server.run(lambda running: running.service.claims.add("doorkeeper", "Pin"))
    await server.run(lambda running: running.service.claims.load())
    _, found = await answer(chief, "GET", "/api/v1/admin/plugins")
    last = found["plugins"][-1]
    assert (last["name"], last["on"], last["configured"]) == ("doorkeeper", False, False)
    assert {claim["action"] for claim in last["claims"]} == {"RoomJoin", "Pin"}
    first = found["plugins"][0]
    assert first["on"] and first["configured"] and first["hooks"] and first["claims"] == []
    assert last["powers"] is None
    password = next(each for each in found["plugins"] if each["name"] == "password")
    assert password["powers"]["service"] == ["accounts.sessions_end"]
    assert password["secret_settings"] == []
    path = "/api/v1/admin/claims/release"
    status, _ = await answer(chief, "POST", path, {"plugin": "doorkeeper", "action": "Dance"})
    assert status == 400
    _, ended = await answer(chief, "POST", path, {"plugin": "doorkeeper", "action": "Pin"})
    assert [claim["action"] for claim in ended["claims"]] == ["Pin"]
    await answer(chief, "POST", path, {"plugin": "doorkeeper"})
    _, found = await answer(chief, "GET", "/api/v1/admin/plugins")
    assert "doorkeeper" not in {plugin["name"] for plugin in found["plugins"]}


async def test_staff_sees_what_plugins_are_for_and_which_others_there_are(server: Running) -> None:
    chief, _ = await staffed(server)
    _, found = await answer(chief, "GET", "/api/v1/admin/plugins")
    password = next(each for each in found["plugins"] if each["name"] == "password")
    assert "password" in password["about"].lower() and "\n" not in password["about"]
    there = {each["name"]: each["about"] for each in found["available"]}
    assert "shortcodes" in there and all(there[name] for name in ("shortcodes", "totp", "ldap"))
    assert there.keys().isdisjoint(each["name"] for each in found["plugins"])


async def test_owners_see_the_settings_of_a_plugin_without_its_secrets(server: Running) -> None:
    owner, other = await staffed(server, ServerRole.OWNER)
    _, found = await answer(owner, "GET", "/api/v1/admin/plugins/password/settings")
    settings = {each["key"]: each for each in found["settings"]}
    memory = settings["memory_kib"]
    assert memory["value"].isdecimal() and memory["default"].isdecimal()
    assert memory["type"].startswith("a whole number") and memory["description"]
    assert found["fixed"] == "provides" and found["is_on"]
    _, found = await answer(owner, "GET", "/api/v1/admin/plugins/smtp/settings")
    port, host = (
        next(each for each in found["settings"] if each["key"] == key) for key in ("port", "host")
    )
    assert not found["is_on"] and found["fixed"] == ""
    assert port["form"] == {"kind": "integer", "minimum": 1, "maximum": 65535}
    assert (host["default"], host["current"], host["is_set"]) == (None, None, False)
    status, _ = await answer(owner, "GET", "/api/v1/admin/plugins/nothing/settings")
    assert status == 404
    await server.run(
        lambda running: running.service.accounts.set_role(other.username, ServerRole.ADMIN)
    )
    status, found = await answer(other, "GET", "/api/v1/admin/plugins/password/settings")
    assert (status, found["error"]["code"]) == (403, "user.forbidden")


async def test_roles_and_releases_need_a_recent_confirmation(server: Running) -> None:
    chief, other = await staffed(server)

    async def set_clock(running: Any, ahead: float) -> None:
        running.service.accounts.sessions._clock = lambda: time.time() + ahead

    await server.run(lambda running: set_clock(running, 601))
    try:
        for method, path, body in (
            ("PUT", f"/api/v1/users/{other.username}", {"role": "guest"}),
            ("POST", "/api/v1/admin/claims/release", {"plugin": "x"}),
            ("DELETE", f"/api/v1/admin/users/{other.username}/sessions", None),
        ):
            status, found = await answer(chief, method, path, body)
            assert (status, found["error"]["code"]) == (403, "auth.confirm")
        _, found = await answer(chief, "GET", f"/api/v1/users/{other.username}")
        assert found["role"] == "member"
    finally:
        await server.run(lambda running: set_clock(running, 0))


async def test_one_chooses_another_name(server: Running) -> None:
    (anna,) = await server.people("anna")
    status, found = await answer(anna, "PATCH", "/api/v1/me", {"name": "  Anna  B. "})
    assert (status, found["name"]) == (200, "Anna B.")
    status, found = await answer(anna, "PATCH", "/api/v1/me", {"name": ""})
    assert (status, found["error"]["code"]) == (400, "request.invalid")
