"""How an address says to reach its servers: TLS and the login, for a connection without the driver.

SCRAM-SHA-256 and X.509 are done here, the SCRAM messages by scramp. SCRAM-SHA-1 (an account that was last
changed before MongoDB 4.0) needs MD5, and is left to the driver, as are LDAP, Kerberos, AWS and OIDC.
"""

import asyncio
import importlib.util
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from bson.binary import Binary
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

from chatserver_plugins.mongo.wire import Document

SCRAM, X509 = "SCRAM-SHA-256", "MONGODB-X509"
AUTHENTICATION_FAILED = 18


class LeftToDriver(Exception):
    """Only the driver can reach these servers; the text says why."""


Run = Callable[[Mapping[str, Any]], Awaitable[Document]]


class Login:
    """A user. Not a tuple, so that no text made of it shows the password."""

    def __init__(self, mechanism: str, user: str, password: str, source: str) -> None:
        """`mechanism` is SCRAM, or X509, whose user may be empty: the certificate names it."""
        self.mechanism, self.user, self.source = mechanism, user, source
        self.password = password


class Way(NamedTuple):
    """What all servers of an address have in common."""

    tls: ssl.SSLContext | None
    login: Login | None

    def asks(self) -> Mapping[str, Any]:
        """Fields of `hello` that ask what the login needs to know."""
        if self.login is None or self.login.mechanism != SCRAM:
            return {}
        return {"saslSupportedMechs": f"{self.login.source}.{self.login.user}"}


def read(uri: str, *, checks_revocation: bool = False) -> Way:
    """The way of an address; blocks, as files are read and names resolved.

    With `checks_revocation` the driver asks for more of certificates than is done here. Raises `LeftToDriver`;
    for a bad address `OSError`, `ValueError` or an error of PyMongo.
    """
    parsed = parse_uri(uri, warn=True)  # as the driver does, which ignores what it does not know
    options: dict[str, Any] = {name.lower(): value for name, value in parsed["options"].items()}
    if options.get("loadbalanced"):
        raise LeftToDriver("a load balancer is left to the driver")
    tls = _tls(options)
    if tls is not None and checks_revocation:
        raise LeftToDriver("checks of revoked certificates (OCSP) are left to the driver")
    return Way(tls, _login(parsed, options))


def driver_checks_revocation() -> bool:
    """Whether PyMongo's synchronous client, on which Motor is built, asks whether certificates are revoked."""
    return all(importlib.util.find_spec(name) for name in ("OpenSSL", "service_identity"))


def _tls(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """The context that the driver would make; None without TLS."""
    if not options.get("tls", any(name.startswith("tls") for name in options)):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    checked = not options.get("tlsallowinvalidcertificates")
    context.check_hostname = checked and not options.get("tlsallowinvalidhostnames")
    context.verify_mode = ssl.CERT_REQUIRED if checked else ssl.CERT_NONE
    if own := options.get("tlscertificatekeyfile"):
        context.load_cert_chain(own, password=options.get("tlscertificatekeyfilepassword"))
    if revoked := options.get("tlscrlfile"):
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        context.load_verify_locations(revoked)
    if authorities := options.get("tlscafile"):
        context.load_verify_locations(authorities)
    elif checked:
        context.load_default_certs()
    return context


def _login(parsed: Mapping[str, Any], options: Mapping[str, Any]) -> Login | None:
    user, password = parsed["username"] or "", parsed["password"] or ""
    mechanism = options.get("authmechanism") or (SCRAM if user else "")
    if mechanism == "DEFAULT":
        mechanism = SCRAM
    if not mechanism:
        return None
    if mechanism == X509:
        return Login(X509, user, "", "$external")
    if mechanism != SCRAM:
        raise LeftToDriver(f"authentication by {mechanism} is left to the driver")
    if not user.isascii():
        # scramp normalises names, which MongoDB leaves as they are.
        raise LeftToDriver("a user whose name is not ASCII is left to the driver")
    return Login(SCRAM, user, password, options.get("authsource") or parsed["database"] or "admin")


async def authenticate(run: Run, login: Login, hello: Mapping[str, Any]) -> None:
    """Sign a new connection in, given the server's answer to `hello`.

    Raises `OperationFailure`, also if the server does not prove that it knows the password, and `LeftToDriver`.
    """
    if login.mechanism == X509:
        command: Document = {"authenticate": 1, "mechanism": X509}
        if login.user:
            command["user"] = login.user
        await run({**command, "$db": login.source})
        return
    if SCRAM not in hello.get("saslSupportedMechs", [SCRAM]):
        raise LeftToDriver("authentication by SCRAM-SHA-1 is left to the driver")
    await _scram(run, login)


async def _scram(run: Run, login: Login) -> None:
    """https://www.mongodb.com/docs/manual/core/security-scram/, RFC 5802 and RFC 7677."""
    import scramp  # only if there is a password

    async def step(command: Mapping[str, Any], message: str) -> Document:
        payload = Binary(message.encode())
        return await run({**command, "payload": payload, "$db": login.source})

    try:
        client = scramp.ScramClient([SCRAM], login.user, login.password)
        start = {"saslStart": 1, "mechanism": SCRAM, "options": {"skipEmptyExchange": True}}
        answer = await step(start, client.get_client_first())
        again = {"saslContinue": 1, "conversationId": answer["conversationId"]}
        client.set_server_first(bytes(answer["payload"]).decode("ascii"))
        # Thousands of hashes, by design.
        answer = await step(again, await asyncio.to_thread(client.get_client_final))
        client.set_server_final(bytes(answer["payload"]).decode("ascii"))
        if not answer["done"]:
            answer = await step(again, "")
    except (scramp.ScramException, KeyError, ValueError) as error:
        raise OperationFailure(
            "the login did not go as it should", AUTHENTICATION_FAILED
        ) from error
    if not answer["done"]:
        raise OperationFailure("the login did not end", AUTHENTICATION_FAILED)
