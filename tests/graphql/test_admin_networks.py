"""Administration from the configured addresses alone, through every door."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from loguru import logger

from chatserver.app import Server
from chatserver.config import load
from chatserver.errors import ChatError, StartupError
from chatserver.model import ServerRole, User
from chatserver.service.administration import Administration
from tests.graphql.conftest import Start
from tests.graphql.speaker import Speaker
from tests.protocol.running import Person, Running

OFFICE, HOME = {"X-Forwarded-For": "192.0.2.7"}, {"X-Forwarded-For": "198.51.100.7"}
MUTATION = (
    "mutation ($i: SetUserDisabledInput!) { setUserDisabled(input: $i) { user { disabled } } }"
)
SETTINGS = {
    "plugins.enabled": ["memory", "password", "metrics", "graphql", "browser"],
    "server.trusted_proxies": ["127.0.0.1"],
    "server.admin_networks": ["192.0.2.0/24"],
    "server.internal_port": 0,
}
Headers = Mapping[str, str]


def code_in(answer: httpx.Response) -> str | None:
    """The code of the error in an answer of the API or of GraphQL; None without an error."""
    found = answer.json()
    if "errors" in found:
        code: str = found["errors"][0]["extensions"]["code"]
        return code
    return found["error"]["code"] if "error" in found else None


async def over_http(staff: Person, other: Person, port: int, headers: Headers) -> str | None:
    path = f"/api/v1/users/{other.username}"
    return code_in(await staff.http("PUT", path, {"disabled": False}, headers=dict(headers)))


async def over_graphql(staff: Person, other: Person, port: int, headers: Headers) -> str | None:
    given = {"i": {"username": other.username, "disabled": False}}
    body = {"query": MUTATION, "variables": given}
    return code_in(await staff.http("POST", "/graphql", body, headers=dict(headers)))


async def over_a_graphql_socket(
    staff: Person, other: Person, port: int, headers: Headers
) -> str | None:
    async with Speaker(staff._server.port, headers=dict(headers)) as socket:
        await socket.init(staff.token)
        socket.subscribe("1", MUTATION, i={"username": other.username, "disabled": False})
        result: dict[str, Any] = (await socket.of("1"))["payload"]
        return result["errors"][0]["extensions"]["code"] if "errors" in result else None


async def in_the_data_browser(
    staff: Person, other: Person, port: int, headers: Headers
) -> str | None:
    given = {"Authorization": f"Bearer {staff.token}", **headers}
    async with httpx.AsyncClient(verify=False) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/_admin/data/users", headers=given)
    return None if answer.status_code == 200 else code_in(answer)


async def by_giving_a_role(staff: Person, other: Person, port: int, headers: Headers) -> str | None:
    path = f"/api/v1/users/{other.username}"
    return code_in(await staff.http("PUT", path, {"role": "guest"}, headers=dict(headers)))


async def in_the_list_of_users(
    staff: Person, other: Person, port: int, headers: Headers
) -> str | None:
    return code_in(await staff.http("GET", "/api/v1/admin/users", headers=dict(headers)))


async def in_the_list_of_plugins(
    staff: Person, other: Person, port: int, headers: Headers
) -> str | None:
    return code_in(await staff.http("GET", "/api/v1/admin/plugins", headers=dict(headers)))


async def by_a_release(staff: Person, other: Person, port: int, headers: Headers) -> str | None:
    path, body = "/api/v1/admin/claims/release", {"plugin": "x"}
    return code_in(await staff.http("POST", path, body, headers=dict(headers)))


DOORS = (
    over_http,
    over_graphql,
    over_a_graphql_socket,
    in_the_data_browser,
    by_giving_a_role,
    in_the_list_of_users,
    in_the_list_of_plugins,
    by_a_release,
)


async def staffed(server: Running, role: ServerRole = ServerRole.ADMIN) -> list[Person]:
    """A user with this role, and another user."""
    _, staff, other = await server.people("Founder", "Staff", "Other")
    await server.run(lambda s: s.service.accounts.set_role(staff.username, role))
    return [staff, other]


async def internal_port(server: Running) -> int:
    async def port(running: Server) -> int | None:
        return running.internal_port

    found = await server.run(port)
    assert found is not None
    return found


@pytest.mark.parametrize("door", DOORS)
async def test_staff_elsewhere_is_refused(start: Start, door: Any) -> None:
    server = start(SETTINGS)
    port = await internal_port(server)
    for role in (ServerRole.ADMIN, ServerRole.OWNER):
        staff, other = await staffed(server, role)
        assert await door(staff, other, port, HOME) == "auth.address"
        assert await door(staff, other, port, {}) == "auth.address"  # from loopback itself
        assert await door(staff, other, port, OFFICE) is None
        # Others learn nothing of the addresses.
        assert await door(other, staff, port, HOME) == "user.forbidden"
        assert await door(other, staff, port, OFFICE) == "user.forbidden"
        # All else works from anywhere.
        assert (await staff.http("GET", "/api/v1/rooms", headers=HOME)).status_code == 200


@pytest.mark.parametrize("door", DOORS)
async def test_without_networks_staff_administrates_from_anywhere(start: Start, door: Any) -> None:
    server = start({**SETTINGS, "server.admin_networks": []})
    staff, other = await staffed(server)
    assert await door(staff, other, await internal_port(server), HOME) is None


@pytest.mark.parametrize("door", DOORS)
async def test_a_claimed_address_is_not_believed(start: Start, door: Any) -> None:
    server = start({**SETTINGS, "server.trusted_proxies": []})
    staff, other = await staffed(server)
    assert await door(staff, other, await internal_port(server), OFFICE) == "auth.address"


@pytest.mark.parametrize(
    ("networks", "expected"), [(["192.0.2.0/24"], "auth.address"), (["127.0.0.0/8"], None)]
)
async def test_the_data_browser_at_the_main_port_is_refused_as_well(
    start: Start, networks: list[str], expected: str | None
) -> None:
    server = start({**SETTINGS, "server.admin_networks": networks})
    staff, other = await staffed(server)
    assert await in_the_data_browser(staff, other, server.port, {}) == expected


async def test_a_refusal_changes_nothing_and_is_logged(start: Start) -> None:
    server = start(SETTINGS)
    staff, other = await staffed(server)
    logged: list[str] = []
    sink = logger.add(lambda line: logged.append(str(line)), level="WARNING")
    path = f"/api/v1/users/{other.username}"
    refused = await staff.http("PUT", path, {"disabled": True}, headers=HOME)
    logger.remove(sink)
    assert (refused.status_code, code_in(refused)) == (403, "auth.address")
    assert (await other.http("GET", "/api/v1/me")).status_code == 200
    assert any(staff.id in line and HOME["X-Forwarded-For"] in line for line in logged)


@pytest.mark.parametrize(
    ("address", "is_in"),
    [
        ("192.0.2.1", True),
        ("::ffff:192.0.2.1", True),
        ("2001:db8::7", True),
        ("192.0.3.1", False),
        ("2001:db9::7", False),
        ("", False),
        ("office", False),
        (None, False),
    ],
)
def test_an_address_of_any_form_is_found_in_the_networks(address: str | None, is_in: bool) -> None:
    staff = User(id="u", username="ada", name="Ada", role=ServerRole.OWNER, at="")
    administration = Administration(["192.0.2.0/24", "2001:db8::/32"])
    if is_in:
        administration.demand(staff, address)
        return
    with pytest.raises(ChatError) as refused:
        administration.demand(staff, address)
    assert refused.value.code == "auth.address"


def test_a_wrong_network_is_refused_at_the_start() -> None:
    with pytest.raises(
        StartupError, match=r"admin_networks: 'office' is not an address or network"
    ):
        load(environ={}, overrides={"server.admin_networks": ["office"]})


def test_no_door_goes_round_the_list() -> None:
    """`demand_staff` is called in one place, so what administrates demands the address, too."""
    root = Path(__file__).parents[2]
    files = [*(root / "chatserver").rglob("*.py"), *(root / "plugins").rglob("*.py")]
    calling = {
        path.name for path in files if re.search(r"(?<!def )demand_staff\(", path.read_text())
    }
    assert calling == {"administration.py"}
