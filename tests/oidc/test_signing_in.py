"""Signing in at a provider: accounts, groups, roles, several providers, confirming."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from chatserver import ServerRole
from chatserver.testing.loginmethods import LoginMethodContract
from chatserver.testing.running import Chat
from chatserver_plugins.oidc.claims import identity_of
from chatserver_plugins.oidc.config import Provider as ProviderSettings
from tests.oidc.chatting import (
    URL,
    asked,
    begin,
    chatting,
    code_of,
    proceed,
    reason_of,
    settings,
    sign_in,
)
from tests.oidc.provider import CLIENT, Provider, providing


class TestContract(LoginMethodContract):
    """The suite that every method must pass."""

    plugin, method = "oidc", "company"

    @pytest.fixture(autouse=True)
    def _provided(self, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
        self.provider = provider
        monkeypatch.setattr(type(self), "settings", settings(provider))

    async def right(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        return self.provider.authorize(step["url"])

    async def wrong(self, chat: Chat, step: Mapping[str, Any]) -> Mapping[str, str]:
        return {"code": "guessed"}


async def test_a_sign_in_asks_with_a_state_a_nonce_and_a_challenge(provider: Provider) -> None:
    async with chatting(provider) as chat:
        first, second = asked(await begin(chat)), asked(await begin(chat))
        assert first["response_type"] == "code" and first["client_id"] == CLIENT
        assert first["scope"].split() == ["openid", "profile", "email"]
        assert first["code_challenge_method"] == "S256" and first["tenant"] == "1"
        assert first["redirect_uri"] == f"{URL}/api/v1/login/return"
        assert "prompt" not in first and "max_age" not in first
        for name in ("state", "nonce", "code_challenge"):
            assert len(first[name]) >= 43 and first[name] != second[name]


async def test_a_new_account_has_the_names_that_the_provider_suggests(provider: Provider) -> None:
    async with chatting(provider) as chat:
        found = (await sign_in(chat, provider)).json["user"]
        assert (found["username"], found["name"], found["role"]) == ("ada", "Ada", "owner")
        provider.person = {"sub": "1002", "preferred_username": "ada", "name": "Ada"}
        other = (await sign_in(chat, provider)).json["user"]
        assert other["id"] != found["id"] and other["username"] != "ada"
        provider.person = {"sub": "1001", "preferred_username": "renamed"}
        again = (await sign_in(chat, provider)).json["user"]
        assert (again["id"], again["username"]) == (found["id"], "ada")


async def test_an_equal_name_leads_to_no_account_that_was_there_before(provider: Provider) -> None:
    async with chatting(provider) as chat:
        ada = await chat.user("ada")
        found = (await sign_in(chat, provider)).json["user"]
        assert found["id"] != ada.id


async def test_the_same_sub_of_another_issuer_is_somebody_else(provider: Provider) -> None:
    with providing() as other:
        further = settings(other, "other", label="Other")
        async with chatting(provider, also=further) as chat:
            listed = (await chat.http("GET", "/api/v1/login/methods")).json["methods"]
            shown = [(each["name"], each["label"]) for each in listed]
            assert shown[-2:] == [("company", "Company"), ("other", "Other")]
            assert all(each["icon"] for each in listed[-2:])
            first = (await sign_in(chat, provider)).json["user"]["id"]
            second = (await sign_in(chat, other, "other")).json["user"]["id"]
            assert first != second


async def test_nobody_new_comes_in_where_accounts_are_made_by_hand(provider: Provider) -> None:
    async with chatting(provider, new_accounts=False) as chat:
        ada = await chat.user("ada")
        assert code_of(await sign_in(chat, provider)) == "auth.closed"
        begun = await begin(chat, token=ada.token, purpose="link")
        linked = await proceed(chat, begun, provider.authorize(begun["step"]["url"]))
        assert linked.json == {"done": "link"}
        assert (await sign_in(chat, provider)).json["user"]["id"] == ada.id


@pytest.mark.parametrize("way", ["secret_basic", "secret_post", "none"])
async def test_the_server_proves_who_it_is(provider: Provider, way: str) -> None:
    changes = {"client_auth": way} | ({"client_secret": None} if way == "none" else {})
    async with chatting(provider, **changes) as chat:
        assert (await sign_in(chat, provider)).json["token"]
        (form,) = provider.granted
        assert ("client_secret" in form) == (way == "secret_post")
        assert ("client_id" in form) == (way != "secret_basic")


async def test_a_role_follows_the_groups_at_each_sign_in(provider: Provider) -> None:
    roles = {"staff": "admin", "visitors": "guest"}
    async with chatting(provider, roles=roles, groups_claim="teams") as chat:
        await chat.user("owner")
        for groups, role in (
            (["visitors", "staff", "else"], "admin"),
            (["visitors"], "guest"),
            ([], "member"),
            ("staff", "admin"),
            (None, "member"),
            ([5, {"staff": 1}], "member"),
        ):
            provider.changes = {"teams": groups}
            assert (await sign_in(chat, provider)).json["user"]["role"] == role, groups


async def test_without_a_mapping_roles_are_left_alone(provider: Provider) -> None:
    async with chatting(provider) as chat:
        await chat.user("owner")
        assert (await sign_in(chat, provider)).json["user"]["role"] == "member"
        await chat.service.accounts.set_role("ada", ServerRole.ADMIN)
        assert (await sign_in(chat, provider)).json["user"]["role"] == "admin"


async def test_a_group_may_be_required(provider: Provider) -> None:
    async with chatting(provider, required_groups=["chat", "staff"]) as chat:
        for groups, may in ((None, False), (["others"], False), (["others", "chat"], True)):
            provider.changes = {"groups": groups}
            answer = await sign_in(chat, provider)
            assert (answer.status == 200) is may
            assert may or (code_of(answer), reason_of(answer)) == ("auth.refused", "group")


async def test_claims_are_read_from_the_userinfo_too(provider: Provider) -> None:
    provider.person, provider.userinfo = {"sub": "1"}, {"preferred_username": "eve", "name": "Eve"}
    async with chatting(provider, userinfo=True) as chat:
        assert (await sign_in(chat, provider)).json["user"]["name"] == "Eve"
        provider.userinfo = {"sub": "2", "preferred_username": "mallory"}
        assert reason_of(await sign_in(chat, provider)) == "answer"


async def test_what_is_signed_counts_more_than_the_userinfo(provider: Provider) -> None:
    provider.userinfo = {"groups": ["chat"]}
    async with chatting(provider, userinfo=True, required_groups=["chat"]) as chat:
        provider.changes = {"groups": ["others"]}
        assert reason_of(await sign_in(chat, provider)) == "group"
        provider.changes = {}
        assert (await sign_in(chat, provider)).json["token"]


def test_an_account_belongs_to_an_issuer_and_not_to_a_name_in_the_settings() -> None:
    first, second = (
        identity_of({"sub": "1"}, settings_of(issuer=f"https://{host}.example"))
        for host in ("one", "two")
    )
    assert first.subject != second.subject


def settings_of(**changes: str) -> ProviderSettings:
    return ProviderSettings(client_id="chat", client_secret="s", **changes)


async def test_a_second_factor_of_the_provider_replaces_ours_if_it_is_trusted(
    provider: Provider,
) -> None:
    for trusted, amr, asks in (
        (True, ["pwd", "mfa"], False),
        (True, ["pwd"], True),
        (False, ["pwd", "mfa"], True),
    ):
        provider.changes = {"amr": amr}
        also = {"plugin.totp.roles": ["owner"]}
        async with chatting(provider, "totp", also=also, second_factor=trusted) as chat:
            answer = await sign_in(chat, provider)
            assert ("token" not in answer.json) is asks, (trusted, amr)
            assert not asks or answer.json["method"] == "totp"


async def test_a_cancelled_sign_in_says_so(provider: Provider) -> None:
    async with chatting(provider) as chat:
        answer = await proceed(chat, await begin(chat), {"error": "access_denied"})
        assert (code_of(answer), reason_of(answer)) == ("auth.refused", "cancelled")


# -- confirming --------------------------------------------------------------------------------------


async def confirm(chat: Chat, provider: Provider, token: str) -> Any:
    begun = await begin(chat, token=token, purpose="confirm")
    sent = asked(begun)
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")
    return await proceed(chat, begun, provider.authorize(begun["step"]["url"]))


async def test_a_user_confirms_by_signing_in_anew(provider: Provider) -> None:
    async with chatting(provider) as chat:
        token = (await sign_in(chat, provider)).json["token"]
        assert (await confirm(chat, provider, token)).json == {"done": "confirm"}


async def test_a_provider_that_recognised_the_browser_confirms_nothing(provider: Provider) -> None:
    async with chatting(provider) as chat:
        token = (await sign_in(chat, provider)).json["token"]
        for at in (None, int(time.time()) - 30, "now", True):
            provider.changes = {"auth_time": at}
            answer = await confirm(chat, provider, token)
            assert (code_of(answer), reason_of(answer)) == ("auth.refused", "anew"), at


async def test_a_clock_that_differs_does_not_matter_to_a_confirmation(provider: Provider) -> None:
    async with chatting(provider) as chat:
        token = (await sign_in(chat, provider)).json["token"]
        slow = int(time.time()) - 40
        provider.changes = {"iat": slow, "auth_time": slow}
        assert (await confirm(chat, provider, token)).json == {"done": "confirm"}
        provider.changes = {"iat": slow, "auth_time": slow - 30}
        assert reason_of(await confirm(chat, provider, token)) == "anew"


async def test_somebody_else_confirms_nothing(provider: Provider) -> None:
    async with chatting(provider) as chat:
        token = (await sign_in(chat, provider)).json["token"]
        provider.person = {"sub": "another"}
        assert code_of(await confirm(chat, provider, token)) == "auth.refused"


async def test_a_provider_without_auth_time_is_not_offered_to_confirm(provider: Provider) -> None:
    async with chatting(provider, confirms=False) as chat:
        for purpose, offered in (("sign_in", True), ("link", True), ("confirm", False)):
            path = f"/api/v1/login/methods?purpose={purpose}"
            listed = (await chat.http("GET", path)).json["methods"]
            assert ("company" in [each["name"] for each in listed]) is offered
