"""Signing in at one provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1)."""

import re
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec
from loguru import logger

from chatserver import LoginDone, LoginFlow, LoginMethod, LoginRedirect, LoginStep
from chatserver_plugins.oidc import answers
from chatserver_plugins.oidc.claims import identity_of
from chatserver_plugins.oidc.config import Provider
from chatserver_plugins.oidc.fetching import Fetching, Unavailable
from chatserver_plugins.oidc.logout import ProviderSessions
from chatserver_plugins.oidc.published import Metadata, Published
from chatserver_plugins.oidc.tokens import ROUNDED_SECONDS, InvalidToken, Tokens, age_at_issue

REQUESTS = 5  # of one step at most: addresses, keys, keys again, token, userinfo
SPARE_SECONDS = 5.0
BUSY = ("temporarily_unavailable", "server_error")  # errors of RFC 6749, 4.1.2.1
CANCELLED = ("access_denied", "interaction_required", "login_required", "consent_required")
_ERROR = re.compile(r"[a-z_]{1,64}")


class OidcMethod:
    """The sign-in method of one provider."""

    def __init__(
        self,
        name: str,
        config: Provider,
        fetching: Fetching,
        sessions: ProviderSessions,
        left_url: str,
    ) -> None:
        """`left_url` is where a browser comes back that signed out at the provider."""
        self._name, self._config, self._fetching = name, config, fetching
        self._sessions, self._left_url = sessions, left_url
        self._published = Published(name, config, fetching)
        self.tokens = Tokens(config, self._published)

    def declared(self) -> LoginMethod:
        """The method as the server lists it."""
        config = self._config
        return LoginMethod(
            name=self._name,
            label=config.label,
            icon=config.icon,
            kind="redirect",
            begin=self._begin,
            proceed=self._proceed,
            purposes=("sign_in", "link", "confirm") if config.confirms else ("sign_in", "link"),
            makes_accounts=config.new_accounts,
            lasts=self._sessions.lasts,
            leave=self._leave if config.logout else None,
            deadline=REQUESTS * config.timeout_seconds + SPARE_SECONDS,
        )

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        try:
            metadata = await self._published.metadata()
        except Unavailable:
            raise answers.unavailable() from None
        nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        asked = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": flow.return_url,
            "scope": " ".join(self._config.scopes),
            "state": flow.state,
            # Both as hashes, so that whoever sees this address knows neither.
            "nonce": _hashed(nonce),
            "code_challenge": _hashed(verifier),
            "code_challenge_method": "S256",
        }
        if self._config.form_post:
            asked["response_mode"] = "form_post"
        if flow.purpose == "confirm":
            asked |= {"prompt": "login", "max_age": "0"}
        return LoginRedirect(
            url=_with_query(metadata.authorization_endpoint, asked),
            keep={"nonce": nonce, "verifier": verifier, "began": time.time()},
        )

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        try:
            claims, token = await self._claims(flow, answer)
        except Unavailable as error:
            logger.warning("oidc {}: {}", self._name, error)
            raise answers.unavailable() from None
        except InvalidToken as error:
            logger.warning("oidc {}: the ID token is not valid: {}", self._name, error)
            raise answers.unusable() from None
        if flow.purpose == "confirm":
            self._demand_anew(flow, claims)
        identity = identity_of(claims, self._config)
        if flow.purpose == "sign_in":
            hint = token if self._config.logout else ""
            kept = await self._sessions.note(
                self._name, identity, claims["iat"], flow.kept["began"], hint
            )
            identity = msgspec.structs.replace(identity, kept=kept)
        return LoginDone(identity=identity)

    async def _leave(self, kept: str) -> str:
        """Where the browser signs out at the provider (OpenID Connect RP-Initiated Logout 1.0, section 2)."""
        try:
            address = (await self._published.metadata()).end_session_endpoint
        except Unavailable:
            return ""
        if not address:
            logger.warning("oidc {}: the provider has no end_session_endpoint", self._name)
            return ""
        given = {
            "client_id": self._config.client_id,
            "post_logout_redirect_uri": self._left_url,
            "state": secrets.token_urlsafe(16),
        }
        if hint := await self._sessions.take_hint(kept):
            given["id_token_hint"] = hint
        return _with_query(address, given)

    async def _claims(
        self, flow: LoginFlow, answer: Mapping[str, str]
    ) -> tuple[dict[str, Any], str]:
        """The claims of the person who comes back, and the ID token.

        Raises `Unavailable`, `InvalidToken`, `ChatError`.
        """
        metadata = await self._published.metadata()
        self._demand_issuer(metadata, answer)
        if "error" in answer:
            self._fail(answer["error"])
        if not answer.get("code"):
            raise answers.unusable()
        found = await self._exchange(metadata, flow, answer["code"])
        token = found.get("id_token")
        if not isinstance(token, str):
            raise InvalidToken("there is none")
        claims = await self.tokens.identified(token, _hashed(flow.kept["nonce"]))
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise InvalidToken("no sub")
        if self._config.userinfo:
            access = str(found.get("access_token", ""))
            further = await self._fetching.get(
                metadata.userinfo_endpoint, {"Authorization": f"Bearer {access}"}
            )
            if further.get("sub") != claims["sub"]:
                raise InvalidToken("the userinfo is about somebody else")
            claims = further | claims
        return claims, token

    def _demand_issuer(self, metadata: Metadata, answer: Mapping[str, str]) -> None:
        """Refuse the answer of another provider (RFC 9207)."""
        expected = metadata.authorization_response_iss_parameter_supported
        if answer.get("iss", None if expected else self._config.issuer) != self._config.issuer:
            logger.warning("oidc {}: the answer is that of another issuer", self._name)
            raise answers.unusable()

    def _fail(self, error: str) -> None:
        """Raise for an error with which the provider sends the browser back."""
        shown = error if _ERROR.fullmatch(error) else "an error"
        if error in CANCELLED:
            raise answers.cancelled()
        if error in BUSY:
            raise Unavailable(f"the provider answers {shown}")
        logger.warning("oidc {}: the provider answers {}", self._name, shown)
        raise answers.unusable()

    async def _exchange(self, metadata: Metadata, flow: LoginFlow, code: str) -> dict[str, Any]:
        """The answer of the token endpoint (RFC 6749, 4.1.3)."""
        config, headers = self._config, {}
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.return_url,
            "code_verifier": flow.kept["verifier"],
        }
        if config.client_auth == "secret_basic":
            # Encoded as in a form before it is joined (RFC 6749, 2.3.1).
            pair = f"{quote_plus(config.client_id)}:{quote_plus(config.client_secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = config.client_id
        if config.client_auth == "secret_post":
            form["client_secret"] = config.client_secret
        status, found = await self._fetching.post(metadata.token_endpoint, urlencode(form), headers)
        if status == 200:
            return found
        error = found.get("error")
        shown = error if isinstance(error, str) and _ERROR.fullmatch(error) else "an error"
        if shown == "invalid_grant":  # the code is used up, or another one's
            logger.warning("oidc {}: the token endpoint answers {}", self._name, shown)
            raise answers.unusable()
        raise Unavailable(f"{metadata.token_endpoint} answers {status} {shown}")

    def _demand_anew(self, flow: LoginFlow, claims: Mapping[str, Any]) -> None:
        """Refuse somebody whom the provider recognised without asking, as by a cookie."""
        age, elapsed = age_at_issue(claims), time.time() - flow.kept["began"]
        if age is None:
            logger.warning(
                "oidc {}: no auth_time, so nobody can confirm: set confirms = false", self._name
            )
        if age is None or age > elapsed + ROUNDED_SECONDS:
            raise answers.not_anew()


def _with_query(address: str, given: Mapping[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(given)}"


def _hashed(text: str) -> str:
    """SHA-256 in unpadded base64, as the method S256 of RFC 7636 has it."""
    return urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
