"""The messages when MongoDB cannot be used, in an operator's words and without the password."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymongo
import pytest
import trustme

from chatserver import StartupError, Store, StoreUnavailable
from chatserver_plugins.mongo import MongoPlugin, mongod
from tests.servers import Mongod, free_port, mongod_program

PASSWORD = "hunter2"


async def refusal(uri: str, tmp_path: Path, driver: str = "motor") -> str:
    """The error of an attempt to open the store."""
    given: Any = {"uri": uri, "driver": driver, "timeout_ms": 2000, "start_seconds": 0}
    store = MongoPlugin(MongoPlugin.Config(**given), data=tmp_path).provide_store()
    with pytest.raises(StartupError) as refused:
        await store.open()
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[int]:
    """A mongod with these options, once it answers; its port."""
    (folder / "db").mkdir(parents=True)
    port = free_port()
    process = mongod.spawn(
        [
            *(mongod_program(), "--dbpath", str(folder / "db"), "--port", str(port)),
            *(
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--logpath",
                str(folder / "log"),
                *options,
            ),
        ]
    )
    try:
        while "Waiting for connections" not in _log(folder):
            assert process.poll() is None
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


async def _reason(store: Store) -> str:
    """Why the store does not answer now; empty if it does."""
    try:
        await store.ping()
    except StoreUnavailable as error:
        return error.reason
    return ""


def _log(folder: Path) -> str:
    try:
        return (folder / "log").read_text()
    except FileNotFoundError:
        return ""


@pytest.mark.parametrize("driver", ["motor", "pymongo"])
async def test_a_wrong_set_and_tls_where_there_is_none(
    io_loop: Any, replica_set: Mongod, tmp_path: Path, driver: str
) -> None:
    place = f"127.0.0.1:{replica_set.port}"
    assert (
        f"{place} is in the replica set 'test', and the address asks for replicaSet=other"
        in await refusal(f"mongodb://{place}/?replicaSet=other", tmp_path, driver)
    )
    said = await refusal(f"mongodb://{place}/?tls=true", tmp_path, driver)
    assert f"{place} does not speak TLS" in said


async def test_nobody_and_no_host(io_loop: Any, tmp_path: Path) -> None:
    port = free_port()
    said = await refusal(f"mongodb://me:{PASSWORD}@127.0.0.1:{port}/", tmp_path)
    assert f"no server listens at 127.0.0.1:{port}" in said
    assert "no host" in await refusal("mongodb://no-such-host.invalid/", tmp_path)


async def test_a_set_that_is_not_initiated(io_loop: Any, tmp_path: Path) -> None:
    with running(tmp_path / "a", "--replSet", "rs0") as port:
        for options in ("?replicaSet=rs0", "", "?directConnection=true"):
            said = await refusal(f"mongodb://127.0.0.1:{port}/{options}", tmp_path)
            assert "is not initiated" in said and "rs.initiate()" in said, options


async def test_passwords_and_rights(io_loop: Any, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    private = MongoPlugin(MongoPlugin.Config(), data=folder).provide_store()
    await private.open()
    try:
        port = int((folder / "mongod.pid").read_text().split()[1])
        place = f"127.0.0.1:{port}/?replicaSet={mongod.REPLICA_SET}"
        said = await refusal(f"mongodb://me:{PASSWORD}@{place}", tmp_path)
        assert "the login is refused: the user, the password or authSource" in said
        said = await refusal(f"mongodb://{place}", tmp_path)
        assert "the server asks for a user and a password, and the address has none" in said
        with pymongo.MongoClient((folder / "uri").read_text().strip()) as operator:
            operator["admin"].command("createUser", "me", pwd=PASSWORD, roles=["read"])
        said = await refusal(f"mongodb://me:{PASSWORD}@{place}&authSource=admin", tmp_path)
        assert "the user may not do this: not authorized on chatserver" in said
    finally:
        await private.close()


async def test_tls(io_loop: Any, tmp_path: Path, authority: trustme.CA, ca_file: str) -> None:
    pair = tmp_path / "pair.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pair))
    options = [
        "--tlsMode",
        "requireTLS",
        "--tlsCertificateKeyFile",
        str(pair),
        "--tlsCAFile",
        ca_file,
    ]
    with running(tmp_path / "a", *options, "--tlsAllowConnectionsWithoutCertificates") as port:
        place = f"127.0.0.1:{port}"
        assert "does it speak TLS only" in await refusal(f"mongodb://{place}/", tmp_path)
        said = await refusal(f"mongodb://{place}/?tls=true", tmp_path)
        assert "is not trusted" in said
        said = await refusal(f"mongodb://{place}/?tls=true&tlsCAFile=/no/ca.pem", tmp_path)
        assert "plugin.mongo.uri" in said and "tlscafile" in said.lower()


async def test_an_invalid_address_is_not_quoted(io_loop: Any, tmp_path: Path) -> None:
    said = await refusal(f"mongodb://me:p@{PASSWORD}:w/x@host/", tmp_path)
    assert "percent-encoded" in said


async def test_no_primary(io_loop: Any, tmp_path: Path) -> None:
    """As in a set that has lost most of its members."""
    server = Mongod(tmp_path)
    server.start()
    store = MongoPlugin(
        MongoPlugin.Config(uri=server.uri, timeout_ms=2000), data=tmp_path
    ).provide_store()
    await store.open()
    try:
        with pymongo.MongoClient(
            f"mongodb://127.0.0.1:{server.port}/?directConnection=true"
        ) as admin:
            admin["admin"].command("replSetStepDown", 60, force=True)
        expected = f"no primary now: 127.0.0.1:{server.port} answer"
        reasons = [""]
        # At first the store may answer still, a connection end, or a slow machine not answer in time.
        while len(reasons) < 20 and expected not in reasons[-1]:
            reasons.append(await _reason(store))
            await asyncio.sleep(0.05)
        assert expected in reasons[-1], reasons
    finally:
        await store.close()
        server.kill()
