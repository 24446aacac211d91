"""Texts in fewer bytes, for browsers that take them so (RFC 9110, 8.4)."""

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

import brotli

GZIP, BROTLI = "gzip", "br"
QUALITY = 11  # of brotli, a sixth less than gzip; a fiftieth less than 10, in twice the time, once for each start

_worker: Final = ThreadPoolExecutor(1, "packing")  # one text after the other


class Form(NamedTuple):
    """A text as it is sent; `coding` is the value of Content-Encoding."""

    coding: str
    data: bytes


class Packed:
    """A text with gzip and, a moment after somebody has first asked for it, with brotli.

    For the script of the page that takes half a second, which neither a start nor the loop waits for.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._gzip = Form(GZIP, gzip.compress(text, mtime=0))
        self._brotli: Form | None = None
        self._is_begun = False

    def form(self, accepted: str) -> Form | None:
        """The shortest of those that the value of an Accept-Encoding header names; None if it names none."""
        if takes(BROTLI, accepted):
            if self._brotli is not None:
                return self._brotli
            if not self._is_begun:
                self._is_begun = True
                _worker.submit(self._pack)
        return self._gzip if takes(GZIP, accepted) else None

    def _pack(self) -> None:
        self._brotli = Form(BROTLI, brotli.compress(self._text, quality=QUALITY))


def takes(coding: str, accepted: str) -> bool:
    """Whether the value of an Accept-Encoding header names a coding (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == coding:
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False
