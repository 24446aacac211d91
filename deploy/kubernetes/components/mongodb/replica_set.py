"""Make the replica set of MEMBERS and its accounts, or bring them up to date. May be repeated at any time.

It signs in with the key file, as the members do among each other: there is no account before this.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

NAME = "rs0"
WAIT_SECONDS = 240  # for members to listen, and for a primary; then the Job tries again
NOT_YET_INITIALIZED, USER_NOT_FOUND = 94, 11

Client = MongoClient[dict[str, Any]]


def main(environ: Mapping[str, str]) -> None:
    """Raises `PyMongoError` or `TimeoutError` if the members do not answer."""
    members = environ["MEMBERS"].split(",")
    secrets = Path(environ["SECRETS"])
    key = "".join((secrets / "keyfile").read_text().split())  # as mongod reads it
    deadline = time.monotonic() + WAIT_SECONDS
    for member in members:
        wait_until_listening(member, key, deadline)
    if not initiate(members, key):
        add_missing(members, key)
    with connected(members, key) as client:
        set_account(client, "admin", "root", read(secrets / "root_password"), "root")
        set_account(client, "chatserver", "chatserver", read(secrets / "password"), "readWrite")
    print(f"the replica set {NAME} of {', '.join(members)} is ready")


def read(path: Path) -> str:
    return path.read_text().strip()


@contextmanager
def connected(members: Sequence[str], key: str, **options: Any) -> Iterator[Client]:
    """A client of the set, or of one member alone (`directConnection`)."""
    given = {"replicaSet": NAME, "serverSelectionTimeoutMS": 60_000, **options}
    with MongoClient(
        list(members), username="__system", password=key, authSource="local", w="majority", **given
    ) as client:
        yield client


def one(member: str, key: str) -> Any:
    return connected(
        [member], key, replicaSet=None, directConnection=True, serverSelectionTimeoutMS=2000
    )


def wait_until_listening(member: str, key: str, deadline: float) -> None:
    """Until the member answers. Raises `TimeoutError`, or `OperationFailure` if the key file is another."""
    while True:
        try:
            with one(member, key) as client:
                client.admin.command("ping")
                return
        except OperationFailure:
            raise
        except PyMongoError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{member} does not answer: {error}") from None
            print(f"waiting for {member}", flush=True)
            time.sleep(1)


def initiate(members: Sequence[str], key: str) -> bool:
    """Make the replica set; False if there is one."""
    with one(members[0], key) as client:
        try:
            client.admin.command("replSetGetStatus")
            return False
        except OperationFailure as error:
            if error.code != NOT_YET_INITIALIZED:
                raise
        listed = [{"_id": number, "host": host} for number, host in enumerate(members)]
        client.admin.command("replSetInitiate", {"_id": NAME, "members": listed})
        return True


def add_missing(members: Sequence[str], key: str) -> None:
    """Add members that the set lacks, one at a time, as MongoDB demands. None is removed."""
    with connected(members[:1], key) as client:
        for host in members:
            config = client.admin.command("replSetGetConfig")["config"]
            present = config["members"]
            if host in [each["host"] for each in present]:
                continue
            number = max(each["_id"] for each in present) + 1
            changed = [*present, {"_id": number, "host": host}]
            client.admin.command(
                "replSetReconfig", {**config, "version": config["version"] + 1, "members": changed}
            )
            print(f"added {host}", flush=True)


def set_account(client: Client, database: str, name: str, password: str, role: str) -> None:
    """Make the account, or give it this password and role."""
    given = {"pwd": password, "roles": [{"role": role, "db": database}]}
    try:
        client[database].command("updateUser", name, **given)
    except OperationFailure as error:
        if error.code != USER_NOT_FOUND:
            raise
        client[database].command("createUser", name, **given)


if __name__ == "__main__":
    main(os.environ)
