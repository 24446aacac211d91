"""Passkeys: registering, signing in, second steps and confirmation, and every wrong answer of an authenticator."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cbor2
import pytest
from authenticator import BE, BS, UP, UV, Authenticator, decoded, encoded
from dict_records import DictRecords

from chatserver import ChatError, LoginClient, StartupError, time_text
from chatserver.app import Server
from chatserver.config import load
from chatserver.hooks.absent import PluginAbsent, demand_present
from chatserver.testing.loginmethods import LoginMethodContract
from chatserver.testing.running import PASSWORD, Answer, Chat, Person, running
from chatserver_plugins.passkeys.book import Book, CounterWentBack, Passkey, Use
from chatserver_plugins.passkeys.relying_party import relying_party
from chatserver_plugins.totp import codes
from tests.waiting import until

SETTINGS = {"server.public_url": "http://localhost"}
Found = dict[str, Any]


@asynccontextmanager
async def serving(*plugins: str, **settings: Any) -> AsyncIterator[Chat]:
    given = {f"plugin.passkeys.{name}": value for name, value in settings.items()}
    async with running("passkeys", *plugins, settings=SETTINGS | given) as chat:
        yield chat


async def begin(chat: Chat, purpose: str = "sign_in", token: str = "") -> Found:
    body = {"method": "passkeys", "purpose": purpose, "secret": True}
    answer = await chat.http("POST", "/api/v1/login/begin", body, token)
    assert answer.status == 200, answer.body
    found: Found = answer.json
    return found


async def proceed(chat: Chat, found: Found, **answer: str) -> Answer:
    body = {"flow": found["flow"], "secret": found["secret"], "answer": answer}
    return await chat.http("POST", "/api/v1/login/proceed", body)


def options(found: Mapping[str, Any]) -> Found:
    """The options of WebAuthn in a step."""
    (field,) = [each for each in found["step"]["fields"] if each.get("kind") == "passkey"]
    (asked,) = field["data"].values()
    return dict(asked)


async def register(chat: Chat, person: Person, name: str = "Phone", **wrong: Any) -> Authenticator:
    """An authenticator with a passkey of this person."""
    device = changed(Authenticator(), wrong)
    found = await begin(chat, "link", person.token)
    done = await proceed(chat, found, name=name, passkey=device.create(options(found)))
    assert done.json == {"done": "link"}, done.body
    return device


async def sign_in(chat: Chat, device: Authenticator, found: Found | None = None) -> Answer:
    found = found or await begin(chat)
    return await proceed(chat, found, passkey=device.get(options(found)))


async def login(chat: Chat, name: str = "ada") -> Answer:
    return await chat.http("POST", "/api/v1/login", {"username": name, "password": PASSWORD})


async def own(person: Person) -> list[Found]:
    answer = await person.http("GET", "/api/v1/me/passkeys")
    found: list[Found] = answer.json["passkeys"]
    return found


def reason(answer: Answer) -> str:
    error = answer.json["error"]
    return f"{error['code']} {error.get('detail', {}).get('reason', '')}".strip()


def changed(device: Authenticator, fields: Mapping[str, Any]) -> Authenticator:
    for name, value in fields.items():
        setattr(device, name, value)
    return device


class TestPasskeyContract(LoginMethodContract):
    plugin = method = "passkeys"
    settings = SETTINGS

    device: Authenticator | None = None

    async def right(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        if self.device is None:
            self.device = await register(chat, await chat.user("ada"))
        return {"passkey": self.device.get(options({"step": step}))}

    async def wrong(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        stranger = Authenticator()
        stranger.create({"user": {"id": encoded(b"somebody")}, "challenge": encoded(b"some")})
        return {"passkey": stranger.get(options({"step": step}))}


async def test_somebody_signs_in_with_a_passkey_and_no_name() -> None:
    async with serving() as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        phone, other = await register(chat, ada), await register(chat, bob)
        for device, name in ((phone, "ada"), (other, "bob"), (phone, "ada")):
            done = await sign_in(chat, device)
            assert done.json["user"]["username"] == name and done.json["token"]
        (kept,) = await own(ada)
        assert kept["name"] == "Phone" and kept["made"] <= kept["used"] <= time_text(time.time())


async def test_what_is_asked_of_browsers() -> None:
    async with serving(passkeys_per_user=2) as chat:
        ada = await chat.user("ada")
        phone = await register(chat, ada)
        make = options(await begin(chat, "link", ada.token))
        assert make["rp"]["id"] == "localhost" and make["attestation"] == "none"
        assert make["user"]["name"] == "ada" and decoded(make["user"]["id"]) == ada.id.encode()
        assert make["authenticatorSelection"] == {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        }
        (known,) = make["excludeCredentials"]
        assert known["id"] == encoded(phone.credential)
        assert known["transports"] == ["internal", "hybrid"]
        first, second = options(await begin(chat)), options(await begin(chat))
        assert first["userVerification"] == "required" and first["rpId"] == "localhost"
        assert first["allowCredentials"] == []
        assert len(decoded(first["challenge"])) == 32
        assert first["challenge"] != second["challenge"]
        confirming = options(await begin(chat, "confirm", ada.token))
        assert [each["id"] for each in confirming["allowCredentials"]] == [known["id"]]


def copied_signature(device: Authenticator, found: Found) -> str:
    """An answer of which the counter was raised by somebody without the key."""
    answer = json.loads(device.get(options(found)))
    data = bytearray(decoded(answer["response"]["authenticatorData"]))
    data[-1] += 1
    answer["response"]["authenticatorData"] = encoded(bytes(data))
    return json.dumps(answer)


def renamed(device: Authenticator, found: Found) -> str:
    """An answer with two names of the credential."""
    answer = json.loads(device.get(options(found)))
    answer["rawId"] = encoded(b"another")
    return json.dumps(answer)


WRONG_FIELDS: list[tuple[Mapping[str, Any], str]] = [
    ({"challenge": encoded(bytes(32))}, "invalid"),
    ({"origin": "http://localhost:81"}, "origin"),
    ({"origin": "http://evil.example.org"}, "origin"),
    ({"origin": ["http://localhost"]}, "origin"),
    ({"domain": "example.org"}, "invalid"),
    ({"flags": UP}, "invalid"),
    ({"flags": UV}, "invalid"),
    ({"flags": UP | UV | BE}, "invalid"),
    ({"flags": UP | UV | BS}, "invalid"),
    ({"credential": b"unknown"}, "unknown"),
    ({"handle": None}, "unknown"),
    ({"handle": b"nobody"}, "unknown"),
    ({"handle": b"\xff"}, "invalid"),
    ({"step": 0}, "copied"),
    ({"step": -1}, "copied"),
]


@pytest.mark.parametrize(("wrong", "why"), WRONG_FIELDS)
async def test_a_wrong_answer_opens_no_session(wrong: Mapping[str, Any], why: str) -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        phone = await register(chat, ada)
        phone.counter = 5
        assert (await sign_in(chat, phone)).json["token"]
        right = vars(phone).copy()
        changed(phone, wrong)
        found = await begin(chat)
        refused = await sign_in(chat, phone, found)
        assert reason(refused) == f"auth.refused {why}", refused.body
        changed(phone, right)
        assert reason(await sign_in(chat, phone, found)) == "auth.flow", "a challenge counts once"
        phone.counter = 10
        assert (await sign_in(chat, phone)).json["token"]


@pytest.mark.parametrize("change", [copied_signature, renamed])
async def test_an_answer_that_was_changed_is_refused(
    change: Callable[[Authenticator, Found], str],
) -> None:
    async with serving() as chat:
        phone = await register(chat, await chat.user("ada"))
        found = await begin(chat)
        answer = await proceed(chat, found, passkey=change(phone, found))
        assert reason(answer) == "auth.refused invalid"


async def test_a_right_answer_serves_no_second_sign_in() -> None:
    async with serving() as chat:
        phone = await register(chat, await chat.user("ada"))
        first, second = await begin(chat), await begin(chat)
        answer = phone.get(options(first))
        assert (await proceed(chat, first, passkey=answer)).json["token"]
        assert reason(await proceed(chat, second, passkey=answer)) == "auth.refused invalid"
        assert reason(await proceed(chat, first, passkey=answer)) == "auth.flow"


async def test_a_passkey_of_another_user_confirms_nothing() -> None:
    async with serving() as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        phone, other = await register(chat, ada), await register(chat, bob)
        for handle in (other.handle, phone.handle, None):
            other.handle = handle
            found = await begin(chat, "confirm", ada.token)
            assert reason(await sign_in(chat, other, found)) == "auth.refused unknown"
        other.handle = phone.handle
        assert reason(await sign_in(chat, other)) == "auth.refused unknown"
        phone.handle = None  # which browsers leave out where the passkeys are listed
        found = await begin(chat, "confirm", ada.token)
        assert (await sign_in(chat, phone, found)).json == {"done": "confirm"}


WRONG_REGISTRATIONS: list[tuple[Mapping[str, Any], str]] = [
    ({"challenge": encoded(bytes(32))}, "invalid"),
    ({"origin": "http://127.0.0.1"}, "origin"),
    ({"domain": "example.org"}, "invalid"),
    ({"flags": UP}, "invalid"),
    ({"flags": UP | UV | BS}, "invalid"),
    ({"credential": bytes(1024)}, "invalid"),
]


@pytest.mark.parametrize(("wrong", "why"), WRONG_REGISTRATIONS)
async def test_a_wrong_registration_is_refused(wrong: Mapping[str, Any], why: str) -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        device = changed(Authenticator(), wrong)
        found = await begin(chat, "link", ada.token)
        answer = device.create(options(found))
        refused = await proceed(chat, found, name="Phone", passkey=answer)
        assert reason(refused) == f"auth.refused {why}", refused.body
        assert await own(ada) == []


DEEP = "[" * 30_000
NONSENSE = [
    "{}",
    "x",
    "[]",
    '{"id": 1}',
    DEEP,
    json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {
        "clientDataJSON": "AA", "attestationObject": "A", "authenticatorData": "AA", "signature": "AA",
        "userHandle": "/"}}),
    json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {
        "clientDataJSON": encoded(b'{"type": 1, "challenge": 2, "origin": {}}'),
        "attestationObject": "A", "authenticatorData": "AA", "signature": "AA"}}),
    json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": {
        "clientDataJSON": encoded(json.dumps(
            {"type": "webauthn.create", "challenge": "", "origin": "http://localhost"}).encode()),
        "attestationObject": encoded(b"\x81" * 20_000), "authenticatorData": "AA", "signature": "AA"}}),
]  # fmt: skip


@pytest.mark.parametrize("text", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_is_the_clients_fault_and_not_the_plugins(text: str) -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        for purpose in ("link", "sign_in"):
            found = await begin(chat, purpose, ada.token)
            answer = await proceed(chat, found, name="Phone", passkey=text)
            assert reason(answer) in ("auth.refused invalid", "auth.refused unknown"), answer.body


async def test_a_key_that_cannot_be_checked_is_refused() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        found = await begin(chat, "link", ada.token)
        answer = json.loads(Authenticator().create(options(found)))
        made = cbor2.loads(decoded(answer["response"]["attestationObject"]))
        for key in (
            {1: 2, 3: -7},
            {1: 4, 3: 5, -1: b"x"},
            {1: 2, 3: -7, -1: 1, -2: b"x", -3: b"y"},
        ):
            data = made["authData"][: 37 + 16 + 2 + 32] + cbor2.dumps(key)
            answer["response"]["attestationObject"] = encoded(
                cbor2.dumps(made | {"authData": data})
            )
            found = await begin(chat, "link", ada.token)
            refused = await proceed(chat, found, name="Phone", passkey=json.dumps(answer))
            assert reason(refused) == "auth.refused invalid", refused.body


async def test_a_registration_under_another_name_than_the_signed_one_is_refused() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        found = await begin(chat, "link", ada.token)
        answer = json.loads(Authenticator().create(options(found)))
        answer["id"] = answer["rawId"] = encoded(b"somebody else's")
        refused = await proceed(chat, found, name="Phone", passkey=json.dumps(answer))
        assert reason(refused) == "auth.refused invalid"


async def test_a_credential_is_registered_once() -> None:
    async with serving() as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        phone = await register(chat, ada)
        for person in (ada, bob):
            found = await begin(chat, "link", person.token)
            answer = phone.create(options(found))
            refused = await proceed(chat, found, name="Again", passkey=answer)
            assert reason(refused) == "auth.refused exists"
        assert await own(bob) == [] and len(await own(ada)) == 1


async def test_a_user_has_several_passkeys_but_not_any_number() -> None:
    async with serving(passkeys_per_user=2) as chat:
        ada = await chat.user("ada")
        waiting = await begin(chat, "link", ada.token)
        devices = [await register(chat, ada, name) for name in ("Phone", "Key")]
        for device in devices:
            assert (await sign_in(chat, device)).json["token"]
        body = {"method": "passkeys", "purpose": "link", "secret": True}
        full = await ada.http("POST", "/api/v1/login/begin", body)
        assert (full.status, reason(full)) == (409, "limit.count count")
        third = Authenticator()
        late = await proceed(chat, waiting, name="x", passkey=third.create(options(waiting)))
        assert reason(late) == "limit.count count"
        removed = (await own(ada))[0]["id"]
        assert (await ada.http("DELETE", f"/api/v1/me/passkeys/{removed}")).status == 200
        assert [each["name"] for each in await own(ada)] == ["Key"]
        store = chat.service.store
        assert len(await store.scan("plugin/passkeys", "credential/", limit=10)) == 1
        assert reason(await sign_in(chat, devices[0])) == "auth.refused unknown"
        assert (await sign_in(chat, devices[1])).json["token"]
        await register(chat, ada, credential=devices[0].credential)


async def test_passkeys_have_names() -> None:
    async with serving() as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        await register(chat, ada, "  My\tphone ")
        (kept,) = await own(ada)
        assert kept["name"] == "My phone"
        path = f"/api/v1/me/passkeys/{kept['id']}"
        assert (await ada.http("PATCH", path, {"name": "携帯"})).json["passkey"]["name"] == "携帯"
        for name in ("", " ", "x" * 65, "a\u202eb"):
            refused = await ada.http("PATCH", path, {"name": name})
            assert reason(refused) == "request.invalid name"
            found = await begin(chat, "link", ada.token)
            answer = Authenticator().create(options(found))
            again = await proceed(chat, found, name=name, passkey=answer)
            assert again.json["error"]["code"] == "request.invalid"
        assert (await ada.http("PATCH", path, {"name": 1})).status == 400
        assert (await bob.http("PATCH", path, {"name": "mine"})).status == 404
        assert (await bob.http("DELETE", path)).status == 404
        assert [each["name"] for each in await own(ada)] == ["携帯"]


async def test_flags_of_a_backup_are_kept() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        phone = await register(chat, ada, flags=UP | UV | BE)
        assert (await own(ada))[0]["is_backed_up"] is False
        phone.flags = UP | UV | BE | BS
        assert (await sign_in(chat, phone)).json["token"]
        assert (await own(ada))[0]["is_backed_up"] is True
        phone.flags = UP | UV
        assert reason(await sign_in(chat, phone)) == "auth.refused invalid"


async def test_authenticators_that_do_not_count_sign_in_again_and_again() -> None:
    async with serving() as chat:
        phone = await register(chat, await chat.user("ada"), step=0)
        for _ in range(3):
            assert (await sign_in(chat, phone)).json["token"]


BEGIN = """mutation ($input: BeginLoginInput!) {
  beginLogin(input: $input) { flow secret step { ... on LoginForm { fields { name kind data } } } } }"""
PROCEED = """mutation ($input: ProceedLoginInput!) {
  proceedLogin(input: $input) { done token user { username } } }"""


async def test_over_graphql_passkeys_are_made_and_used_as_over_http() -> None:
    async with serving("graphql") as chat:
        ada, device = await chat.user("ada"), Authenticator()

        async def ask(document: str, field: str, given: Found) -> Found:
            body = {"query": document, "variables": {"input": given}}
            answer = (await chat.http("POST", "/graphql", body, ada.token)).json
            found: Found = answer["data"][field] or answer["errors"][0]["extensions"]
            return found

        async def sign(purpose: str, create: Callable[[Found], str], **answer: str) -> Found:
            given = {"method": "passkeys", "purpose": purpose}
            found = await ask(BEGIN, "beginLogin", given)
            given = {"flow": found["flow"], "secret": found["secret"]}
            answer |= {"passkey": create(options(found))}
            return await ask(PROCEED, "proceedLogin", given | {"answer": answer})

        assert (await sign("LINK", device.create, name="Phone"))["done"] == "LINK"
        assert (await sign("CONFIRM", device.get))["done"] == "CONFIRM"
        signed_in = await sign("SIGN_IN", device.get)
        assert signed_in["user"] == {"username": "ada"} and signed_in["token"]
        device.step = 0
        refused = await sign("SIGN_IN", device.get)
        assert (refused["code"], refused["detail"]["reason"]) == ("auth.refused", "copied")


PASSKEYS = "query { myPasskeys { id name made used attachment isBackedUp } }"
RENAME = "mutation ($input: RenamePasskeyInput!) { renamePasskey(input: $input) { passkey { id name } } }"
REMOVE = "mutation ($input: RemovePasskeyInput!) { removePasskey(input: $input) { passkeyId } }"


async def test_over_graphql_passkeys_are_listed_renamed_and_removed_as_over_http() -> None:
    async with serving("graphql") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        await register(chat, ada)

        async def ask(person: Person, document: str, **given: str) -> Any:
            body = {"query": document, "variables": {"input": given} if given else {}}
            answer = (await person.http("POST", "/graphql", body)).json
            return (
                answer["errors"][0]["extensions"]["code"] if "errors" in answer else answer["data"]
            )

        (shown,) = (await ask(ada, PASSKEYS))["myPasskeys"]
        (over_http,) = await own(ada)
        backed_up = over_http.pop("is_backed_up")
        assert shown == over_http | {"isBackedUp": backed_up}
        assert await ask(bob, PASSKEYS) == {"myPasskeys": []}
        passkey = shown["id"]
        assert await ask(bob, RENAME, passkeyId=passkey, name="Mine") == "request.not_found"
        renamed = await ask(ada, RENAME, passkeyId=passkey, name=" My  key ")
        assert renamed["renamePasskey"]["passkey"] == {"id": passkey, "name": "My key"}
        assert await ask(ada, RENAME, passkeyId=passkey, name="") == "request.invalid"
        assert await ask(bob, REMOVE, passkeyId=passkey) == "request.not_found"
        chat.service.accounts.sessions._clock = lambda: time.time() + 700
        assert await ask(ada, REMOVE, passkeyId=passkey) == "auth.confirm"
        chat.service.accounts.sessions._clock = time.time
        assert await ask(ada, REMOVE, passkeyId=passkey) == {
            "removePasskey": {"passkeyId": passkey}
        }
        assert await own(ada) == []


# -- second steps ------------------------------------------------------------------------------------


async def test_whoever_has_a_passkey_needs_one_after_the_password() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        assert (await login(chat)).status == 200
        phone = await register(chat, ada)
        refused = await login(chat)
        assert (refused.status, refused.json["error"]["code"]) == (401, "auth.challenge")
        detail = refused.json["error"]["detail"]
        assert detail["method"] == "passkeys"
        (known,) = options(detail)["allowCredentials"]
        assert known["id"] == encoded(phone.credential)
        done = await sign_in(chat, phone, detail)
        assert done.json["user"]["username"] == "ada" and done.json["token"]
        bob = await chat.user("bob")
        other = await register(chat, bob)
        detail = (await login(chat)).json["error"]["detail"]
        assert reason(await sign_in(chat, other, detail)) == "auth.refused unknown"
        await chat.service.logins.reset("passkeys", ada.user)
        assert (await login(chat)).status == 200


async def test_a_passkey_or_a_one_time_code_is_enough() -> None:
    async with serving("totp") as chat:
        ada = await chat.user("ada")
        phone = await register(chat, ada)
        body = {"method": "totp", "purpose": "link", "secret": True}
        begun = (await ada.http("POST", "/api/v1/login/begin", body)).json
        secret = begun["step"]["fields"][0]["value"]
        code = codes.code_at(secret, int(time.time() // codes.PERIOD))
        assert (await proceed(chat, begun, code=code)).status == 200
        detail = (await login(chat)).json["error"]["detail"]
        assert sorted(detail["alternatives"]) == ["passkeys", "totp"]
        body = {"flow": detail["flow"], "secret": detail["secret"], "method": "passkeys"}
        taken = (await chat.http("POST", "/api/v1/login/proceed", body)).json
        assert (await sign_in(chat, phone, taken)).json["token"]
        # A passkey is two factors by itself: something one has, and the verification of the person.
        assert (await sign_in(chat, phone)).json["token"]


async def test_the_second_step_can_be_left_to_other_methods() -> None:
    async with serving(second_step=False) as chat:
        ada = await chat.user("ada")
        phone = await register(chat, ada)
        assert (await login(chat)).status == 200
        assert (await sign_in(chat, phone)).json["token"]
        assert await chat.service.claims.release("passkeys") == []


async def test_adding_renaming_and_removing_are_told_with_the_id_alone() -> None:
    async with serving() as chat:
        ada, changes = await chat.user("ada"), list[Any]()
        chat.service.accounts.watch(changes.append)
        await register(chat, ada, "Phone of Ada")
        (passkey,) = await own(ada)
        path = f"/api/v1/me/passkeys/{passkey['id']}"
        assert (await ada.http("PATCH", path, {"name": "Old phone"})).status == 200
        assert (await ada.http("PATCH", path, {"name": ""})).status == 400
        assert (await ada.http("DELETE", path)).status == 200
        assert (await ada.http("DELETE", path)).status == 404
        told = [(each.what, each.user, each.by.user, each.method, each.item) for each in changes]
        whats = ("method_added", "method_renamed", "method_removed")
        assert told == [(what, ada.id, ada.id, "passkeys", passkey["id"]) for what in whats]
        assert all(each.by.address == "127.0.0.1" for each in changes)
        assert "hone" not in str(changes)


async def test_only_who_relies_on_the_plugin_is_refused_while_it_is_off() -> None:
    async with serving() as chat:
        claims = chat.service.claims
        ada, bob = await chat.user("ada"), await chat.user("bob")
        await register(chat, ada)
        absent = await claims.absent({"password"})
        await demand_present(absent, "SignIn", None, bob.user)
        with pytest.raises(PluginAbsent, match="passkeys"):
            await demand_present(absent, "SignIn", None, ada.user)
        (counted,) = await claims.counted(await claims.list())
        assert (counted.plugin, counted.action, counted.users) == ("passkeys", "SignIn", 1)


async def test_the_claim_ends_where_passkeys_are_no_second_step_any_more(tmp_path: Path) -> None:
    def server(second_step: bool) -> Server:
        enabled = ["sqlite", "password", "passkeys"]
        settings = {"server.data": str(tmp_path), "logging.folder": "", "plugins.enabled": enabled}
        settings |= SETTINGS | {"plugin.passkeys.second_step": second_step}
        return Server(load(overrides=settings, environ={}))

    async with server(second_step=True).opened() as opened:
        service, client = opened.service, LoginClient(address="192.0.2.1")
        ada = await service.accounts.add("ada", PASSWORD)
        _, token = await service.accounts.login("ada", PASSWORD, client.address)
        turn: Any = await service.logins.begin("passkeys", client, "link", user=ada, token=token)
        asked = turn.step.fields[1].data["create"]
        answer = {"name": "Phone", "passkey": Authenticator().create(asked)}
        await service.logins.proceed(turn.flow, turn.secret, answer, client)
        with pytest.raises(ChatError, match=r"auth\.challenge"):
            await service.accounts.login("ada", PASSWORD, client.address)
    async with server(second_step=False).opened() as opened:
        await opened.service.accounts.login("ada", PASSWORD, client.address)
        assert await opened.service.claims.release("passkeys") == []


async def test_a_passkey_is_added_and_removed_only_soon_after_a_confirmation() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        phone = await register(chat, ada)
        (kept,) = await own(ada)
        sessions, ahead = chat.service.accounts.sessions, 700.0
        sessions._clock = lambda: time.time() + ahead
        body = {"method": "passkeys", "purpose": "link", "secret": True}
        path = f"/api/v1/me/passkeys/{kept['id']}"
        for refused in (
            await ada.http("POST", "/api/v1/login/begin", body),
            await ada.http("DELETE", path),
        ):
            assert (refused.status, refused.json["error"]["code"]) == (403, "auth.confirm")
        found = await begin(chat, "confirm", ada.token)
        assert (await sign_in(chat, phone, found)).json == {"done": "confirm"}
        assert (await ada.http("DELETE", path)).status == 200
        assert await own(ada) == [] and (await login(chat)).status == 200
        again = await ada.http(
            "POST", "/api/v1/login/begin", {"method": "passkeys", "purpose": "confirm"}
        )
        assert reason(again) == "auth.refused none"


async def test_the_last_way_to_sign_in_stays() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        await register(chat, ada, "One")
        await register(chat, ada, "Two")
        await chat.service.accounts.identities.note_password(ada.id, has=False)
        one, two = await own(ada)
        assert (await ada.http("DELETE", f"/api/v1/me/passkeys/{one['id']}")).status == 200
        last = await ada.http("DELETE", f"/api/v1/me/passkeys/{two['id']}")
        assert (last.status, last.json["error"]["code"]) == (409, "auth.last")
        await chat.service.accounts.identities.note_password(ada.id, has=True)
        assert (await ada.http("DELETE", f"/api/v1/me/passkeys/{two['id']}")).status == 200


async def test_locked_accounts_and_deleted_ones() -> None:
    async with serving() as chat:
        owner, ada = await chat.user("owner"), await chat.user("ada")
        phone = await register(chat, ada)
        await chat.service.accounts.set_disabled(owner.user, "ada", True, "127.0.0.1")
        locked = await sign_in(chat, phone)
        assert locked.json["error"]["code"] == "auth.invalid"
        await chat.service.removal.delete("ada")

        async def is_gone() -> bool:
            return await chat.service.store.scan("plugin/passkeys", "", limit=10) == []

        await until(is_gone)


# -- records -----------------------------------------------------------------------------------------


def passkey(name: str = "one", **fields: Any) -> Passkey:
    given = {"credential": name, "key": b"", "counter": 0, "name": name, "made": 0.0}
    return Passkey(**given | fields)


class Slowly(DictRecords):
    """Each call takes a turn of the loop before and after, so that those of two nodes mix."""

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("get", "add", "swap", "delete"):
            return found

        async def call(*given: Any) -> Any:
            await asyncio.sleep(0)
            answer = await found(*given)
            await asyncio.sleep(0)
            return answer

        return call


async def test_of_two_answers_with_one_count_one_is_right_on_any_node() -> None:
    records = Slowly()
    one, two = Book(records, 5), Book(records, 5)
    await one.add("ada", passkey())
    uses = [book.note_use("ada", "one", Use(7, False), 1.0) for book in (one, two) * 3]
    found = await asyncio.gather(*uses, return_exceptions=True)
    assert found.count(None) == 1
    assert all(each is None or isinstance(each, CounterWentBack) for each in found)
    await two.note_use("ada", "one", Use(8, False), 2.0)


async def test_passkeys_that_come_at_once_are_all_kept_up_to_the_limit() -> None:
    records = Slowly()
    books = [Book(records, 3), Book(records, 3)]
    adding = [books[each % 2].add("ada", passkey(str(each))) for each in range(6)]
    found = await asyncio.gather(*adding, return_exceptions=True)
    assert found.count(None) == 3
    kept = await books[0].of("ada")
    assert len(kept) == 3
    credentials = [key for key, _ in await records.scan("credential/")]
    assert len(credentials) == 3, "of those that were refused, nothing is left"
    uses = (books[0].note_use("ada", each.credential, Use(1, False), 1.0) for each in kept)
    await asyncio.gather(*uses)
    assert [each.counter for each in await books[1].of("ada")] == [1, 1, 1]


async def test_a_registration_that_a_crash_cut_off_is_made_again() -> None:
    records = DictRecords()
    book = Book(records, 3)
    records.failing.add("get")
    with pytest.raises(ChatError, match=r"store\.unavailable"):
        await book.add("ada", passkey())
    records.failing.clear()
    assert await records.scan("credential/") and await book.of("ada") == ()
    await book.add("ada", passkey())
    assert len(await book.of("ada")) == 1


async def test_records_of_a_later_version_are_not_misread() -> None:
    records = DictRecords()
    book = Book(records, 3)
    await book.add("ada", passkey())
    await records.put(
        "user/ada", records.values["user/ada"].replace(b'"version":1', b'"version":2')
    )
    with pytest.raises(RuntimeError, match="version 2, expected 1"):
        await book.of("ada")


# -- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "domain", "expected"),
    [
        ("https://chat.example.org", "", ("chat.example.org", "https://chat.example.org")),
        ("https://Chat.Example.org:443", "", ("chat.example.org", "https://chat.example.org")),
        (
            "https://chat.example.org:8443",
            "",
            ("chat.example.org", "https://chat.example.org:8443"),
        ),
        ("https://chat.example.org", "Example.org", ("example.org", "https://chat.example.org")),
        ("http://localhost:4000", "", ("localhost", "http://localhost:4000")),
        ("http://a.localhost", "", ("a.localhost", "http://a.localhost")),
    ],
)
def test_domain_and_origin_come_from_the_public_address(
    url: str, domain: str, expected: tuple[str, str]
) -> None:
    found = relying_party(url, domain, ["android:apk-key-hash:x"])
    assert found == (expected[0], (expected[1], "android:apk-key-hash:x"))


@pytest.mark.parametrize(
    ("url", "domain", "said"),
    [
        ("", "", "server.public_url is missing"),
        ("https://192.0.2.1", "", "need a host name"),
        ("https://[2001:db8::1]:4000", "", "need a host name"),
        ("http://chat.example.org", "", "need https"),
        ("https://chat.example.org", "other.org", "a domain above it, got other.org"),
        ("https://chat.example.org", "t.example.org", "a domain above it"),
    ],
)
def test_what_browsers_would_refuse_is_refused_at_start(url: str, domain: str, said: str) -> None:
    with pytest.raises(StartupError, match=said):
        relying_party(url, domain, [])
