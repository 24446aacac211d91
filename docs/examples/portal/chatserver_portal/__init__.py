"""Sign-in at a portal: a site of one's own, which knows its people already."""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta

from chatserver import (
    ChatError,
    Identity,
    LoginDone,
    LoginFlow,
    LoginMethod,
    LoginRedirect,
    LoginStep,
    Powers,
    Refusal,
    Settings,
    hookimpl,
)


class PortalPlugin:
    """A button that leads to the portal, and an account for whoever comes back with its signature."""

    class Config(Settings, frozen=True, kw_only=True):
        address: Annotated[str, Meta(description="Page of the portal that signs people in.")]
        secret: Annotated[
            str, Meta(description="Secret that the portal and this server share.", min_length=32)
        ]
        label: Annotated[str, Meta(description="Text of the button.")] = "Portal"

    powers = Powers()

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def register_login_methods(self) -> list[LoginMethod]:
        return [
            LoginMethod(
                name="portal",
                label=self._config.label,
                icon="M12 3l9 8h-3v10h-5v-6h-2v6H6V11H3z",
                kind="redirect",
                begin=self._begin,
                proceed=self._proceed,
            )
        ]

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        """Lead the browser to the portal, with a ticket that only this sign-in accepts."""
        kept = secrets.token_urlsafe(32)
        query = {"return": flow.return_url, "state": flow.state, "ticket": ticket_of(kept)}
        return LoginRedirect(url=f"{self._config.address}?{urlencode(query)}", keep={"kept": kept})

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        """The browser is back: `answer` has the query of its address, `flow.kept` what `_begin` kept."""
        if "cancelled" in answer:
            return Refusal("The sign-in was cancelled at the portal.")
        user, ticket = answer.get("user", ""), ticket_of(flow.kept["kept"])
        right = signature(self._config.secret, ticket, user)
        if not user or not hmac.compare_digest(
            answer.get("signature", "").encode(), right.encode()
        ):
            raise ChatError("auth.invalid")
        return LoginDone(
            identity=Identity(subject=user, username=user, name=answer.get("name", ""))
        )


def ticket_of(kept: str) -> str:
    """The ticket in the address: a hash, so that the address does not give away what is kept."""
    return sha256(kept.encode()).hexdigest()


def signature(secret: str, ticket: str, user: str) -> str:
    """What the portal proves with that it knows the secret. The ticket makes it good for one sign-in."""
    return hmac.digest(secret.encode(), f"{ticket} {user}".encode(), "sha256").hex()


__all__ = ["PortalPlugin", "signature"]
