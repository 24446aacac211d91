"""The gaps of the pages of a database file of SQLite.

As SQLite moves rows from page to page it may leave copies of them in the unused middle of a page, also with
`secure_delete`; only VACUUM removes these. The format: https://sqlite.org/fileformat2.html
"""

PAGE_SIZE_AT, HEADER_BYTES = 16, 100  # of the file; its first page begins behind the header
LEAVES, INNER = (
    {10: 8, 13: 8},
    {2: 12, 5: 12},
)  # kinds of pages with rows, and the bytes of their own headers


def without_gaps(file: bytes) -> bytes:
    """The file with zeros between the row pointers of each page and its rows."""
    return _filled(file, b"\0")


def with_gaps_of(file: bytes, text: bytes) -> bytes:
    """The file with a text again and again in each gap, as copies of moved rows may be there."""
    return _filled(file, text)


def _filled(file: bytes, text: bytes) -> bytes:
    size = int.from_bytes(file[PAGE_SIZE_AT : PAGE_SIZE_AT + 2], "big")
    size = 65536 if size == 1 else size
    found = bytearray(file)
    for start in range(0, len(file), size):
        head = start or HEADER_BYTES
        own = (LEAVES | INNER).get(file[head])
        if own is None:
            continue
        rows = int.from_bytes(file[head + 3 : head + 5], "big")
        content = start + (int.from_bytes(file[head + 5 : head + 7], "big") or 65536)
        gap = head + own + 2 * rows
        length = max(content - gap, 0)
        found[gap : gap + length] = (text * (length // len(text) + 1))[:length]
    return bytes(found)
