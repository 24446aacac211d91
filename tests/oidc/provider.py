"""A provider of OpenID Connect for tests, in a thread of its own, that can be made to misbehave."""

import asyncio
import hmac
import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

CLIENT, SECRET = "chat server", "a+secret: with %41 signs"
PAGE = """<!doctype html><title>Provider</title><h1>Provider</h1>
<form method="post"><button id="yes" name="action" value="yes">Sign in</button>
<button id="no" name="action" value="no">Cancel</button></form>"""
FORM = """<!doctype html><title>Back</title><form method="post" action="{action}">{fields}
<button id="back">Go back</button></form>"""
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Key:
    """A pair of keys, with its id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self) -> dict[str, Any]:
        found: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(
            self.private.public_key(), as_dict=True
        )
        return found | {"kid": self.kid, "use": "sig", "alg": "RS256"}

    def sign(self, claims: Mapping[str, Any], **head: Any) -> str:
        """A token; without an id of the key if `kid` is None."""
        alg = head.pop("alg", "RS256")
        return jwt.encode(dict(claims), self.private, alg, _changed({"kid": self.kid}, head))


class Published:
    """A key as a provider publishes it, whatever it says."""

    def __init__(self, public: dict[str, Any]) -> None:
        self.public = public


class Provider:
    """The provider. Its fields may be changed at any time."""

    def __init__(self) -> None:
        self.key = Key("first")
        self.published: list[Key | Published] = [self.key]
        self.metadata: dict[str, Any] = {}  # changes
        self.person: dict[str, Any] = {"sub": "1001", "preferred_username": "ada", "name": "Ada"}
        self.changes: dict[str, Any] = {}  # of the ID token; None leaves a claim out
        self.sign: Callable[[dict[str, Any]], str] | None = None
        self.userinfo: dict[str, Any] = {}
        self.status: dict[str, int] = {}  # path -> status of the answer, with an empty object
        self.error = ""  # of the token endpoint
        self.form_post = False
        self.answers = threading.Event()  # cleared: no request is answered
        self.answers.set()
        self.asked: list[str] = []  # paths
        self.granted: list[dict[str, str]] = []  # requests of the token endpoint
        self.left: list[dict[str, str]] = []  # queries of sign-outs that began at a client
        self._codes: dict[str, dict[str, str]] = {}
        self.issuer = ""

    # -- what a browser and a person do ------------------------------------------------------------

    def authorize(self, url: str) -> dict[str, str]:
        """The query with which a browser comes back that was sent to `url`, without `state`."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {"code": code}

    def logout_token(self, **changes: Any) -> str:
        """A logout token; a change to None leaves a claim out."""
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": int(time.time()),
            "exp": int(time.time()) + 120,
            "jti": secrets.token_hex(8),
            "events": {LOGOUT_EVENT: {}},
            "sub": self.person["sub"],
        }
        return self.key.sign(_changed(claims, changes), typ="logout+jwt")

    # -- what the endpoints answer -----------------------------------------------------------------

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/leave?tenant=1",
        } | self.metadata

    def granted_tokens(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        self.granted.append(form)
        if self.error:
            return 400, {"error": self.error, "error_description": "secret-description"}
        if not _is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        digest = sha256(form["code_verifier"].encode()).digest()
        if urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": asked["nonce"],
        } | self.person
        sign = self.sign or self.key.sign
        token = sign(_changed(claims, self.changes))
        return 200, {"access_token": "access-token", "token_type": "Bearer", "id_token": token}


def _changed(claims: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _is_client(form: dict[str, str], authorization: str) -> bool:
    if authorization:
        given = b64decode(authorization.removeprefix("Basic ")).decode()
        client, _, secret = given.partition(":")
        return (unquote_plus(client), unquote_plus(secret)) == (CLIENT, SECRET)
    return form.get("client_id") == CLIENT and form.get("client_secret", SECRET) == SECRET


class Endpoint(RequestHandler):
    """All addresses of the provider."""

    def initialize(self, provider: Provider) -> None:
        self.provider = provider

    async def prepare(self) -> None:
        self.provider.asked.append(self.request.path)
        while not self.provider.answers.is_set():
            await asyncio.sleep(0.01)
        if self.request.path in self.provider.status:
            self.set_status(self.provider.status[self.request.path])
            self.finish({})

    def get(self, name: str) -> None:
        provider = self.provider
        if name == ".well-known/openid-configuration":
            self.finish(provider.described())
        elif name == "keys":
            self.finish({"keys": [key.public for key in provider.published]})
        elif name == "userinfo":
            is_right = self.request.headers.get("Authorization") == "Bearer access-token"
            self.set_status(200 if is_right else 401)
            self.finish({"sub": provider.person["sub"]} | provider.userinfo)
        elif name == "authorize":
            self.finish(PAGE)
        elif name == "leave":
            self._leave(dict(parse_qsl(self.request.query)))
        else:
            self.send_error(404)

    def post(self, name: str) -> None:
        body = self.request.body.decode()
        if name == "token":
            form = {key: values[0] for key, values in parse_qs(body).items()}
            status, answer = self.provider.granted_tokens(
                form, self.request.headers.get("Authorization", "")
            )
            self.set_status(status)
            self.finish(answer)
        else:
            self._send_back(parse_qs(body).get("action") == ["yes"])

    def _leave(self, asked: dict[str, str]) -> None:
        """End the session that the hint names, and send the browser back with the state."""
        hint = jwt.decode(asked["id_token_hint"], options={"verify_signature": False})
        assert (hint["iss"], hint["aud"]) == (self.provider.issuer, asked["client_id"])
        self.provider.left.append(asked)
        back = urlencode({"state": asked["state"]})
        self.redirect(f"{asked['post_logout_redirect_uri']}?{back}")

    def _send_back(self, agrees: bool) -> None:
        asked = dict(parse_qsl(self.request.query))
        found = self.provider.authorize(self.request.uri or "")
        query = found if agrees else {"error": "access_denied"}
        query |= {"state": asked["state"]}
        if asked.get("response_mode") == "form_post":
            fields = "".join(
                f'<input type="hidden" name="{name}" value="{value}">'
                for name, value in query.items()
            )
            self.finish(FORM.format(action=asked["redirect_uri"], fields=fields))
        else:
            self.redirect(f"{asked['redirect_uri']}?{urlencode(query)}")


@contextmanager
def providing(host: str = "127.0.0.1") -> Iterator[Provider]:
    """A provider on a free port of loopback, under this name."""
    provider, ready = Provider(), threading.Event()
    ended: list[Any] = []

    async def serve() -> None:
        application = Application([(r"/(.*)", Endpoint, {"provider": provider})])
        server = HTTPServer(application)
        (socket,) = bind_sockets(0, "127.0.0.1")
        server.add_socket(socket)
        provider.issuer = f"http://{host}:{socket.getsockname()[1]}"
        stop = asyncio.Event()
        ended.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(60)
    try:
        yield provider
    finally:
        provider.answers.set()
        ((loop, stop),) = ended
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def hmac_signed(claims: Mapping[str, Any], secret: bytes, alg: str = "HS256") -> str:
    """A token that is signed with a shared secret, made by hand, as libraries refuse some secrets."""

    def part(value: object) -> str:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    head = f"{part({'alg': alg, 'typ': 'JWT', 'kid': 'first'})}.{part(claims)}"
    signature = hmac.digest(secret, head.encode(), "sha256") if alg != "none" else b""
    return f"{head}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"
