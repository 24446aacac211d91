"""The e-mail addresses of users. Nobody but the user and the staff of the server sees one.

A user's own address counts when they have opened the link of a mail to it. Several accounts may have one address, so
that nobody learns whose it is.
"""

import re
import secrets
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.mail import Mail
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.runtime.rate import too_fast
from chatserver.service.mail.meter import Meter
from chatserver.service.mail.outbox import Outbox
from chatserver.service.mail.texts import CONFIRM, language_of, written

# Record space: of/USER -> address; pending/USER -> Pending; language/USER -> its tag
SPACE = "email"
CONFIRM_SECONDS = 86400.0
EMAIL_CHARS = 254  # RFC 5321, 4.5.3.1
CODE_CHARS = 200
MAILS_PER_HOUR = 5  # to confirm, for one user, and to one address
PAGE = 1000

# The form of HTML's <input type=email>, with a domain of at least two labels.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """An address that its user has not confirmed yet; `expires` is a Unix time."""

    email: str
    digest: str
    expires: float
    language: str = ""


class OwnEmail(msgspec.Struct, frozen=True, kw_only=True):
    """The address of a user, and one that waits to be confirmed; both may be null."""

    email: str | None
    pending: str | None = None


class Confirmed(NamedTuple):
    """The user id whose address counts now, and the former address if it was another one."""

    user: str
    former: str | None


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Pending).decode


class Emails:
    """All addresses."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        public_url: str,
        server: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`server` is the name of the server, for the texts of mails."""
        self._store, self._outbox, self._clock = store, outbox, clock
        self._public_url, self._server = public_url, server
        self._meter = Meter(store, MAILS_PER_HOUR, 3600.0)

    async def of(self, user: str) -> str | None:
        """The address of a user id."""
        raw = await self._store.get(SPACE, f"of/{user}")
        return None if raw is None else raw.decode()

    async def of_many(self, users: Sequence[str]) -> dict[str, str]:
        """The addresses of those of the user ids that have one, in one read."""
        found = await self._store.get_many(SPACE, [f"of/{user}" for user in users])
        return {key.removeprefix("of/"): raw.decode() for key, raw in found.items()}

    async def own(self, user: str) -> OwnEmail:
        """The address of a user id, with the one that waits."""
        raw = await self._store.get(SPACE, f"pending/{user}")
        pending = None if raw is None else _decode(raw)
        waits = pending is not None and self._clock() < pending.expires
        return OwnEmail(
            email=await self.of(user), pending=pending.email if pending and waits else None
        )

    async def language(self, user: str) -> str:
        """The language in which a user id gave the address; "" if it was given by others."""
        return (await self._store.get(SPACE, f"language/{user}") or b"").decode()

    async def set(self, user: str, email: str | None) -> str | None:
        """Set the address of a user id, or remove it; returns the former one if it was another.

        Raises `ChatError` request.invalid.
        """
        new, former = None if email is None else clean_email(email), await self.of(user)
        if new is None:
            await self._store.delete(SPACE, f"of/{user}")
        else:
            await self._store.put(SPACE, f"of/{user}", new.encode())
        await self._store.delete(SPACE, f"pending/{user}")
        return None if former == new else former

    async def forget(self, user: str) -> None:
        """Remove all about a deleted account (id)."""
        await self.set(user, None)
        await self._store.delete(SPACE, f"language/{user}")

    async def propose(self, user: User, email: str, accepted: str) -> None:
        """Send a link to an address, by which it becomes that of the user. `accepted` as in `language_of`.

        Raises `ChatError` request.invalid, limit.rate, mail.none.
        """
        self._outbox.demand()
        email = clean_email(email)
        for name in (("user", user.id), ("email", email.lower())):
            if not await self._meter.take(*name):
                raise too_fast(3600.0 / MAILS_PER_HOUR)
        code = f"{user.id}.{secrets.token_urlsafe(32)}"
        pending = Pending(
            email=email,
            digest=_digest(code),
            expires=self._clock() + CONFIRM_SECONDS,
            language=language_of(accepted),
        )
        await self._store.put(SPACE, f"pending/{user.id}", _encode(pending))

        async def compose() -> Mail:
            return written(
                CONFIRM,
                email,
                f"{self._public_url}/#email={code}",
                language_of(accepted),
                name=user.name,
                username=user.username,
                server=self._server,
            )

        self._outbox.put(compose)

    async def confirm(self, code: str) -> Confirmed:
        """The address of a link counts from now on. Raises `ChatError` auth.refused."""
        user = code.partition(".")[0]
        raw = None
        if user and len(code) <= CODE_CHARS:
            raw = await self._store.get(SPACE, f"pending/{user}")
        pending = None if raw is None else _decode(raw)
        if (
            pending is None
            or not compare_digest(pending.digest, _digest(code))
            or self._clock() >= pending.expires
            or not await self._store.delete(SPACE, f"pending/{user}")
        ):
            raise ChatError("auth.refused", "This link is not valid any more.")
        former = await self.of(user)
        await self._store.put(SPACE, f"of/{user}", pending.email.encode())
        if pending.language:
            await self._store.put(SPACE, f"language/{user}", pending.language.encode())
        return Confirmed(user, None if former == pending.email else former)

    async def sweep(self) -> None:
        """Remove what was not confirmed in time, and counts that are over."""
        after, now = "", self._clock()
        while rows := await self._store.scan(SPACE, "pending/", after, PAGE):
            for key, raw in rows:
                if now > _decode(raw).expires:
                    await self._store.delete(SPACE, key)
            after = rows[-1][0]
        await self._meter.sweep()


def clean_email(email: str) -> str:
    """The address without blanks around it. Raises `ChatError` request.invalid."""
    email = email.strip()
    if len(email) > EMAIL_CHARS or not _EMAIL.fullmatch(email):
        raise ChatError(
            "request.invalid",
            "This is no e-mail address.",
            detail={"field": "email", "reason": "form"},
        )
    return email


def _digest(code: str) -> str:
    return sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
