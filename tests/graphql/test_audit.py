"""Every test of the npm package graphql-http's audit suite, against a running server.

Without Node.js they are skipped, except in CI, where that is a failure.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.graphql.npm import installed
from tests.protocol.running import Running

# Pinned, so that what is asked for changes only when somebody looks at it.
PACKAGES = {"graphql-http": "1.23.1", "graphql": "16.11.0"}
TESTS = 61
AUDIT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
"""


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the suite in it."""
    folder = installed(tmp_path_factory.mktemp("audit"), PACKAGES)
    (folder / "audit.js").write_text(AUDIT)
    return folder


def test_the_server_passes_every_test(audit: Path, server: Running) -> None:
    url = f"http://127.0.0.1:{server.port}/graphql"
    done = subprocess.run(
        ["node", "audit.js", url], cwd=audit, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == TESTS
    assert [result for result in results if result["status"] != "ok"] == []
