"""Runs as a process of its own: hashes and verifies one password after another, for `processes.py`.

Its arguments are the parameters of argon2id. A line of JSON comes for each job, and a line goes back.
"""

import json
import os
import sys
from contextlib import suppress
from typing import Any

NICENESS = 19  # where there is no class of idle processes


def give_way() -> None:
    """Run only while nothing else on this processor wants to, and stop as soon as something does."""
    with suppress(OSError):
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.nice(NICENESS)


def serve() -> None:
    """Do the jobs that come, until the server closes the pipe."""
    import argon2  # takes time, and others go first by now

    passes, memory_kib, lanes = map(int, sys.argv[1:])
    hasher = argon2.PasswordHasher(passes, memory_kib, lanes, type=argon2.Type.ID)

    def answer(secret: bytes, encoded: str) -> dict[str, Any]:
        try:
            if not encoded:
                return {"encoded": hasher.hash(secret)}
            return {"matches": hasher.verify(encoded, secret)}
        except argon2.exceptions.VerifyMismatchError:
            return {"matches": False}
        except Exception as error:
            return {"failed": type(error).__name__}

    for line in sys.stdin.buffer:
        job = json.loads(line)
        print(json.dumps(answer(bytes.fromhex(job["secret"]), job["encoded"])), flush=True)


if __name__ == "__main__":
    give_way()
    serve()
