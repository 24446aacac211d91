"""All cases of the Autobahn suite: python -m tests.autobahn [CASE ...]."""

import sys
import tempfile
import time
from pathlib import Path

from tests.autobahn import suite

ENVIRONMENT = Path(".venv/autobahn")


def main() -> int:
    python = suite.find_python()
    if python is None:
        print("no Python 2.7 at hand", file=sys.stderr)
        return 2
    chosen = sys.argv[1:]
    started = time.monotonic()
    wstest = suite.install(python, ENVIRONMENT.resolve())
    with tempfile.TemporaryDirectory() as folder:
        if chosen:
            verdicts = suite.run(wstest, chosen, Path(folder))
        else:
            verdicts = suite.run_all(wstest, Path(folder))
    seconds = time.monotonic() - started
    print(f"{len(verdicts)} cases in {seconds:.0f} s: {suite.summary(verdicts)}")
    bad = suite.failures(verdicts)
    for name, verdict in sorted(bad.items()):
        print(f"{name}: {verdict}")
    complete = bool(chosen) or len(verdicts) == suite.CASE_COUNT
    if not complete:
        print(f"expected {suite.CASE_COUNT} cases")
    return 0 if verdicts and not bad and complete else 1


if __name__ == "__main__":
    sys.exit(main())
