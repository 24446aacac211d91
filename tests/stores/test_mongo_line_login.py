"""The line for appends reaches a real mongod in each way that it knows, and leaves the others to the driver."""

import asyncio
import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pymongo
import pytest
import scramp
import trustme
from cryptography import x509
from pymongo.errors import OperationFailure

from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin, MongoStore, login, mongod
from chatserver_plugins.mongo.connection import connect
from chatserver_plugins.mongo.login import LeftToDriver, Login, Way
from tests.servers import PATIENT_MS, free_port, mongod_program

USER, PASSWORD = (
    "me,=/@ 100%",
    "p:@/,=ｐ é",
)  # in SCRAM names, ',' and '=' are escaped; 'ｐ' is normalised
OLD_USER = "from before 4.0"

pytestmark = pytest.mark.long


class Server(NamedTuple):
    """A mongod with TLS and accounts. `pair` has the key and certificate of the account `subject`."""

    port: int
    ca_file: str
    pair: str
    subject: str

    def uri(self, within: str = "", **options: str) -> str:
        options = {"tls": "true", "tlsCAFile": self.ca_file, "directConnection": "true"} | options
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        return f"mongodb://{within}127.0.0.1:{self.port}/?{asked}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    ca_file, own, other = (str(folder / f"{name}.pem") for name in ("ca", "own", "other"))
    authority.cert_pem.write_to_path(ca_file)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(own)
    client = authority.issue_cert("client.test", common_name="chat", organization_name="People")
    client.private_key_and_cert_chain_pem.write_to_path(other)
    certificate = x509.load_pem_x509_certificate(client.cert_chain_pems[0].bytes())
    port = free_port()
    (folder / "db").mkdir()
    process = mongod.spawn(
        [
            *(mongod_program(), "--dbpath", str(folder / "db"), "--port", str(port)),
            *("--bind_ip", "127.0.0.1", "--nounixsocket", "--logpath", str(folder / "log")),
            *("--auth", "--tlsMode", "requireTLS", "--tlsAllowConnectionsWithoutCertificates"),
            *("--tlsCertificateKeyFile", own, "--tlsCAFile", ca_file),
            *("--setParameter", "authenticationMechanisms=SCRAM-SHA-1,SCRAM-SHA-256,MONGODB-X509"),
        ]
    )
    made = Server(port, ca_file, other, certificate.subject.rfc4514_string())
    try:
        _make_accounts(made)
        yield made
    finally:
        process.terminate()
        process.wait()


def _make_accounts(server: Server) -> None:
    """The first account is made without one, as MongoDB allows from its own machine."""
    roles = [{"role": "root", "db": "admin"}]
    with pymongo.MongoClient[dict[str, Any]](server.uri()) as client:
        client.admin.command("createUser", "root", pwd="root", roles=roles)
    with pymongo.MongoClient[dict[str, Any]](server.uri("root:root@")) as client:
        client["accounts"].command("createUser", USER, pwd=PASSWORD, roles=roles)
        old = {"pwd": PASSWORD, "roles": roles, "mechanisms": ["SCRAM-SHA-1"]}
        client.admin.command({"createUser": OLD_USER, **old})
        client["$external"].command("createUser", server.subject, roles=roles)


def within(user: str) -> str:
    return f"{quote(user, safe='')}:{quote(PASSWORD, safe='')}@"


def ways(server: Server) -> Mapping[str, str]:
    """Addresses that the line can use."""
    mine = within(USER)
    by_certificate = {"authMechanism": "MONGODB-X509", "tlsCertificateKeyFile": server.pair}
    return {
        "negotiated": server.uri(mine, authSource="accounts"),
        "named": server.uri(mine, authSource="accounts", authMechanism="SCRAM-SHA-256"),
        "any certificate": server.uri(mine, authSource="accounts", tlsInsecure="true"),
        "by certificate": server.uri(**by_certificate),
        "by certificate, named": server.uri(f"{quote(server.subject, safe='')}@", **by_certificate),
    }


async def facts_of(uri: str, tmp_path: Path, driver: str = "motor") -> Mapping[str, str]:
    """The way of appends, after one has succeeded."""
    given: Any = {"uri": uri, "driver": driver, "timeout_ms": PATIENT_MS}
    store = MongoPlugin(MongoPlugin.Config(**given), tmp_path).provide_store()
    assert isinstance(store, MongoStore)
    await store.open()
    try:
        head = (await store.heads(["r"])).get("r", 0)
        assert await store.append([posted("r", head + 1, client_id=str(head))]) == (1, None)
        assert (await store.heads(["r"])) == {"r": head + 1}
        return store.line()
    finally:
        await store.close()


@pytest.mark.parametrize(
    "way", ["negotiated", "named", "any certificate", "by certificate", "by certificate, named"]
)
async def test_an_account_is_signed_in(
    io_loop: Any, server: Server, tmp_path: Path, way: str
) -> None:
    assert await facts_of(ways(server)[way], tmp_path) == {"line": "own"}


async def test_an_old_account_is_left_to_the_driver(
    io_loop: Any, server: Server, tmp_path: Path
) -> None:
    reason = "authentication by SCRAM-SHA-1 is left to the driver"
    for options in ({}, {"authMechanism": "SCRAM-SHA-1"}):
        uri = server.uri(within(OLD_USER), **options)
        assert await facts_of(uri, tmp_path) == {"line": "driver", "reason": reason}


async def test_motor_checks_revocation_and_the_line_does_not(
    io_loop: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "driver_checks_revocation", lambda: True)
    uri = ways(server)["negotiated"]
    assert "OCSP" in (await facts_of(uri, tmp_path))["reason"]
    assert await facts_of(uri, tmp_path, "pymongo") == {"line": "own"}


async def test_only_the_right_server_is_told_who_signs_in(
    io_loop: Any, server: Server, tmp_path: Path, ca_file: str
) -> None:
    uri = ways(server)["negotiated"]
    for wrong, address in (
        (uri.replace(quote(server.ca_file, safe=""), quote(ca_file, safe="")), "127.0.0.1"),
        (uri, "localhost"),
    ):
        with pytest.raises(OSError, match="certificate"):
            await connect((address, server.port), login.read(wrong))
    # Without TLS the server closes the connection.
    plain = login.read(uri)._replace(tls=None)
    with pytest.raises(pymongo.errors.AutoReconnect):
        await connect(("127.0.0.1", server.port), plain)


async def test_a_wrong_password_is_refused(io_loop: Any, server: Server) -> None:
    way = login.read(ways(server)["negotiated"])
    assert way.login is not None
    way.login.password = "another"
    with pytest.raises(OperationFailure) as refused:
        await connect(("127.0.0.1", server.port), way)
    assert refused.value.code == login.AUTHENTICATION_FAILED


# -- what an address asks for ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mongodb://h/", None),
        ("mongodb://me:p%40@h/", ("SCRAM-SHA-256", "me", "p@", "admin")),
        ("mongodb://me:p@h/db", ("SCRAM-SHA-256", "me", "p", "db")),
        ("mongodb://me:p@h/db?authSource=s", ("SCRAM-SHA-256", "me", "p", "s")),
        ("mongodb://me:p@h/?authMechanism=DEFAULT", ("SCRAM-SHA-256", "me", "p", "admin")),
        ("mongodb://h/?authMechanism=MONGODB-X509", ("MONGODB-X509", "", "", "$external")),
    ],
)
def test_logins(uri: str, expected: tuple[str, ...] | None) -> None:
    found = login.read(uri).login
    assert expected == (found and (found.mechanism, found.user, found.password, found.source))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("authMechanism=SCRAM-SHA-1", "authentication by SCRAM-SHA-1"),
        ("authMechanism=PLAIN", "authentication by PLAIN"),
        ("authMechanism=GSSAPI", "authentication by GSSAPI"),
        ("authMechanism=MONGODB-AWS", "authentication by MONGODB-AWS"),
        ("loadBalanced=true", "a load balancer"),
    ],
)
def test_left_to_the_driver(options: str, reason: str) -> None:
    with pytest.raises(LeftToDriver, match=f"{reason} is left to the driver"):
        login.read(f"mongodb://me:p@h/?{options}")


def test_what_the_driver_ignores_is_ignored() -> None:
    with pytest.warns(UserWarning, match="Unknown option"):
        assert login.read("mongodb://h/?isUnknown=1") == Way(None, None)


def test_names_that_would_be_changed_are_left_to_the_driver() -> None:
    with pytest.raises(LeftToDriver, match="not ASCII"):
        login.read("mongodb://%EF%BD%8D:p@h/")


@pytest.mark.parametrize(
    ("options", "encrypted", "checked", "names_checked"),
    [
        ("", False, False, False),
        ("tls=false", False, False, False),
        ("tls=true", True, True, True),
        ("ssl=true", True, True, True),
        ("tlsCAFile={ca}", True, True, True),
        ("tlsCertificateKeyFile={pair}", True, True, True),
        ("tls=true&tlsCRLFile={ca}", True, True, True),
        ("tls=true&tlsAllowInvalidHostnames=true", True, True, False),
        ("tls=true&tlsAllowInvalidCertificates=true", True, False, False),
        ("tls=true&tlsInsecure=true", True, False, False),
        ("tlsAllowInvalidHostnames=false", True, True, True),
    ],
)
def test_tls(
    tmp_path: Path,
    authority: trustme.CA,
    ca_file: str,
    options: str,
    encrypted: bool,
    checked: bool,
    names_checked: bool,
) -> None:
    """As the driver does with the same address."""
    pair = tmp_path / "pair.pem"
    authority.issue_cert("h").private_key_and_cert_chain_pem.write_to_path(str(pair))
    uri = f"mongodb://h/?{options.format(ca=ca_file, pair=pair)}"
    tls = login.read(uri).tls
    assert (tls is not None) == encrypted
    if tls is not None:
        assert bool(tls.verify_mode) == checked
        assert tls.check_hostname == names_checked


@pytest.mark.parametrize("option", ["tlsCAFile", "tlsCertificateKeyFile"])
def test_a_file_that_is_missing_is_an_error(option: str) -> None:
    with pytest.raises((OSError, ValueError)):
        login.read(f"mongodb://h/?tls=true&{option}=/no/file.pem")


def test_no_text_shows_the_password() -> None:
    way = login.read("mongodb://me:hunter2@h/")
    assert way.login is not None and way.login.password == "hunter2"
    assert "hunter2" not in f"{way} {way!r} {way.login} {way.login!r}"


# -- the server proves that it knows the password ----------------------------------------------


class Scram:
    """The server's side of SCRAM, by scramp's own server, with the last message changed by a test."""

    def __init__(self, *, final: str | None = None, done: bool = True, i: int = 4096) -> None:
        mechanism = scramp.ScramMechanism(login.SCRAM)
        known = mechanism.make_auth_info("secret", iteration_count=i)
        self._server = mechanism.make_server(lambda user: known)
        self._final, self._done = final, done
        self.commands: list[Mapping[str, Any]] = []

    async def run(self, command: Mapping[str, Any]) -> dict[str, Any]:
        self.commands.append(command)
        text = bytes(command["payload"]).decode()
        if "saslStart" in command:
            self._server.set_client_first(text)
            payload = self._server.get_server_first()
            return {"ok": 1, "conversationId": 5, "done": False, "payload": payload.encode()}
        if not text:
            return {"ok": 1, "conversationId": 5, "done": self._done, "payload": b""}
        self._server.set_client_final(text)
        payload = self._final or self._server.get_server_final()
        return {"ok": 1, "conversationId": 5, "done": False, "payload": payload.encode()}


ME = Login(login.SCRAM, "me", "secret", "accounts")


async def test_scram(io_loop: Any) -> None:
    server = Scram()
    await login.authenticate(server.run, ME, {})
    start, *others = server.commands
    assert start["$db"] == "accounts" and start["mechanism"] == login.SCRAM
    assert [each["conversationId"] for each in others] == [5, 5]
    assert b"secret" not in b"".join(bytes(each["payload"]) for each in server.commands)


@pytest.mark.parametrize(
    "server",
    [
        Scram(final=f"v={base64.b64encode(bytes(32)).decode()}"),
        Scram(final="e=other-error"),
        Scram(final="nothing"),
        Scram(final="あ"),
        Scram(done=False),
    ],
)
async def test_a_server_that_does_not_know_the_password(io_loop: Any, server: Scram) -> None:
    with pytest.raises(OperationFailure) as refused:
        await login.authenticate(server.run, ME, {})
    assert refused.value.code == login.AUTHENTICATION_FAILED
    assert "secret" not in str(refused.value)


async def test_the_hashes_do_not_hold_up_the_loop(
    io_loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []
    in_thread = asyncio.to_thread

    async def noted(function: Any, *given: Any) -> Any:
        used.append(function.__name__)
        return await in_thread(function, *given)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    await login.authenticate(Scram().run, ME, {})
    assert used == ["get_client_final"]


def test_what_is_asked_of_the_server() -> None:
    assert Way(None, ME).asks() == {"saslSupportedMechs": "accounts.me"}
    assert Way(None, Login(login.X509, "", "", "$external")).asks() == {}
    assert Way(None, None).asks() == {}
