"""Links by which users choose a new password without the old one: their records, and the steps behind them.

A user has one valid link at most; a new one replaces it. It is used once, on any node. The store has the hash of its
code, which nothing else has.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from hmac import compare_digest

import msgspec

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.login import (
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
)
from chatserver.interfaces import Store
from chatserver.model import User

SPACE = "reset"  # record space: user id -> Reset, or USED while it is being used
RESET, FORGOTTEN = "reset", "forgotten"  # names of methods
USED = b"{}"
PAGE = 1000
CODE_CHARS = 200
SPARE_SECONDS = 600.0  # after the expiry, as some node's clock may be slow
INVALID = "This link is not valid any more. Ask for a new one."


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """A link. `expires` is a Unix time."""

    digest: str
    expires: float


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Reset).decode


class Resets:
    """All links that are valid."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    async def make(self, user: str, seconds: float) -> tuple[str, float]:
        """A code for a user id, and the Unix time at which it expires; an earlier code ends."""
        code = f"{user}.{secrets.token_urlsafe(32)}"
        expires = self._clock() + seconds
        await self._store.put(SPACE, user, _encode(Reset(digest=digest_of(code), expires=expires)))
        return code, expires

    async def find(self, code: str) -> str | None:
        """The user id of a valid code."""
        user = code.partition(".")[0]
        if not user or len(code) > CODE_CHARS:
            return None
        return user if await self._valid(user, digest_of(code)) is not None else None

    async def use(
        self, user: str, digest: str, set_password: Callable[[], Awaitable[None]]
    ) -> None:
        """Set the password by the link with this digest, once. Raises `ChatError` auth.refused if it is not valid.

        If the password cannot be set, the link stays valid, unless that is not known.
        """
        raw = await self._valid(user, digest)
        # Another node, or another request, may be using it at the same time.
        if raw is None or not await self._store.swap(SPACE, user, raw, USED):
            raise ChatError("auth.refused", INVALID)
        try:
            await set_password()
        except StoreUnavailable:
            raise
        except ChatError:
            await self._store.swap(SPACE, user, USED, raw)
            raise
        await self.forget(user)

    async def forget(self, user: str) -> None:
        """End the link of a user id, if there is one."""
        await self._store.delete(SPACE, user)

    async def sweep(self) -> None:
        """Remove expired ones."""
        after, now = "", self._clock()
        while rows := await self._store.scan(SPACE, "", after, PAGE):
            for key, raw in rows:
                if raw != USED and now > _decode(raw).expires + SPARE_SECONDS:
                    await self._store.delete(SPACE, key)
            after = rows[-1][0]

    async def _valid(self, user: str, digest: str) -> bytes | None:
        raw = await self._store.get(SPACE, user)
        if raw is None or raw == USED:
            return None
        reset = _decode(raw)
        is_good = compare_digest(reset.digest, digest) and self._clock() < reset.expires
        return raw if is_good else None


def digest_of(code: str) -> str:
    return sha256(code.encode("utf-8", "surrogatepass")).hexdigest()


Find = Callable[[str], Awaitable[User | None]]  # the user of a code, if it is valid
ResetPassword = Callable[[str, str, str, str], Awaitable[None]]  # user id, digest, new one, address

_CODE = LoginForm(fields=(LoginField(name="code", label="Code of the link"),))


class ResetSteps:
    """The steps behind a link: its code, then the new password, which signs the user in."""

    def __init__(self, find: Find, reset_password: ResetPassword, first: LoginForm = _CODE) -> None:
        """`first` is the form that asks for the `code`."""
        self._find, self._reset_password, self._first = find, reset_password, first

    async def begin(self, flow: LoginFlow) -> LoginStep:
        return self._first

    async def proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        if "digest" not in flow.kept:
            code = answer["code"].strip()
            user = await self._find(code)
            if user is None:
                return msgspec.structs.replace(self._first, error=INVALID)
            return _password_form(user, digest_of(code))
        user_id, digest = flow.kept["user"], flow.kept["digest"]
        await self._reset_password(user_id, digest, answer["password"], flow.address)
        return LoginDone(user=user_id)


def reset_method(find: Find, reset_password: ResetPassword) -> LoginMethod:
    """Asks for the code of a link, which the page fills in, then for the new password."""
    steps = ResetSteps(find, reset_password)
    return LoginMethod(
        name=RESET,
        label="Link for a new password",
        begin=steps.begin,
        proceed=steps.proceed,
        purposes=("sign_in",),
        deadline=60.0,
    )


def _password_form(user: User, digest: str) -> LoginForm:
    return LoginForm(
        text="Choose a new password. You will be signed out everywhere else.",
        fields=(
            LoginField(name="username", label="User name", kind="shown", value=user.username),
            LoginField(name="password", label="New password", kind="new_password"),
        ),
        keep={"user": user.id, "digest": digest},
    )
