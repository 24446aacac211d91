"""Looks a password up in a large file of breached ones, without reading it into memory.

The file has one SHA-1 digest a line, in hexadecimal digits, sorted by digest; a colon and a number may follow. The
downloadable list of Have I Been Pwned has this form.
"""

import os
import re
from hashlib import sha1
from itertools import pairwise

from chatserver import StartupError
from chatserver_plugins.password.hashing import secret_bytes

DIGITS = 40  # of a digest
LINE_BYTES = 64  # more than a digest, a colon, a count and the end of the line
BLOCK_BYTES = 4096  # read at once at the end of a search
SAMPLES = 64  # lines that are compared at start, to find a file in another order
_LINE = re.compile(rb"[0-9A-Fa-f]{40}(?::[0-9]{1,15})?\r?(?:\n|\Z)")


class BreachedFile:
    """An open file; its methods block. A file that replaces it counts after the next start."""

    def __init__(self, path: str) -> None:
        """Raises `StartupError` if the file cannot be read, or has another form."""
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise _unusable(f"{path}: {error.strerror}") from error
        try:
            self._size = os.fstat(self._file).st_size
            self._demand_sorted(path)
        except OSError as error:
            self.close()
            raise _unusable(f"{path}: {error.strerror}") from error
        except StartupError:
            self.close()
            raise

    def has(self, password: str) -> bool:
        """Whether the file has the digest of this password. Raises OSError."""
        secret = secret_bytes(password)
        if secret is None:
            return False
        digest = sha1(secret, usedforsecurity=False).hexdigest().upper().encode()
        # The line of the digest, if there is one, begins at `low` or later, and before `high`.
        low, high = 0, self._size
        while high - low > BLOCK_BYTES:
            start, found = self._line_after((low + high) // 2)
            if found <= digest:
                low = start
            else:
                high = start
        block = os.pread(self._file, high - low + LINE_BYTES, low)
        return b"\n" + digest in b"\n" + block.upper()

    def close(self) -> None:
        os.close(self._file)

    def _line_after(self, place: int) -> tuple[int, bytes]:
        """Where the first line after `place` begins, and its digest in capitals."""
        block = os.pread(self._file, 2 * LINE_BYTES, place)
        before, _, line = block.partition(b"\n")
        return place + len(before) + 1, line[:DIGITS].upper()

    def _demand_sorted(self, path: str) -> None:
        if not _LINE.match(os.pread(self._file, LINE_BYTES, 0)):
            raise _unusable(f"{path}: expected lines of a SHA-1 digest, a colon and a number")
        step = self._size // SAMPLES
        # The last step ends in the last line, after which there is none.
        places = range(0, max(self._size - 2 * LINE_BYTES, 0), step) if step > LINE_BYTES else ()
        digests = [self._line_after(place)[1] for place in places]
        if any(later < earlier for earlier, later in pairwise(digests)):
            raise _unusable(f"{path}: its lines are not sorted by digest")


def _unusable(text: str) -> StartupError:
    return StartupError(f"plugin.password.breached_file: {text}")
