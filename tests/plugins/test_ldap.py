"""Sign-in with a directory: a real slapd, over StartTLS and TLS."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme
from loguru import logger

from chatserver import ChatError, ServerRole
from chatserver.testing.loginmethods import LoginMethodContract
from chatserver.testing.running import Answer, Chat, running
from chatserver_plugins.ldap.config import Config
from chatserver_plugins.ldap.directory import WAITING, Directory
from chatserver_plugins.ldap.entry import DirectoryAway
from tests.servers import free_port
from tests.slapd import GROUPS, PEOPLE, READER, READER_PASSWORD, Slapd

WORD = "the sea is wide"


@pytest.fixture(scope="module")
def slapd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("slapd"))
    server.person("ada", WORD, "staff", "operators", employeeNumber="1", cn="Ada Lovelace")
    server.person("bob", WORD + "!", "staff", employeeNumber="2")
    server.person("countess", WORD, "staff", employeeNumber="1")
    server.person("twin", WORD, employeeType="double")
    server.person("twin2", WORD, employeeType="double")
    server.group("staff", "ada", "bob", "countess")
    server.group("operators", "ada")
    server.start()
    yield server
    server.stop()


def settings(slapd: Slapd, **more: object) -> dict[str, object]:
    given = {
        "servers": [slapd.url],
        "base": PEOPLE,
        "ca_file": str(slapd.ca_file),
        "bind_dn": READER,
        "bind_password": READER_PASSWORD,
        **more,
    }
    return {f"plugin.ldap.{name}": value for name, value in given.items()}


def config(slapd: Slapd, **more: object) -> Config:
    given = {key.rpartition(".")[2]: value for key, value in settings(slapd, **more).items()}
    return Config(**given)  # type: ignore[arg-type]


@asynccontextmanager
async def directory(slapd: Slapd, **more: object) -> AsyncIterator[Directory]:
    made = Directory(config(slapd, **more))
    try:
        yield made
    finally:
        made.close()


async def sign_in(chat: Chat, name: str, word: str) -> Answer:
    begun = await chat.http("POST", "/api/v1/login/begin", {"method": "ldap", "secret": True})
    answer = {"username": name, "password": word}
    body = {"flow": begun.json["flow"], "secret": begun.json["secret"], "answer": answer}
    return await chat.http("POST", "/api/v1/login/proceed", body)


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


class TestTheContract(LoginMethodContract):
    plugin = method = "ldap"
    settings: ClassVar[Mapping[str, object]] = {}

    @pytest.fixture(autouse=True)
    def _directory(self, slapd: Slapd) -> None:
        type(self).settings = settings(slapd)

    async def right(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        return {"username": "ada", "password": WORD}

    async def wrong(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        return {"username": "ada", "password": WORD + "?"}


@pytest.mark.parametrize("over", ["StartTLS", "TLS"])
async def test_a_person_is_known_by_what_the_directory_says(slapd: Slapd, over: str) -> None:
    url = slapd.url if over == "StartTLS" else slapd.tls_url
    async with running("ldap", settings=settings(slapd, servers=[url])) as chat:
        user = (await sign_in(chat, "ada", WORD)).json["user"]
        assert (user["username"], user["name"]) == ("ada", "Ada Lovelace")
        assert (await sign_in(chat, "bob", WORD + "!")).json["user"]["id"] != user["id"]


async def test_a_wrong_name_and_a_wrong_password_look_alike(slapd: Slapd) -> None:
    async with running("ldap", settings=settings(slapd)) as chat:
        answers = [
            (await sign_in(chat, name, word)).json["step"]
            for name, word in (("ada", "no"), ("nobody", WORD), ("bob", WORD), ("*", WORD))
        ]
        assert len({(step["kind"], step["error"]) for step in answers}) == 1


@pytest.mark.parametrize(
    "name", ["", "*", "a*", "ada)(uid=*", "ada)(|(uid=*", "ad\\61", "ada\0", "a" * 257]
)
async def test_a_name_is_no_filter(slapd: Slapd, name: str) -> None:
    async with directory(slapd) as asked:
        assert await asked.look_up(name, WORD) is None
        assert await asked.look_up("ada", WORD) is not None


async def test_a_name_that_looks_like_a_filter_is_found(slapd: Slapd) -> None:
    async with directory(slapd, person="(cn={username})") as asked:
        found = await asked.look_up("Ada Lovelace", WORD)
        assert found is not None and found.username == "ada"


async def test_a_bind_without_a_password_proves_nothing(slapd: Slapd) -> None:
    async with directory(slapd) as asked:
        for word in ("", "\0", f"{WORD}\0"):
            assert await asked.look_up("ada", word) is None


async def test_a_name_of_two_people_signs_nobody_in(slapd: Slapd) -> None:
    async with directory(slapd, person="(employeeType={username})") as asked:
        assert await asked.look_up("double", WORD) is None


async def test_an_account_is_found_by_its_subject_alone(slapd: Slapd) -> None:
    """A person who gets another name in the directory keeps the account."""
    given = settings(slapd, subject="employeeNumber")
    async with running("ldap", settings=given) as chat:
        before = await sign_in(chat, "ada", WORD)
        after = await sign_in(chat, "countess", WORD)
        assert before.json["user"]["id"] == after.json["user"]["id"]


@pytest.mark.parametrize(
    "how",
    [
        {"member_of": "memberOf"},
        {"group_base": GROUPS},
        {"group_base": GROUPS, "group": f"(member=uid={{username}},{PEOPLE})"},
    ],
)
async def test_groups_are_found_both_ways(slapd: Slapd, how: dict[str, str]) -> None:
    async with directory(slapd, **how) as asked:
        ada, twin = await asked.look_up("ada", WORD), await asked.look_up("twin", WORD)
        assert ada is not None and set(ada.groups) == {"staff", "operators"}
        assert twin is not None and twin.groups == ()


async def test_a_role_follows_the_groups_at_each_sign_in(slapd: Slapd) -> None:
    roles = {"operators": "admin", "nobody": "guest"}
    given = settings(slapd, member_of="memberOf", roles=roles)
    async with running("ldap", settings=given) as chat:
        owner = await chat.user("owner")
        ada = (await sign_in(chat, "ada", WORD)).json["user"]
        assert (ada["role"], owner.user.role) == ("admin", "owner")
        bob = (await sign_in(chat, "bob", WORD + "!")).json["user"]
        assert bob["role"] == "member"
        await chat.service.accounts.set_role("bob", ServerRole.ADMIN)
        assert (await sign_in(chat, "bob", WORD + "!")).json["user"]["role"] == "member"


async def test_who_is_in_no_needed_group_is_refused(slapd: Slapd) -> None:
    given = settings(slapd, member_of="memberOf", groups=["operators", "board"])
    async with running("ldap", settings=given) as chat:
        assert "token" in (await sign_in(chat, "ada", WORD)).json
        assert error(await sign_in(chat, "bob", WORD + "!")) == (403, "auth.refused")
        wrong = await sign_in(chat, "bob", "no")
        assert wrong.json["step"]["error"], "only who knows the password learns of groups"


async def test_many_sign_in_at_the_same_time(slapd: Slapd) -> None:
    async with directory(slapd, connections=2) as asked:
        people = [("ada", WORD), ("bob", WORD + "!"), ("bob", WORD), ("nobody", WORD)] * 10
        found = await asyncio.gather(*(asked.look_up(*person) for person in people))
        names = [None if entry is None else entry.username for entry in found]
        assert names == ["ada", "bob", None, None] * 10


async def test_only_so_many_wait_for_a_slow_directory(slapd: Slapd) -> None:
    async with directory(slapd, connections=1, timeout_seconds=60) as made:
        assert await made.look_up("ada", WORD)
        slapd.freeze()
        try:
            waiting = [asyncio.create_task(made.look_up("ada", WORD)) for _ in range(1 + WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(ChatError, match=r"limit\.rate"):
                await asyncio.wait_for(made.look_up("ada", WORD), 30)
        finally:
            slapd.thaw()
        assert all(await asyncio.gather(*waiting))
        assert await made.look_up("ada", WORD)


async def test_a_directory_of_another_authority_or_name_gets_no_password(
    slapd: Slapd, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    for port, scheme in ((slapd.port, "ldap"), (slapd.tls_port, "ldaps")):
        for how in (
            {"servers": [f"{scheme}://localhost:{port}"], "ca_file": str(tmp_path / "other.pem")},
            {"servers": [f"{scheme}://127.0.0.1:{port}"]},
        ):
            async with directory(slapd, **how) as asked:
                with pytest.raises(DirectoryAway):
                    await asked.look_up("ada", WORD)


async def test_a_wrong_password_of_the_server_itself_is_an_error_and_no_wrong_answer(
    slapd: Slapd,
) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    given = settings(slapd, bind_password="mistyped secret")
    async with running("ldap", settings=given) as chat:
        answer = await sign_in(chat, "ada", WORD)
        assert error(answer) == (503, "auth.unavailable")
    logger.remove(sink)
    said = "".join(lines)
    assert "bind_dn: invalidCredentials" in said
    assert WORD not in said and "mistyped secret" not in said


async def test_a_directory_that_comes_back_is_used_again(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "slapd")
    server.person("ada", WORD)
    server.start()
    try:
        async with running("ldap", settings=settings(server, timeout_seconds=1)) as chat:
            first = await sign_in(chat, "ada", WORD)
            begun = await chat.http(
                "POST", "/api/v1/login/begin", {"method": "ldap", "secret": True}
            )
            answer = {"answer": {"username": "ada", "password": WORD}}
            body = {"flow": begun.json["flow"], "secret": begun.json["secret"], **answer}
            server.stop()
            away = await chat.http("POST", "/api/v1/login/proceed", body)
            assert error(away) == (503, "auth.unavailable")
            server.start()
            again = await chat.http("POST", "/api/v1/login/proceed", body)
            assert again.json["user"] == first.json["user"], "the same answer may be given again"
            server.stop()
            server.start()  # the connection that was kept is closed
            assert "token" in (await sign_in(chat, "ada", WORD)).json
            server.freeze()
            assert error(await sign_in(chat, "ada", WORD)) == (503, "auth.unavailable")
            await chat.user("bystander")
            server.thaw()
            assert "token" in (await sign_in(chat, "ada", WORD)).json
    finally:
        server.stop()


async def test_the_next_server_is_asked_if_one_is_away(slapd: Slapd) -> None:
    servers = [f"ldap://localhost:{free_port()}", slapd.url]
    async with directory(slapd, servers=servers) as asked:
        for _ in range(3):
            assert await asked.look_up("ada", WORD) is not None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"servers": ["http://here"]}, "servers: expected ldaps://"),
        ({"servers": ["ldap://here"], "starttls": False}, "starttls"),
        ({"person": "(uid=ada)"}, "person: expected {username}"),
        ({"group": "(cn=all)"}, "group: expected {dn} or {username}"),
        ({"bind_dn": "cn=reader", "bind_password": ""}, "bind_dn"),
        ({"roles": {"staff": "owner"}, "member_of": "memberOf"}, "roles"),
        ({"groups": ["staff"]}, "groups, roles: expected member_of or group_base"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("{", r"\{").replace("}", r"\}")):
        Config(**{"servers": ["ldaps://here"], "base": PEOPLE} | given)  # type: ignore[arg-type]


def test_plain_connections_are_a_choice() -> None:
    made = Config(servers=["ldap://here"], base=PEOPLE, starttls=False, allow_plain=True)
    assert not made.starttls
