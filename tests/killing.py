"""Stores that this process shares, one after the other, with programs that are killed in the middle of their work."""

import random
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.servers import PATIENT_MS

STORES = ["sqlite", "postgres", pytest.param("mongo", marks=pytest.mark.long)]


class Kept(NamedTuple):
    """A store: `make` makes it here, and so does the function `make` of a program that begins with `source`."""

    make: Any
    source: str


def kept_store(request: pytest.FixtureRequest, folder: Path) -> Kept:
    """The store that `request.param` names, one of STORES, with nothing in it."""
    name = f"test_{secrets.token_hex(8)}"
    plugin: Any
    if request.param == "sqlite":
        plugin = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), folder)
        kind, given = "sqlite:SqlitePlugin", f"timeout_ms={PATIENT_MS}"
    elif request.param == "postgres":
        uri = request.getfixturevalue("postgres").uri
        plugin = PostgresPlugin(PostgresPlugin.Config(uri=uri, schema=name, timeout_ms=PATIENT_MS))
        kind, given = (
            "postgres:PostgresPlugin",
            f"uri={uri!r}, schema={name!r}, timeout_ms={PATIENT_MS}",
        )
    else:
        uri = request.getfixturevalue("replica_set").uri
        plugin = MongoPlugin(
            MongoPlugin.Config(uri=uri, database=name, timeout_ms=PATIENT_MS), folder
        )
        kind, given = (
            "mongo:MongoPlugin",
            f"uri={uri!r}, database={name!r}, timeout_ms={PATIENT_MS}",
        )
    module, _, cls = kind.partition(":")
    place = "" if module == "postgres" else f", Path({str(folder)!r})"
    source = (
        "from pathlib import Path\n"
        f"from chatserver_plugins.{module} import {cls}\n"
        f"make = {cls}({cls}.Config({given}){place}).provide_store\n"
    )
    return Kept(plugin.provide_store, source)


def killed(program: str, lines: int, chance: random.Random | None = None) -> list[str]:
    """Run the program and kill it once it has said so many lines, in the middle of what follows; returns the lines.

    With a `chance` it goes on for some milliseconds. A program may end by itself, if nothing went wrong in it.
    """
    command, said = [sys.executable, "-c", program], list[str]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        while len(said) < lines and (line := process.stdout.readline()):
            said.append(line.decode().strip())
        assert said, process.stderr.read().decode()
        if chance is not None:
            time.sleep(chance.random() * 0.03)
        if len(said) < lines and process.wait(60):
            raise AssertionError(process.stderr.read().decode())
        process.kill()
    return said
