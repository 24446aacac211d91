"""Passwords that are set by others, and links for new ones, on every interface and by the command line."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver import ServerRole
from chatserver.testing.running import running
from tests.forking import ran
from tests.protocol.running import PASSWORD, Person, Running
from tests.protocol.test_accounts import cookie

NEW = "a brand new password"
GIVEN = "given by the boss 1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {
        "plugins.enabled": ["memory", "password", "graphql"],
        "server.public_url": "https://chat.example.org",
    }
    with Running(tmp_path_factory.mktemp("passwords"), settings) as found:
        yield found
        assert not found.take_errors()


async def boss(server: Running, role: ServerRole = ServerRole.OWNER) -> Person:
    person = await server.person("boss")
    await server.run(lambda it: it.service.accounts.set_role(person.username, role))
    return person


class Door:
    """What staff does over one interface. Returns the answer, or raises `Refused` with the error."""

    def __init__(self, name: str, staff: Person) -> None:
        self.name, self._staff = name, staff

    async def add(self, username: str, **fields: Any) -> Any:
        return await self._ask(
            ("POST", "/users"), "addUser", "{ user { username name role } }",
            {"username": username, "password": GIVEN, **fields},
        )  # fmt: skip

    async def set_password(self, username: str, password: str, **fields: Any) -> Any:
        return await self._ask(
            ("PUT", f"/users/{username}/password"), "setUserPassword", "{ user { username } }",
            {"username": username, "password": password, **fields},
        )  # fmt: skip

    async def reset_link(self, username: str) -> Any:
        return await self._ask(
            ("POST", f"/users/{username}/reset-link"), "makeResetLink", "{ link expires }",
            {"username": username},
        )  # fmt: skip

    async def _ask(
        self, route: tuple[str, str], mutation: str, wanted: str, fields: dict[str, Any]
    ) -> Any:
        if self.name == "HTTP":
            answer = await self._staff.http(route[0], f"/api/v1{route[1]}", fields)
            if not answer.is_success:
                raise Refused(answer.json()["error"])
            return answer.json()
        camel = {"must_change": "mustChange"}
        given = ", ".join(f"{camel.get(k, k)}: {json.dumps(v)}" for k, v in fields.items())
        query = f"mutation {{ {mutation}(input: {{{given}}}) {wanted} }}"
        answer = await self._staff.http("POST", "/graphql", {"query": query})
        if "errors" in answer.json():
            raise Refused(answer.json()["errors"][0]["extensions"])
        found = answer.json()["data"][mutation]
        return found.get("user", found)


class Refused(Exception):
    def __init__(self, error: dict[str, Any]) -> None:
        self.error = error
        super().__init__(error["code"])


@pytest.fixture(params=["HTTP", "GraphQL"])
def door(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def login(server: Running, username: str, password: str) -> Any:
    return await server.http("POST", "/api/v1/login", {"username": username, "password": password})


async def proceed(server: Running, detail: dict[str, Any], **answer: str) -> Any:
    body = {"flow": detail["flow"], "secret": detail["secret"], "answer": answer}
    return await server.http("POST", "/api/v1/login/proceed", body)


async def follow(server: Running, code: str) -> dict[str, Any]:
    """The step behind a link."""
    begun = await server.http("POST", "/api/v1/login/begin", {"method": "reset", "secret": True})
    return (await proceed(server, begun.json(), code=code)).json()


async def test_somebody_who_was_added_chooses_a_password_on_every_way_in(
    server: Running, door: str
) -> None:
    staff = Door(door, await boss(server))
    name = f"added-{door.lower()}"
    made = await staff.add(name, name=f"Added by {door}")
    assert (made["username"], made["name"]) == (name, f"Added by {door}")
    assert made["role"].lower() == "member"
    query = f'mutation {{ login(input: {{username: "{name}", password: "{GIVEN}"}}) {{ token }} }}'
    over_graphql = await server.http("POST", "/graphql", {"query": query})
    assert over_graphql.json()["errors"][0]["extensions"]["code"] == "auth.challenge"
    begun = await server.http("POST", "/api/v1/login/begin", {"method": "password", "secret": True})
    by_steps = (await proceed(server, begun.json(), username=name, password=GIVEN)).json()
    assert by_steps["method"] == "renewal" and "token" not in by_steps
    answer = await login(server, name, GIVEN)
    assert answer.status_code == 401 and "chat_session" not in str(answer.headers)
    detail = answer.json()["error"]["detail"]
    assert detail["method"] == "renewal"
    (field,) = detail["step"]["fields"]
    assert field == {"name": "password", "label": "New password", "kind": "new_password"}
    for weak, reason in ((GIVEN, "same"), ("short", "short"), (f"{name}1", "context")):
        refused = await proceed(server, detail, password=weak)
        error = refused.json()["error"]
        assert error["code"] == "request.invalid"
        assert (error["detail"]["field"], error["detail"]["reason"]) == ("password", reason)
    done = await proceed(server, detail, password=NEW)
    assert done.json()["user"]["username"] == name and cookie(done)["value"]
    assert (await login(server, name, GIVEN)).status_code == 401
    assert (await login(server, name, NEW)).status_code == 200


async def test_a_password_that_is_set_need_not_be_changed_if_staff_says_so(
    server: Running, door: str
) -> None:
    staff = Door(door, await boss(server))
    anna = await server.person("anna")
    async with anna.connect() as client:
        await staff.set_password(anna.username, GIVEN, must_change=False)
        assert await client.closed() == 4451
    assert (await login(server, anna.username, PASSWORD)).status_code == 401
    assert (await login(server, anna.username, GIVEN)).status_code == 200
    await staff.set_password(anna.username, f"{GIVEN}2")
    answer = await login(server, anna.username, f"{GIVEN}2")
    assert answer.json()["error"]["code"] == "auth.challenge"
    with pytest.raises(Refused) as refused:
        await staff.set_password(anna.username, "password")
    assert refused.value.error["detail"]["reason"] == "common"


async def test_a_link_leads_to_a_new_password_and_into_the_account(
    server: Running, door: str
) -> None:
    staff = Door(door, await boss(server))
    anna = await server.person("anna")
    made = await staff.reset_link(anna.username)
    assert (
        made["link"].startswith("https://chat.example.org/#reset=") and made["expires"][-1] == "Z"
    )
    code = made["link"].partition("=")[2]
    assert (await anna.http("GET", "/api/v1/me")).status_code == 200  # nothing has happened yet
    step = await follow(server, code)
    assert [field["name"] for field in step["step"]["fields"]] == ["username", "password"]
    assert step["step"]["fields"][0]["value"] == anna.username
    weak = await proceed(server, step, password="short")
    assert weak.json()["error"]["detail"]["reason"] == "short"
    done = await proceed(server, step, password=NEW)
    assert done.json()["user"]["id"] == anna.id
    assert (await anna.http("GET", "/api/v1/me")).status_code == 401
    session = {"Authorization": f"Bearer {done.json()['token']}"}
    mine = await server.http("GET", "/api/v1/me/sessions", headers=session)
    assert [each["method"] for each in mine.json()["sessions"]] == ["reset"]
    again = await follow(server, code)
    assert "not valid" in again["step"]["error"]


@pytest.mark.parametrize("role", [ServerRole.MEMBER, ServerRole.GUEST, ServerRole.ADMIN])
async def test_who_may_not_decide_on_a_password_is_refused(
    server: Running, door: str, role: ServerRole
) -> None:
    await boss(server)  # a server's first account stays its owner
    somebody = Door(door, await boss(server, role))
    other = await boss(server, ServerRole.ADMIN)
    for attempt in (
        somebody.set_password(other.username, GIVEN),
        somebody.reset_link(other.username),
        *((somebody.add("never"),) if role is not ServerRole.ADMIN else ()),
    ):
        with pytest.raises(Refused, match=r"user\.forbidden"):
            await attempt
    assert (await other.http("GET", "/api/v1/me")).status_code == 200


async def test_links_are_listed_nowhere_and_other_codes_count_as_failures(server: Running) -> None:
    methods = (await server.http("GET", "/api/v1/login/methods")).json()["methods"]
    assert [each["name"] for each in methods] == ["password"]
    found = ""
    begun = await server.http("POST", "/api/v1/login/begin", {"method": "reset", "secret": True})
    step = begun.json()
    for _ in range(60):
        answer = await proceed(server, step, code="somebody.guessed")
        if not answer.is_success:
            found = answer.json()["error"]["code"]
            break
        step = answer.json()
        if "flow" not in step:
            break
    assert found in ("limit.rate", "auth.flow")


async def test_a_code_is_in_no_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = {"server.data": str(tmp_path), "logging.level": "DEBUG"}
    async with running("audit", settings=settings) as chat:
        await chat.service.accounts.add("ada", PASSWORD)
        made = await chat.service.accounts.passwords.reset_link("ada")
        code = made.link.partition("=")[2]
        begin = {"method": "reset", "secret": True}
        begun = (await chat.http("POST", "/api/v1/login/begin", begin)).json
        given = {"flow": begun["flow"], "secret": begun["secret"], "answer": {"code": code}}
        assert (await chat.http("POST", "/api/v1/login/proceed", given)).status == 200
    secret = code.partition(".")[2]
    audit = await asyncio.to_thread((tmp_path / "audit" / "audit.log").read_text)
    assert "account.reset_link" in audit and secret not in audit
    assert secret not in capfd.readouterr().err


def command(data: Path, *arguments: str, given: str = "") -> tuple[int, str, str]:
    options = [f"--set=server.data={data}", "--set=plugins.enabled=sqlite,password"]
    options.append("--set=server.public_url=https://chat.example.org")
    done = ran("user", *arguments, *options, input=given)
    return done.returncode, done.stdout, done.stderr


async def test_an_operator_does_the_same_by_commands(tmp_path: Path) -> None:
    data = tmp_path / "data"
    password = ("--password-file", "-")
    async with running(store="sqlite", settings={"server.data": str(data)}):
        pass  # the tables are made
    assert command(data, "add", "ada", *password, "--must-change", given=GIVEN)[0] == 0
    assert command(data, "add", "bob", *password, given=GIVEN)[0] == 0
    assert command(data, "passwd", "bob", *password, "--must-change", given=f"{GIVEN}2")[0] == 0
    status, link, said = command(data, "reset-link", "ada", "--hours", "2")
    assert (status, "It is valid once, until 20" in said) == (0, True)
    assert link.startswith("https://chat.example.org/#reset=")
    status, shown, _ = command(data, "reset-link", "ada", "--json")
    assert status == 0 and set(json.loads(shown)) == {"link", "expires"}
    status, _, said = command(data, "reset-link", "carol")
    assert status == 1 and "There is no such user." in said
    assert command(data, "reset-link", "ada", "--hours", "169")[0] == 2
    async with running(store="sqlite", settings={"server.data": str(data)}) as chat:
        for name, given in (("ada", GIVEN), ("bob", f"{GIVEN}2")):
            body = {"username": name, "password": given}
            refused = (await chat.http("POST", "/api/v1/login", body)).json["error"]
            assert refused["detail"]["method"] == "renewal"
        code = json.loads(shown)["link"].partition("=")[2]
        assert await chat.service.accounts.passwords.of_reset_code(code)
        assert not await chat.service.accounts.passwords.of_reset_code(
            link.strip().partition("=")[2]
        )
