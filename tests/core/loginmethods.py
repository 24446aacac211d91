"""Sign-in methods for tests, and nodes that have them."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from chatserver.errors import ChatError
from chatserver.hooks.login import (
    Identity,
    LoginClient,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginRedirect,
    LoginStep,
)
from chatserver.hooks.types import Refusal
from chatserver.model import User
from chatserver.service.login.logins import SignedIn
from chatserver.service.login.steps import Turn
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import config, make_service, running

CLIENT = LoginClient(address="192.0.2.1", agent="a test")
WORD = LoginField(name="word", label="Word", kind="password")
NAME = LoginField(name="name", label="Name", kind="username")


class Riddle:
    """Whoever knows the word is whom they say: `sesame`; `nobody` is refused."""

    def __init__(self, **fields: Any) -> None:
        self.method = LoginMethod(
            name="riddle",
            label="Riddle",
            begin=self.begin,
            proceed=self.proceed,
            **{"purposes": ("sign_in", "link", "confirm"), **fields},
        )
        self.flows: list[LoginFlow] = []
        self.identity: dict[str, Any] = {}  # further fields

    async def begin(self, flow: LoginFlow) -> LoginStep:
        self.flows.append(flow)
        return LoginForm(fields=(NAME, WORD), keep={"asked": 1})

    async def proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        self.flows.append(flow)
        if answer["name"] == "nobody":
            return Refusal("Not you.")
        if answer["word"] != "sesame":
            return LoginForm(
                fields=(NAME, WORD), error="Wrong.", keep={"asked": flow.kept["asked"] + 1}
            )
        name = answer["name"]
        return LoginDone(identity=Identity(subject=name, username=name, **self.identity))


class Second:
    """A second step for users whose name begins with `guarded`."""

    def __init__(self, name: str = "second", word: str = "open", **fields: Any) -> None:
        self._word = word
        self.method = LoginMethod(
            name=name,
            label=name,
            begin=self.begin,
            proceed=self.proceed,
            demand=self.demand,
            **{"purposes": ("challenge", "confirm"), **fields},
        )
        self.fails = False

    async def demand(self, user: User, identity: Identity) -> bool:
        if self.fails:
            raise RuntimeError
        return user.username.startswith("guarded") and not identity.is_strong

    async def begin(self, flow: LoginFlow) -> LoginStep:
        assert flow.user is not None
        return LoginForm(fields=(WORD,))

    async def proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        is_right = answer["word"] == self._word
        return LoginDone() if is_right else LoginForm(fields=(WORD,), error="Wrong.")


class Elsewhere:
    """Leads to another server; the answer's `code` is the subject."""

    def __init__(self) -> None:
        self.method = LoginMethod(
            name="elsewhere",
            label="Elsewhere",
            kind="redirect",
            begin=self.begin,
            proceed=self.proceed,
        )

    async def begin(self, flow: LoginFlow) -> LoginStep:
        return LoginRedirect(
            url=f"https://login.example.org/?state={flow.state}", keep={"nonce": "n"}
        )

    async def proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        assert flow.kept == {"nonce": "n"}
        if answer.get("error") == "away":
            raise ChatError("auth.unavailable")
        if answer.get("error") == "stale":
            detail: dict[str, object] = {"field": "password", "reason": "long"}
            raise ChatError("auth.refused", "Too old.", detail=detail)
        if answer.get("error"):
            return Refusal("Denied there.")
        return LoginDone(identity=Identity(subject=answer["code"], username=answer["code"]))


class Turns:
    """A way to a store on which the calls of several nodes mix, in another order each time."""

    def __init__(self, store: Any, seed: int = 0) -> None:
        self._behind, self._random = store, random.Random(seed)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._behind, name)

        async def call(*given: Any, **named: Any) -> Any:
            await self._wait()
            found = await method(*given, **named)
            await self._wait()
            return found

        return call

    async def _wait(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


@asynccontextmanager
async def nodes(
    *methods: Any,
    count: int = 1,
    store: Any = None,
    authenticator: Any = None,
    **settings: object,
) -> AsyncIterator[list[Service]]:
    """Nodes on one store with these methods."""
    async with AsyncExitStack() as stack:
        made = []
        shared = store or MemoryStore()
        for _ in range(count):
            service = make_service(shared, config(**settings), authenticator=authenticator)
            service.logins.methods.register([("p", each.method) for each in methods])
            made.append(await stack.enter_async_context(running(service)))
        yield made


async def begun(service: Service, name: str = "riddle", **given: Any) -> Turn:
    turn = await service.logins.begin(name, given.pop("client", CLIENT), **given)
    assert isinstance(turn, Turn)
    return turn


async def answered(service: Service, turn: Turn, **answer: str) -> Any:
    return await service.logins.proceed(turn.flow, turn.secret, answer, CLIENT)


async def signed_in(service: Service, name: str = "ada") -> SignedIn:
    found = await answered(service, await begun(service), name=name, word="sesame")
    assert isinstance(found, SignedIn)
    return found
