"""Accounts and the identities that they are linked with; accounts of machines."""

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.login import Identity
from chatserver.model import ServerRole
from chatserver.service.login.logins import Finished, SignedIn
from chatserver_plugins.memory import MemoryStore
from tests.core.loginmethods import CLIENT, Riddle, Turns, answered, begun, nodes, signed_in
from tests.core.nodes import FaultyStore

RIGHT = {"name": "ada", "word": "sesame"}
IDENTITY = Identity(method="riddle", subject="ada")


@pytest.mark.parametrize("seed", range(20))
async def test_two_first_sign_ins_at_once_on_two_nodes_make_one_account(seed: int) -> None:
    store = Turns(MemoryStore(), seed)
    async with nodes(Riddle(), count=2, store=store) as services:
        for name in ("first", "second"):
            found = await asyncio.gather(
                *(signed_in(service, name) for service in services for _ in range(2))
            )
            assert len({each.user.id for each in found}) == 1
            assert {each.user.username for each in found} == {name}
        made = await services[0].accounts.list()
        assert sorted((each.username, each.role) for each in made) == [
            ("first", ServerRole.OWNER),
            ("second", ServerRole.MEMBER),
        ]
        assert len(await store.scan("username", "")) == 2


@pytest.mark.parametrize("fault", range(1, 30))
async def test_a_sign_in_that_a_lost_store_interrupted_is_finished_by_the_next(fault: int) -> None:
    behind = MemoryStore()
    faulty = FaultyStore(behind)
    async with nodes(Riddle(), store=faulty) as (service,), nodes(Riddle(), store=behind) as (two,):
        turn = await begun(service)
        faulty.arm([("", 0.0)] * fault + [("after", 0.0)])
        found: Any = None
        with suppress(StoreUnavailable):
            found = await answered(service, turn, **RIGHT)
        faulty.heal()
        user, _ = await signed_in(two)
        assert user.username == "ada"
        assert len(await two.accounts.list()) == 1
        assert len(await two.store.scan("username", "")) == 1
        assert found is None or found.user.id == user.id


async def test_a_taken_name_gets_a_free_one_and_never_the_account_of_that_name() -> None:
    riddle = Riddle()
    async with nodes(riddle) as (service,):
        ada = await service.accounts.add("ada", "a long password", "Ada Lovelace")
        riddle.identity = {"name": "Ada Lovelace", "email": "ada@example.org"}
        other, _ = await signed_in(service)
        assert other.id != ada.id
        assert (other.username, other.name) == ("ada-2", "ada-2")


@pytest.mark.parametrize(
    ("wanted", "given"),
    [("Ada Lovelace", "ada-lovelace"), ("ÅDA", "åda"), ("аda", "user"), ("", "user"), ("..", "user"),
     ("x" * 100, "x" * 24), ("ada@example.org", "ada-example.org")],
)  # fmt: skip
async def test_names_of_others_become_valid_ones(wanted: str, given: str) -> None:
    async with nodes(Riddle()) as (service,):
        made = await service.accounts.made_once("id", wanted, "\u202e", _nobody())
        assert made.username == given and made.name == given


def _nobody() -> Any:
    from chatserver.hooks.types import Actor

    return Actor(address="192.0.2.1")


async def test_methods_make_accounts_where_registration_is_closed_unless_a_setting_forbids_it() -> (
    None
):
    async with nodes(Riddle(), **{"server.registration": "closed"}) as (service,):
        await signed_in(service)
    async with nodes(Riddle(), **{"server.methods_make_accounts": False}) as (service,):
        with pytest.raises(ChatError, match=r"auth\.closed"):
            await signed_in(service)
        assert await service.accounts.list() == []
    async with nodes(Riddle(makes_accounts=False)) as (service,):
        with pytest.raises(ChatError, match=r"auth\.closed"):
            await signed_in(service)
        user = await service.accounts.add("bob", "a long password")
        await service.accounts.link(user, IDENTITY)
        assert (await signed_in(service)).user.id == user.id


async def test_a_signed_in_user_links_an_identity_which_is_nobody_elses_then() -> None:
    async with nodes(Riddle()) as (service,):
        accounts = service.accounts
        user, token = await accounts.register("bob", "a long password")
        turn = await begun(service, purpose="link", user=user, token=token)
        assert await answered(service, turn, **RIGHT) == Finished("link")
        assert (await signed_in(service)).user.id == user.id
        (linked,) = await accounts.identities.of(user.id)
        assert (linked.method, linked.name) == ("riddle", "ada")

        other, token = await accounts.register("carol", "a long password")
        turn = await begun(service, purpose="link", user=other, token=token)
        with pytest.raises(ChatError, match="another account"):
            await answered(service, turn, **RIGHT)
        assert await accounts.identities.of(other.id) == []
        assert (await signed_in(service)).user.id == user.id


async def test_the_last_way_to_sign_in_stays() -> None:
    async with nodes(Riddle()) as (service,):
        accounts = service.accounts
        user, token = await signed_in(service)
        (linked,) = await accounts.identities.of(user.id)
        with pytest.raises(ChatError, match=r"auth\.last"):
            await accounts.unlink(user, token, linked.id)
        with pytest.raises(ChatError, match=r"request\.not_found"):
            await accounts.unlink(user, token, "unknown")
        await accounts.passwords.change(user, token, "", "a long password", "192.0.2.1")
        await accounts.unlink(user, token, linked.id)
        assert await accounts.identities.of(user.id) == []
        assert (await signed_in(service)).user.id != user.id


@pytest.mark.parametrize("seed", range(10))
async def test_of_two_last_ways_one_stays_if_both_are_removed_at_once(seed: int) -> None:
    async with nodes(Riddle(), count=2, store=Turns(MemoryStore(), seed)) as services:
        user, token = await signed_in(services[0])
        await services[0].accounts.link(user, Identity(method="riddle", subject="second"))
        linked = await services[0].accounts.identities.of(user.id)
        assert len(linked) == 2
        await asyncio.gather(
            *(
                service.accounts.unlink(user, token, each.id)
                for service, each in zip(services, linked, strict=True)
            ),
            return_exceptions=True,
        )
        left = await services[0].accounts.identities.of(user.id)
        assert left
        assert await services[0].accounts.identities.holder(
            Identity(method="riddle", subject=left[0].name or "second")
        ) in (user.id, None)


async def test_a_deleted_account_leaves_its_identity_to_a_new_one() -> None:
    async with nodes(Riddle()) as (service,):
        await service.accounts.add("boss", "a long password", role=ServerRole.OWNER)
        user, _ = await signed_in(service)
        await service.removal.delete("ada")
        again, _ = await signed_in(service)
        assert again.id != user.id and again.username == "ada"


async def test_a_method_gives_roles_but_owners_keep_theirs() -> None:
    riddle = Riddle()
    async with nodes(riddle) as (service,):
        await signed_in(service, "owner")
        riddle.identity = {"role": ServerRole.ADMIN}
        assert (await signed_in(service)).user.role is ServerRole.ADMIN
        riddle.identity = {"role": ServerRole.GUEST}
        assert (await signed_in(service)).user.role is ServerRole.GUEST
        assert (await signed_in(service, "owner")).user.role is ServerRole.OWNER
        riddle.identity = {}
        assert (await signed_in(service)).user.role is ServerRole.GUEST


async def test_a_locked_account_stays_locked_for_every_method() -> None:
    async with nodes(Riddle()) as (service,):
        await service.accounts.add("boss", "a long password", role=ServerRole.OWNER)
        await signed_in(service)
        await service.accounts.lock("ada", True)
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await signed_in(service)


# -- machines ----------------------------------------------------------------------------------------


async def test_a_machine_is_made_once_and_nobody_signs_in_to_it() -> None:
    async with nodes(Riddle(), count=2, store=Turns(MemoryStore())) as services:
        found = await asyncio.gather(
            *(
                service.accounts.bot("p/helper", "helper", "Helper")
                for service in services
                for _ in range(3)
            )
        )
        assert len({each.id for each in found}) == 1
        bot = found[0]
        assert bot.bot is True and (bot.username, bot.name) == ("helper", "Helper")
        assert len(await services[0].accounts.list()) == 1
        assert (await services[1].accounts.bot("p/other", "helper", "Helper")).id != bot.id
        # Its authenticator would let everybody in.
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await services[0].accounts.login("helper", "", "192.0.2.1")
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await services[0].accounts.passwords.verified("helper", "", "192.0.2.1")
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await services[0].accounts.open_session(bot, IDENTITY, CLIENT)
        # It is no person, so the first person still becomes owner.
        user, _ = await services[0].accounts.register("ada", "a long password")
        assert user.role is ServerRole.OWNER and bot.role is ServerRole.MEMBER


async def test_only_machines_are_marked() -> None:
    async with nodes(Riddle()) as (service,):
        user = await service.accounts.add("ada", "a long password")
        assert "bot" not in msgspec.to_builtins(user)
        assert not user.bot
        bot = await service.accounts.bot("p/b", "b", "b")
        assert msgspec.to_builtins(bot)["bot"] is True
        assert (await service.accounts.get(bot.id)).bot is True


async def test_a_sign_in_with_a_user_that_is_gone_is_refused() -> None:
    riddle = Riddle()
    async with nodes(riddle) as (service,):
        from chatserver.hooks.login import LoginDone

        async def proceed(flow: Any, answer: Any) -> LoginDone:
            return LoginDone(user=answer["name"])

        method = msgspec.structs.replace(riddle.method, proceed=proceed)
        service.logins.methods.register([("p", method)])
        user = await service.accounts.add("ada", "a long password")
        found = await answered(service, await begun(service), name=user.id, word="-")
        assert isinstance(found, SignedIn) and found.user == user
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await answered(service, await begun(service), name="unknown", word="-")
