"""What the page offers by roles, against what the server allows by them."""

import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chatserver import Posting, RoomKind, RoomRole, ServerRole
from chatserver.service.rights import room_rights

RIGHTS = Path(__file__).parents[2] / "static" / "lib" / "rights.js"
CASES = list(itertools.product(ServerRole, RoomKind, [None, *RoomRole], [False, True], Posting))
PROGRAM = """
const { roomRights } = await import(process.argv[1]);
const cases = JSON.parse(process.argv[2]);
console.log(JSON.stringify(cases.map((one) => [...roomRights(...one)])));
"""


def test_the_page_offers_in_a_room_what_the_server_allows() -> None:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    command = [node, "--input-type=module", "-e", PROGRAM, RIGHTS.as_uri(), json.dumps(CASES)]
    found: list[list[Any]] = json.loads(subprocess.check_output(command))
    for case, offered in zip(CASES, found, strict=True):
        assert set(offered) == set(room_rights(*case)), case
