"""Makes the replica set of compose.yaml and its accounts, and keeps them: replicas.py MEMBER...

It runs beside the first member and changes only what is missing. Members whose names cannot be resolved are not started:
they are added when they are. One that is in the set stays in it.
"""

import socket
import sys
import time
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

SECRETS = Path("/run/secrets")
READY = Path("/tmp/ready")  # noqa: S108  for the health check; a file system of the container's own
SECONDS = 120
PAUSE_SECONDS = 5
# After this time without success it ends and is started again: the first member may have a new network.
PATIENCE_SECONDS = 60
PORT = 27017
# Of MongoDB's commands: code for a set that is there, an account that is there, and a missing sign-in.
ALREADY_INITIALIZED, USER_EXISTS, UNAUTHORIZED = 23, 51003, 13

Client = pymongo.MongoClient[dict[str, Any]]


def secret(name: str) -> str:
    return (SECRETS / name).read_text().strip()


def is_known(host: str) -> bool:
    """Whether a member has an address, which only a started one has."""
    try:
        socket.getaddrinfo(host, PORT)
    except OSError:
        return False
    return True


def connect(host: str = "127.0.0.1", password: str | None = None) -> Client:
    """A client of one member, as the administrator if there is a password."""
    account: dict[str, Any] = {"username": "root", "password": password, "authSource": "admin"}
    options = account if password else {}
    return pymongo.MongoClient(host, directConnection=True, timeoutMS=10_000, **options)


def initiate(first: str) -> None:
    """Make a set of one member, and the administrator, which both work without an account only once."""
    with connect() as client:
        try:
            members = [{"_id": 0, "host": f"{first}:{PORT}"}]
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        except OperationFailure as error:
            if error.code not in (ALREADY_INITIALIZED, UNAUTHORIZED):
                raise
        wait_for_primary(client)
        try:
            create_user(client, "root", secret("mongo_root_password"), "root", "admin")
        except OperationFailure as error:
            if error.code != UNAUTHORIZED:
                raise


def wait_for_primary(client: Client) -> None:
    """Return when the set has a primary. Raises `TimeoutError`."""
    deadline = time.monotonic() + SECONDS
    while not client.admin.command("hello").get("primary"):
        if time.monotonic() > deadline:
            raise TimeoutError("the replica set has no primary: are most of its members running?")
        time.sleep(0.2)


def create_user(client: Client, name: str, password: str, role: str, database: str) -> None:
    """Make an account of the database; one that is there keeps its password."""
    try:
        roles = [{"role": role, "db": database}]
        client[database].command("createUser", name, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != USER_EXISTS:
            raise


def add_members(client: Client, hosts: list[str]) -> None:
    """Add those that are not in the set yet, one after the other, as MongoDB demands."""
    for host in hosts:
        config = client.admin.command("replSetGetConfig")["config"]
        if any(member["host"] == f"{host}:{PORT}" for member in config["members"]):
            continue
        numbers = [member["_id"] for member in config["members"]]
        config["members"].append({"_id": max(numbers) + 1, "host": f"{host}:{PORT}"})
        config["version"] += 1
        client.admin.command("replSetReconfig", config)
        print(f"replicas: added {host}", flush=True)
        wait_until_synced(client, f"{host}:{PORT}")


def wait_until_synced(client: Client, name: str) -> None:
    """Return when the member is a secondary. Raises `TimeoutError`."""
    deadline = time.monotonic() + SECONDS
    while True:
        status = client.admin.command("replSetGetStatus")
        states = {member["name"]: member["stateStr"] for member in status["members"]}
        if states[name] in ("PRIMARY", "SECONDARY"):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} is still {states[name]}")
        time.sleep(0.5)


def make(hosts: list[str]) -> None:
    """Make what is missing."""
    first, *others = hosts
    initiate(first)
    password = secret("mongo_root_password")
    with connect(password=password) as local:
        wait_for_primary(local)
        primary = local.admin.command("hello")["primary"]
    with connect(primary, password) as client:
        create_user(client, "chatserver", secret("mongo_password"), "readWrite", "chatserver")
        create_user(client, "monitor", secret("mongo_monitor_password"), "clusterMonitor", "admin")
        add_members(client, [host for host in others if is_known(host)])


def main(hosts: list[str]) -> None:
    succeeded = time.monotonic()
    while True:
        try:
            make(hosts)
        except (PyMongoError, TimeoutError, OSError) as error:
            if time.monotonic() - succeeded > PATIENCE_SECONDS:
                sys.exit(f"replicas: {error}")
        else:
            if not READY.exists():
                print("replicas: the replica set and its accounts are there", flush=True)
            READY.touch()
            succeeded = time.monotonic()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
