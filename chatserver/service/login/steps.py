"""Asks the sign-in methods for their steps, and counts wrong answers.

What a finished sign-in means is decided in `logins.py` and `accounts.py`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from chatserver.config import Config
from chatserver.errors import CODES, ChatError
from chatserver.hooks.actions import SignIn
from chatserver.hooks.guard import PluginFailed
from chatserver.hooks.login import (
    Demand,
    Identity,
    LoginClient,
    LoginDone,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginRedirect,
    LoginStep,
    Purpose,
)
from chatserver.hooks.reasons import refused
from chatserver.hooks.types import Refusal
from chatserver.interfaces import Store
from chatserver.localized import in_language
from chatserver.model import User
from chatserver.runtime.rate import AddressRate, address_network, too_fast
from chatserver.service.attempts import Attempts
from chatserver.service.claims import Claims
from chatserver.service.directory import Directory, folded_name
from chatserver.service.login.failures import Failures
from chatserver.service.login.flows import (
    FLOW_SECONDS,
    SPACE,
    Flows,
    Groups,
    Pending,
    Refused,
    hashed,
    new_secret,
)
from chatserver.service.login.methods import Methods

RETURN_PATH = "/api/v1/login/return"
VALUES_MOST, VALUE_CHARS = 32, 32768  # of an answer; a credential of WebAuthn has some thousands
# As of passwords: from one address, for all accounts.
ADDRESS_FAILURES, ADDRESS_SECONDS = 50, 300.0
_ENDED = ("auth.refused", "auth.invalid", "auth.flow")  # codes of answers that were wrong


class Turn(NamedTuple):
    """The step that comes next, with its id and the secret of its client; no id if it is the last."""

    flow: str
    secret: str
    pending: Pending
    step: LoginForm | LoginRedirect | LoginDone

    @property
    def alternatives(self) -> list[str]:
        """The challenges of which one is enough, if there are several."""
        groups = self.pending.groups
        return list(groups[0]) if groups and len(groups[0]) > 1 else []


class Challenged(ChatError):
    """The first step was right, and the account needs another one before there is a session."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        super().__init__("auth.challenge", detail=described(turn) | {"secret": turn.secret})


class Steps:
    """The steps of all sign-ins on this node."""

    def __init__(self, store: Store, config: Config, attempts: Attempts, claims: Claims) -> None:
        self.methods, self.flows = Methods(), Flows(store)
        self._attempts, self._claims = attempts, claims
        self._users = Directory(store)
        self._failures = Failures(store, SPACE)
        most = config.limits.logins_pending
        self._begun = AddressRate(most / FLOW_SECONDS, most)
        self._failed = AddressRate(ADDRESS_FAILURES / ADDRESS_SECONDS, ADDRESS_FAILURES)
        public = config.server.public_url
        self._return_url = public + RETURN_PATH if public else ""

    async def demanded(self, user: User, identity: Identity) -> Groups:
        """The challenges that a user must pass after this identity: groups, of each of which one is enough."""
        groups: dict[str, list[str]] = {}
        for method in self.methods.challenges():
            if method.name == identity.method or method.demand is None:
                continue
            if await self._is_demanded(method.name, method.demand, user, identity):
                groups.setdefault(method.group, []).append(method.name)
        return tuple(map(tuple, groups.values()))

    async def _is_demanded(self, name: str, demand: Demand, user: User, identity: Identity) -> bool:
        """Whether a method demands its challenge of a user.

        If its plugin fails, it refuses only the users of whom it claims to sign in.
        """
        try:
            return await demand(user, identity)
        except PluginFailed:
            if await self._claims.spares(self.methods.plugin_of(name), SignIn, user):
                return False
            raise

    async def begin(
        self,
        name: str,
        purpose: Purpose,
        client: LoginClient,
        *,
        user: User | None = None,
        identity: Identity | None = None,
        groups: Groups = (),
        session: str = "",
        back: str = "/",
    ) -> Turn:
        """The first step of a method. Raises `ChatError` request.invalid, limit.rate, auth.refused."""
        method = self.methods.get(name, purpose)
        self._begun.take(client.address)
        secret = client.secret or new_secret()
        pending = Pending(
            method=name,
            purpose=purpose,
            step=LoginForm(),
            holder=hashed(secret),
            expires=self.flows.expiry(),
            user=user.id if user else None,
            epoch=await self.flows.epoch(user.id) if user else "",
            identity=identity,
            groups=groups,
            session=session,
            back=back,
            steps=0,
        )
        return await self._begun_by(method, pending, secret, user, client)

    async def challenge(
        self,
        user: User,
        identity: Identity,
        groups: Groups,
        client: LoginClient,
        session: str = "",
    ) -> Turn | None:
        """The first step of the first challenge of these groups; None if all of them are passed already.

        `session` is the id of one that is to be confirmed; without it, a new one is to be opened.
        """
        for place, group in enumerate(groups):
            turn = await self.begin(
                group[0],
                "challenge",
                client,
                user=user,
                identity=identity,
                groups=groups[place:],
                session=session,
            )
            if not isinstance(turn.step, LoginDone):
                return turn
            if turn.step.identity is not None or turn.step.user not in (None, user.id):
                raise ChatError("auth.refused")
        return None

    async def look(self, flow: str, secret: str) -> Turn:
        """The waiting step again. Raises `ChatError` auth.flow, or the error by which the sign-in ended."""
        pending = await self.flows.look(flow, secret)
        if isinstance(pending.step, LoginForm | LoginRedirect):
            return Turn(flow, secret, pending, pending.step)
        await self.flows.take(flow, secret)
        raise ChatError(pending.step.code, pending.step.text, detail=pending.step.detail)

    async def switch(self, flow: str, secret: str, name: str, client: LoginClient) -> Turn:
        """Begin another challenge instead, of the same group. Raises `ChatError` auth.flow, request.invalid."""
        pending = await self.flows.look(flow, secret)
        if pending.purpose != "challenge" or name not in pending.groups[0]:
            raise ChatError("request.invalid", "This is no alternative.")
        method = self.methods.get(name, "challenge")
        pending = await self.flows.take(flow, secret)
        pending = msgspec.structs.replace(pending, method=name, kept={})
        user = await self._users.get(pending.user or "")
        return await self._begun_by(method, pending, secret, user, client)

    async def answer(
        self, flow: str, secret: str, answer: Mapping[str, str], client: LoginClient
    ) -> Turn:
        """The step after an answer.

        Raises `ChatError` auth.flow, auth.refused, request.invalid (the answer may be given again), limit.rate.
        """
        pending = await self.flows.look(flow, secret)
        method = self.methods.get(pending.method, pending.purpose)
        given = _checked(pending.step, answer)
        bucket = self._failed.bucket(client.address)
        if bucket.left < 1:
            raise too_fast(ADDRESS_SECONDS / ADDRESS_FAILURES)
        counted = _counted(pending, given, client.address)
        if counted:
            await self._failures.count(*counted)
        bucket.owe(1)  # counted in advance, as above
        is_taken = False
        try:
            pending = await self.flows.take(flow, secret)
            is_taken = True
            user = None if pending.user is None else await self._users.get(pending.user)
            state = new_secret()
            step = await method.proceed(self._flow(state, pending, user, client), given)
            failed = isinstance(step, Refusal) or (isinstance(step, LoginForm) and bool(step.error))
        except ChatError as error:
            if error.code in _ENDED:
                self._tell_wrong(pending, client.address)
            else:
                bucket.owe(-1)
                if counted:
                    await self._failures.take_back(*counted)
                if is_taken:  # nobody has judged the answer, so it may be given again
                    await self.flows.put(flow, pending)
            raise
        if failed:
            self._tell_wrong(pending, client.address)
        else:
            bucket.owe(-1)
            if counted and isinstance(step, LoginDone):
                await self._failures.forgive(*counted)
            elif counted:  # a step on the way proves nothing, so it forgives no earlier guess
                await self._failures.take_back(*counted)
        return await self._next(state, secret, pending, step)

    async def end(self, pending: Pending, secret: str, error: ChatError) -> str:
        """Keep the error by which a sign-in ended, for its client to look at; returns the id."""
        flow = new_secret()
        code = error.code if error.code in CODES else "auth.refused"  # a plugin may have its own
        refused = Refused(code, error.text, error.detail)
        ended = msgspec.structs.replace(pending, step=refused, kept={})
        await self.flows.put(flow, ended)
        return flow

    async def sweep(self) -> None:
        """Remove what has expired. Raises `StoreUnavailable`."""
        await self.flows.sweep()
        await self._failures.sweep()

    # -- shared ------------------------------------------------------------------------------------

    async def _begun_by(
        self,
        method: LoginMethod,
        pending: Pending,
        secret: str,
        user: User | None,
        client: LoginClient,
    ) -> Turn:
        state = new_secret()
        step = await method.begin(self._flow(state, pending, user, client))
        return await self._next(state, secret, pending, step)

    async def _next(self, state: str, secret: str, pending: Pending, step: LoginStep) -> Turn:
        if isinstance(step, Refusal):
            raise refused("auth.refused", step)
        if isinstance(step, LoginDone):
            return Turn("", secret, pending, step)
        shown = msgspec.structs.replace(step, keep={})
        pending = msgspec.structs.replace(
            pending, step=shown, kept=step.keep, steps=pending.steps + 1
        )
        await self.flows.put(state, pending)
        return Turn(state, secret, pending, shown)

    def _tell_wrong(self, pending: Pending, address: str) -> None:
        if pending.purpose in ("sign_in", "challenge"):
            self._attempts.tell(pending.user, address, "wrong", pending.method)

    def _flow(
        self, state: str, pending: Pending, user: User | None, client: LoginClient
    ) -> LoginFlow:
        return LoginFlow(
            state=state,
            method=pending.method,
            purpose=pending.purpose,
            address=client.address,
            return_url=self._return_url,
            user=user,
            kept=pending.kept,
            device=client.device,
            is_secure=client.is_secure,
            language=client.language,
        )


def described(turn: Turn) -> dict[str, object]:
    """A step as clients get it, except the secret."""
    found: dict[str, object] = {
        "flow": turn.flow,
        "method": turn.pending.method,
        "step": msgspec.to_builtins(turn.step),
    }
    return found | ({"alternatives": turn.alternatives} if turn.alternatives else {})


def _checked(step: object, answer: Mapping[str, str]) -> dict[str, str]:
    """The values of an answer that the step asked for. Raises `ChatError` request.invalid."""
    if len(answer) > VALUES_MOST or any(len(text) > VALUE_CHARS for text in answer.values()):
        raise ChatError("request.invalid", "This answer is too long.")
    if isinstance(step, LoginRedirect):
        return {name: text for name, text in answer.items() if name != "state"}
    if not isinstance(step, LoginForm):
        raise ChatError("auth.flow")
    given = {}
    for field in step.fields:
        if field.kind == "shown":
            continue
        given[field.name] = answer.get(field.name, "")
        if field.required and not given[field.name]:
            raise ChatError("request.invalid", f"{in_language(field.label)}: expected a value.")
    return given


def _counted(pending: Pending, given: Mapping[str, str], address: str) -> tuple[str, ...]:
    """The name whose failures count together: the pinned account, or the name that was typed.

    For each method of its own, so that passing one forgives no guesses at another.
    """
    if pending.user is not None:
        return ("user", pending.method, pending.user)
    if isinstance(pending.step, LoginForm):
        for field in pending.step.fields:
            if field.kind == "username":
                account = folded_name(given[field.name])[:100]
                return ("name", pending.method, account, address_network(address))
    return ()
