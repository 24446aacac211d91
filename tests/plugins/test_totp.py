"""One-time codes: RFC 6238, each code once, enrolment, recovery codes, on a server with several interfaces."""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import segno
from dict_records import DictRecords

from chatserver import Actor, ChatError, LoginClient
from chatserver.app import Server
from chatserver.config import load
from chatserver.model import ServerRole, User
from chatserver.service.login.steps import Turn
from chatserver.service.service import Service
from chatserver.testing.running import PASSWORD, Answer, Chat, Person, running
from chatserver_plugins.totp import TotpPlugin, codes
from chatserver_plugins.totp.enrolments import Enrolments
from chatserver_plugins.totp.qr import qr_code
from tests.waiting import until

SECRET = base64.b32encode(b"12345678901234567890").decode()
NOW = 1_000_000_000.0


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"),
     (2000000000, "279037"), (20000000000, "353130")],
)  # fmt: skip
def test_the_codes_are_those_of_the_rfc(seconds: int, code: str) -> None:
    """RFC 6238, appendix B, with six digits."""
    assert codes.code_at(SECRET, seconds // codes.PERIOD) == code
    assert codes.counter_of(SECRET, code, float(seconds), after=0) == seconds // codes.PERIOD


def test_a_clock_may_be_off_by_one_period() -> None:
    code, present = codes.code_at(SECRET, 100), 100 * codes.PERIOD
    for off, is_right in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
        found = codes.counter_of(SECRET, code, float(present + off * codes.PERIOD), after=0)
        assert (found == 100) is is_right and (found is None) is not is_right


@pytest.mark.parametrize("typed", ["", "0", "28708", "2870820", "abcdef", "２８７０８２", "-87082"])
def test_other_texts_are_no_codes(typed: str) -> None:
    assert codes.counter_of(SECRET, codes.cleaned(typed), 59.0, after=0) is None


class Slowly:
    """Records whose calls take a turn of the loop before and after, so that those of two nodes mix."""

    def __init__(self, records: DictRecords) -> None:
        self._records = records

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._records, name)

        async def call(*given: Any) -> Any:
            await asyncio.sleep(0)
            found = await method(*given)
            await asyncio.sleep(0)
            return found

        return call


async def enrolled(records: DictRecords) -> tuple[list[Enrolments], list[str]]:
    """Two nodes, and the recovery codes of a user whose first code is used up."""
    made = [Enrolments(Slowly(records), 3, lambda: NOW) for _ in range(2)]
    first = codes.code_at(SECRET, int(NOW // 30) - 1)
    recovery = await made[0].enrol("u", SECRET, first, replace=False)
    assert recovery is not None
    return made, recovery


async def test_a_code_is_used_once_on_any_node(records: DictRecords) -> None:
    (one, two), _ = await enrolled(records)
    first = codes.code_at(SECRET, int(NOW // 30) - 1)
    code, later = (codes.code_at(SECRET, int(NOW // 30) + step) for step in (0, 1))
    assert not await two.use("u", first), "the code of the enrolment"
    found = await asyncio.gather(*(each.use("u", code) for each in (one, two) * 5))
    assert found.count(True) == 1
    assert await one.use("u", later)
    assert not await two.use("u", code), "older than one that was used"
    assert not await one.use("nobody", later)


async def test_a_recovery_code_is_used_once_and_stored_as_a_hash(records: DictRecords) -> None:
    (one, two), recovery = await enrolled(records)
    assert len(set(recovery)) == 3
    stored = str(await records.scan(""))
    assert not any(code in stored or codes.cleaned(code) in stored for code in recovery)
    typed = f" {recovery[0].upper().replace('-', ' ')} "
    found = await asyncio.gather(*(each.use("u", typed) for each in (one, two) * 5))
    assert found.count(True) == 1
    assert await two.use("u", recovery[1])
    renewed = await one.renew_recovery("u")
    assert renewed is not None and not await one.use("u", recovery[2])
    assert await two.use("u", renewed[0])


async def test_an_enrolment_is_not_replaced_by_somebody_with_the_password_alone(
    records: DictRecords,
) -> None:
    (one, _), _ = await enrolled(records)
    other = codes.new_secret()
    code = codes.code_at(other, int(NOW // 30))
    assert await one.enrol("u", other, code, replace=False) is None
    found = await one.of("u")
    assert found is not None and found.secret == SECRET
    assert await one.enrol("u", other, code, replace=True) is not None


def test_the_picture_has_the_modules_of_the_qr_code() -> None:
    """Each run of dark modules is `Mx yhNv1h-Nz`: a rectangle of one row."""
    text = codes.address(SECRET, "Büro & Co", "ada")
    drawn = qr_code(text)
    rows = [[0] * drawn["size"] for _ in range(drawn["size"])]
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", drawn["path"])
    assert "".join(f"M{x} {y}h{n}v1h-{m}z" for x, y, n, m in runs) == drawn["path"]
    for x, y, length, back in (map(int, run) for run in runs):
        assert length == back
        for place in range(x, x + length):
            rows[y][place] += 1
    code = segno.make_qr(text, error="m", boost_error=False)
    assert rows == [list(row) for row in code.matrix]
    assert sum(map(sum, rows)) * 3 > drawn["size"] ** 2


def test_apps_take_over_the_secret_by_its_address() -> None:
    found = codes.address("ABC", "Büro & Co", "ada")
    assert found == "otpauth://totp/B%C3%BCro%20%26%20Co:ada?secret=ABC&issuer=B%C3%BCro%20%26%20Co"


# -- on a server -------------------------------------------------------------------------------------


def code_of(secret: str, step: int = 0) -> str:
    return codes.code_at(secret, int(NOW // codes.PERIOD) + step)


@asynccontextmanager
async def serving(*plugins: str, **settings: Any) -> AsyncIterator[Chat]:
    """A server on which it is always NOW for one-time codes."""
    given = {f"plugin.totp.{name}": value for name, value in settings.items()}
    async with running("totp", *plugins, settings=given) as chat:
        (plugin,) = [each for each in chat._server._plugins.all if each.name == "totp"]
        plugin.instance.enrolments.clock = lambda: NOW
        yield chat


async def proceed(chat: Chat, found: dict[str, Any], **answer: str) -> Answer:
    body = {"flow": found["flow"], "secret": found["secret"], "answer": answer}
    return await chat.http("POST", "/api/v1/login/proceed", body)


async def login(chat: Chat, name: str = "ada") -> Answer:
    return await chat.http("POST", "/api/v1/login", {"username": name, "password": PASSWORD})


async def enrol(chat: Chat, person: Person) -> tuple[str, list[str]]:
    """Enrol by oneself: the secret, and the recovery codes."""
    body = {"method": "totp", "purpose": "link", "secret": True}
    begun = (await person.http("POST", "/api/v1/login/begin", body)).json
    secret, address, _ = begun["step"]["fields"]
    assert secret["value"] in address["value"]
    assert address["data"]["qr"] == qr_code(address["value"])
    wrong = (await proceed(chat, begun, code="000000")).json
    assert wrong["step"]["error"] and wrong["step"]["fields"][0] == secret
    # An older code, so that the test may use the present one.
    shown = (await proceed(chat, wrong, code=code_of(secret["value"], -1))).json
    (field,) = shown["step"]["fields"]
    assert (await proceed(chat, shown)).json == {"done": "link"}
    return secret["value"], field["value"].split("\n")


async def test_whoever_enrolled_signs_in_with_a_code_from_then_on() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        assert (await login(chat)).status == 200
        assert (await ada.http("GET", "/api/v1/me/totp")).json == {
            "enrolled": False,
            "recovery_codes": 0,
        }
        secret, recovery = await enrol(chat, ada)
        assert len(recovery) == 10
        refused = await login(chat)
        assert (refused.status, refused.json["error"]["code"]) == (401, "auth.challenge")
        detail = refused.json["error"]["detail"]
        assert secret not in str(refused.json)
        wrong = await proceed(chat, detail, code="000000")
        assert wrong.json["step"]["error"]["en"] == "This code is not valid."
        code = code_of(secret)
        done = await proceed(chat, wrong.json, code=f"{code[:3]} {code[3:]}")
        assert done.json["user"]["username"] == "ada" and done.json["token"]

        detail = (await login(chat)).json["error"]["detail"]
        replayed = await proceed(chat, detail, code=code)
        assert replayed.json["step"]["error"]
        by_recovery = await proceed(chat, replayed.json, code=recovery[3])
        assert by_recovery.json["token"]
        left = (await ada.http("GET", "/api/v1/me/totp")).json
        assert left == {"enrolled": True, "recovery_codes": 9}


async def test_a_role_enforces_enrolment_at_the_next_sign_in() -> None:
    async with serving(roles=["owner"], issuer="Office") as chat:
        account = {"username": "ada", "password": PASSWORD}
        refused = await chat.http("POST", "/api/v1/register", account)
        assert refused.json["error"]["code"] == "auth.challenge"
        detail = refused.json["error"]["detail"]
        secret, address, _ = detail["step"]["fields"]
        assert "Office" in address["value"]
        shown = (await proceed(chat, detail, code=code_of(secret["value"], -1))).json
        assert "token" not in shown and len(shown["step"]["fields"][0]["value"].split()) == 10
        assert (await proceed(chat, shown)).json["token"]
        asked = (await login(chat)).json["error"]["detail"]
        assert [field["name"] for field in asked["step"]["fields"]] == ["code"]
        assert (await proceed(chat, asked, code=code_of(secret["value"]))).json["token"]
        bob = await chat.user("bob")
        assert bob.user.role == "member" and (await login(chat, "bob")).status == 200


async def test_a_challenge_from_before_does_not_replace_an_enrolment() -> None:
    async with serving(roles=["member"]) as chat:
        await chat.service.accounts.add("owner", PASSWORD)
        accounts = chat.service.accounts
        await accounts.add("ada", PASSWORD)
        thief = (await login(chat)).json["error"]["detail"]
        ada = (await login(chat)).json["error"]["detail"]
        secret = ada["step"]["fields"][0]["value"]
        shown = (await proceed(chat, ada, code=code_of(secret))).json
        assert (await proceed(chat, shown)).json["token"]
        own = thief["step"]["fields"][0]["value"]
        refused = (await proceed(chat, thief, code=code_of(own))).json
        assert refused["step"]["error"]
        later = (await login(chat)).json["error"]["detail"]
        assert (await proceed(chat, later, code=code_of(own, 1))).json["step"]["error"]
        later = (await login(chat)).json["error"]["detail"]
        assert (await proceed(chat, later, code=code_of(secret, 1))).json["token"]


async def test_codes_are_removed_only_soon_after_signing_in_or_by_an_operator() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        secret, _ = await enrol(chat, ada)
        sessions = chat.service.accounts.sessions
        sessions._clock = lambda: time.time() + 700
        for method, path in (("DELETE", "/api/v1/me/totp"), ("POST", "/api/v1/me/totp/recovery")):
            refused = await ada.http(method, path)
            assert refused.json["error"]["code"] == "auth.confirm"
        begin = {"method": "totp", "purpose": "confirm", "secret": True}
        begun = (await ada.http("POST", "/api/v1/login/begin", begin)).json
        assert (await proceed(chat, begun, code=code_of(secret))).json == {"done": "confirm"}
        renewed = (await ada.http("POST", "/api/v1/me/totp/recovery")).json["recovery_codes"]
        assert len(renewed) == 10
        assert (await ada.http("DELETE", "/api/v1/me/totp")).status == 200
        assert (await login(chat)).status == 200

        await enrol(chat, ada)
        assert (await login(chat)).status == 401
        assert await chat.service.logins.reset("totp", ada.user)
        assert not await chat.service.logins.reset("totp", ada.user)
        assert (await login(chat)).status == 200


async def test_over_graphql_codes_are_seen_renewed_and_removed_as_over_http() -> None:
    async with serving("graphql") as chat:
        ada = await chat.user("ada")

        async def ask(document: str) -> Any:
            answer = (await ada.http("POST", "/graphql", {"query": document})).json
            return (
                answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer["data"]
            )

        shown = "oneTimeCodes { enrolled recoveryCodes }"
        assert await ask(f"{{ {shown} }}") == {
            "oneTimeCodes": {"enrolled": False, "recoveryCodes": 0}
        }
        renewing = "mutation { renewRecoveryCodes { recoveryCodes } }"
        assert await ask(renewing) == {"renewRecoveryCodes": {"recoveryCodes": []}}
        _, recovery = await enrol(chat, ada)
        assert (await ask(f"{{ {shown} }}"))["oneTimeCodes"] == {
            "enrolled": True,
            "recoveryCodes": len(recovery),
        }
        removing = f"mutation {{ removeOneTimeCodes {{ {shown} }} }}"
        sessions = chat.service.accounts.sessions
        sessions._clock = lambda: time.time() + 700
        assert (await ask(renewing), await ask(removing)) == ("auth.confirm", "auth.confirm")
        sessions._clock = time.time
        renewed = (await ask(renewing))["renewRecoveryCodes"]["recoveryCodes"]
        assert len(renewed) == len(recovery) and not {*renewed} & {*recovery}
        assert (await ask(removing))["removeOneTimeCodes"]["oneTimeCodes"]["enrolled"] is False
        assert (await login(chat)).status == 200


async def test_nothing_is_left_of_a_deleted_account() -> None:
    async with serving() as chat:
        await chat.user("owner")
        ada = await chat.user("ada")
        await enrol(chat, ada)
        await chat.service.removal.delete("ada")

        async def is_gone() -> bool:
            return await chat.service.store.get("plugin/totp", f"user/{ada.id}") is None

        await until(is_gone)


async def test_guesses_of_a_code_have_to_wait() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        secret, _ = await enrol(chat, ada)
        found = (await login(chat)).json["error"]["detail"]
        for _ in range(10):
            answer = await proceed(chat, found, code="000000")
            if answer.status == 429:
                break
            found = answer.json
        # The password is right each time, which forgives nothing.
        found = (await login(chat)).json["error"]["detail"]
        assert (await proceed(chat, found, code="000000")).status == 429
        assert (await proceed(chat, found, code=code_of(secret))).status == 429


def off_and_on(folder: Path, *plugins: str, **settings: object) -> Server:
    """A server on the same data each time, with these plugins."""
    enabled = ["sqlite", "password", *plugins]
    given = {"server.data": str(folder), "logging.folder": "", "plugins.enabled": enabled}
    return Server(load(overrides=given | settings, environ={}))


async def with_codes(service: Service, username: str) -> User:
    """A new account with one-time codes."""
    client = LoginClient(address="192.0.2.1")
    user = await service.accounts.add(username, PASSWORD)
    _, token = await service.accounts.login(username, PASSWORD, "192.0.2.1")
    begun: Any = await service.logins.begin("totp", client, "link", user=user, token=token)
    code = codes.code_at(begun.step.fields[0].value, int(time.time() // codes.PERIOD))
    await service.logins.proceed(begun.flow, begun.secret, {"code": code}, client)
    return user


async def refusal(service: Service, username: str) -> str:
    """The code with which a sign-in by the right password is refused, and the plugin; "" for a session."""
    try:
        await service.accounts.login(username, PASSWORD, "192.0.2.1")
    except ChatError as error:
        return f"{error.code} {error.detail.get('plugin', '')}".strip()
    return ""


async def test_while_the_plugin_is_off_only_those_with_codes_are_refused(tmp_path: Path) -> None:
    async with off_and_on(tmp_path, "totp").opened() as opened:
        await with_codes(opened.service, "ada")
        carol = await with_codes(opened.service, "carol")
        await opened.service.accounts.add("bob", PASSWORD)
        assert await opened.service.logins.reset("totp", carol)
    async with off_and_on(tmp_path).opened() as opened:
        service = opened.service
        assert await refusal(service, "ada") == "plugin.absent totp"
        assert await refusal(service, "bob") == ""
        assert await refusal(service, "carol") == "", "she has none any more"
        (ended,) = await service.claims.release("totp")
        assert (ended.action, ended.is_of_some) == ("SignIn", True)
        assert await refusal(service, "ada") == ""
    async with off_and_on(tmp_path, "totp").opened():
        pass
    async with off_and_on(tmp_path).opened() as opened:
        assert await refusal(opened.service, "ada") == "plugin.absent totp", "it guards again"


async def test_while_the_plugin_is_off_a_password_does_not_confirm_for_those_with_codes(
    tmp_path: Path,
) -> None:
    """A session and the password alone would otherwise be enough to link a passkey, which skips codes for good."""
    tokens = {}
    async with off_and_on(tmp_path, "totp").opened() as opened:
        for name in ("ada", "bob"):
            user = await opened.service.accounts.add(name, PASSWORD)
            _, tokens[name] = await opened.service.accounts.login(name, PASSWORD, "192.0.2.1")
            if name == "ada":
                await opened.service.store.put("plugin/totp", f"user/{user.id}", b"{}")
    async with off_and_on(tmp_path).opened() as opened:
        accounts, logins = opened.service.accounts, opened.service.logins
        client = LoginClient(address="192.0.2.1")

        async def confirm(name: str, seconds: int) -> str:
            """Confirm after so many seconds: what is still refused then."""
            accounts.sessions._clock = lambda: time.time() + seconds
            user, token = await accounts.by_name(name), tokens[name]
            with pytest.raises(ChatError, match=r"auth\.confirm"):
                await accounts.demand_recent(user, token)
            begun = await logins.begin("password", client, "confirm", user=user, token=token)
            assert isinstance(begun, Turn)
            answer = {"username": name, "password": PASSWORD}
            try:
                await logins.proceed(begun.flow, begun.secret, answer, client)
            except ChatError as error:
                with pytest.raises(ChatError, match=r"auth\.confirm"):
                    await accounts.demand_recent(user, token)
                return f"{error.code} {error.detail.get('plugin')}"
            await accounts.demand_recent(user, token)
            return ""

        assert await confirm("ada", 700) == "plugin.absent totp"
        assert await confirm("bob", 700) == ""
        await opened.service.claims.release("totp")
        assert await confirm("ada", 1400) == ""


async def test_a_role_that_must_have_codes_is_refused_without_them(tmp_path: Path) -> None:
    roles = {"plugin.totp.roles": ["admin"]}
    async with off_and_on(tmp_path, "totp", **roles).opened() as opened:
        await opened.service.accounts.add("ada", PASSWORD, role=ServerRole.ADMIN)
        await opened.service.accounts.add("bob", PASSWORD, role=ServerRole.MEMBER)
    async with off_and_on(tmp_path).opened() as opened:
        assert await refusal(opened.service, "ada") == "plugin.absent totp"
        assert await refusal(opened.service, "bob") == ""


async def test_a_claim_of_everybody_becomes_one_of_those_with_codes(tmp_path: Path) -> None:
    """As after an upgrade from a version in which one user's codes guarded the sign-in of all."""
    async with off_and_on(tmp_path, "totp").opened() as opened:
        await with_codes(opened.service, "ada")
        await opened.service.accounts.add("bob", PASSWORD)
        await opened.service.claims.add("totp", "SignIn")
    async with off_and_on(tmp_path).opened() as opened:
        assert await refusal(opened.service, "bob") == "plugin.absent totp"
    async with off_and_on(tmp_path, "totp").opened() as opened:
        (claim,) = await opened.service.claims.counted(await opened.service.claims.list("totp"))
        assert (claim.action, claim.users, claim.is_more) == ("SignIn", 1, False)
    async with off_and_on(tmp_path).opened() as opened:
        assert await refusal(opened.service, "ada") == "plugin.absent totp"
        assert await refusal(opened.service, "bob") == ""


async def test_while_the_plugin_fails_those_without_codes_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(TotpPlugin, "_demand", broken)
    async with off_and_on(tmp_path, "totp", **{"plugin.totp.roles": ["guest"]}).opened() as opened:
        await opened.service.accounts.add("bob", PASSWORD)
        await opened.service.accounts.add("gil", PASSWORD, role=ServerRole.GUEST)
        ada = await opened.service.accounts.add("ada", PASSWORD)
        await opened.store.put("plugin/totp", f"user/{ada.id}", b"{}")
        assert await refusal(opened.service, "ada") == "plugin.failed"
        assert await refusal(opened.service, "gil") == "plugin.failed"
        assert await refusal(opened.service, "bob") == ""


async def test_enrolling_new_recovery_codes_and_removing_are_told_without_secrets() -> None:
    async with serving() as chat:
        ada, changes = await chat.user("ada"), list[Any]()
        chat.service.accounts.watch(changes.append)
        secret, recovery = await enrol(chat, ada)
        renewed = (await ada.http("POST", "/api/v1/me/totp/recovery")).json["recovery_codes"]
        assert (await ada.http("DELETE", "/api/v1/me/totp")).status == 200
        assert (await ada.http("DELETE", "/api/v1/me/totp")).status == 200
        assert (await ada.http("POST", "/api/v1/me/totp/recovery")).status == 200
        told = [(each.what, each.user, each.by.user, each.method) for each in changes]
        whats = ("method_added", "recovery_codes", "method_removed")
        assert told == [(what, ada.id, ada.id, "totp") for what in whats]
        assert all(each.by.address == "127.0.0.1" for each in changes)
        for each in (secret, *recovery, *renewed):
            assert each not in str(changes)


async def test_the_audit_log_has_what_was_enrolled_and_who_removed_it(tmp_path: Path) -> None:
    async with off_and_on(tmp_path, "totp", "audit").opened() as opened:
        ada = await with_codes(opened.service, "ada")
        by = Actor(operator="root")
        assert await opened.service.logins.reset("totp", ada, by)
        assert not await opened.service.logins.reset("totp", ada, by)
    log = (tmp_path / "audit/audit.log").read_text().splitlines()
    found = [json.loads(line) for line in log if '"method":"totp"' in line]
    common = {"user": ada.id, "method": "totp"}
    assert [{name: each[name] for name in each if name != "at"} for each in found] == [
        common | {"kind": "account.method_added", "by": ada.id, "address": "192.0.2.1"},
        common | {"kind": "account.method_removed", "operator": "root"},
    ]
