"""Signs people in at providers of OpenID Connect, and out when a provider says so. See docs/oidc.md."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec
from loguru import logger

import chatserver
from chatserver import ChatError, Context, LoginMethod, Reply, Request, Route, StartupError
from chatserver_plugins.oidc import config as settings

if TYPE_CHECKING:
    from chatserver_plugins.oidc.fetching import Fetching
    from chatserver_plugins.oidc.logout import ProviderSessions
    from chatserver_plugins.oidc.method import OidcMethod

LEFT_PATH = "/api/v1/oidc/{provider}/left"
LOGOUT_BYTES = 65536  # of a logout token, as a form
LOGOUT_FIELDS = 20  # of that form; of use is one


class OidcPlugin:
    """Each provider is a sign-in method under its own name."""

    Config = settings.Config
    powers = chatserver.Powers(
        network=("configured", "discovered"),
        service=("accounts.end_sessions", "accounts.identities"),
    )

    def __init__(self, config: settings.Config) -> None:
        self._config = config
        self._methods: dict[str, OidcMethod] = {}
        self._fetching: list[Fetching] = []
        self._sessions: ProviderSessions | None = None

    @chatserver.hookimpl
    def register_login_methods(self, context: Context) -> Sequence[LoginMethod]:
        with chatserver.from_extra("oidc", "jwt"):
            from chatserver_plugins.oidc.method import OidcMethod
        from chatserver_plugins.oidc.fetching import Fetching
        from chatserver_plugins.oidc.logout import ProviderSessions

        if self._config.providers and not context.public_url:
            raise StartupError("server.public_url: required, as providers send people back there")
        self._sessions = ProviderSessions(context.expiring, context.service)
        for name, provider in self._config.providers.items():
            fetching = Fetching(name, provider.timeout_seconds, provider.ca_file)
            self._fetching.append(fetching)
            left = context.public_url + LEFT_PATH.format(provider=name)
            self._methods[name] = OidcMethod(name, provider, fetching, self._sessions, left)
        return [method.declared() for method in self._methods.values()]

    @chatserver.hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        path = "/api/v1/oidc/{provider}/logout"
        return [
            Route(path=path, post=self._log_out, body_bytes=LOGOUT_BYTES, deadline=30.0),
            Route(path=LEFT_PATH, get=self._left),
        ]

    @chatserver.hookimpl
    async def shutdown(self) -> None:
        for each in self._fetching:
            each.close()

    async def _left(self, request: Request) -> Reply:
        """A browser comes back that signed out at a provider: to the page, without the query."""
        if request.parameters["provider"] not in self._methods:
            raise ChatError("request.not_found")
        headers = {"Location": "/", "Cache-Control": "no-store"}
        return Reply(status=303, body=b"", headers=headers)

    async def _log_out(self, request: Request) -> Reply:
        """A provider reports that somebody signed out there."""
        from chatserver_plugins.oidc.fetching import Unavailable
        from chatserver_plugins.oidc.tokens import InvalidToken

        name = request.parameters["provider"]
        method, provider = self._methods.get(name), self._config.providers.get(name)
        if method is None or provider is None or self._sessions is None:
            raise ChatError("request.not_found")
        try:
            claims = await method.tokens.logged_out(_logout_token(request.body))
        except InvalidToken as error:
            logger.warning("oidc {}: the logout token is not valid: {}", name, error)
            return _answered(400, {"error": "invalid_request"})
        except Unavailable:
            raise ChatError("auth.unavailable", after_ms=5000) from None
        if not await self._sessions.end(name, provider.issuer, claims):
            logger.warning("oidc {}: the logout token was used before", name)
            return _answered(400, {"error": "invalid_request"})
        return _answered(200, {})


def _logout_token(body: bytes) -> str:
    """The token in a form; "" without one, and for a form of too many fields."""
    try:
        form = parse_qs(body.decode("latin-1"), max_num_fields=LOGOUT_FIELDS)
    except ValueError:
        return ""
    return form.get("logout_token", [""])[0]


def _answered(status: int, body: Mapping[str, str]) -> Reply:
    return Reply(
        status=status, body=msgspec.json.encode(body), headers={"Cache-Control": "no-store"}
    )


__all__ = ["OidcPlugin"]
