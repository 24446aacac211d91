"""Whole installations: as a file in an open format, and from store to store.

    lines.py      the JSON lines of all copies; docs/archive.md describes them for everybody
    source.py     reads a store piece by piece; copying.py reads all of it while others write
    target.py     fills a store, claims.py reserves it for one command; digests.py compares
    writer.py     writes an archive, reader.py reads one and checks all of it
    exporting.py, importing.py   from a store to a file and back; files.py: there when complete
    moving.py     from store to store; merge.py: their records, side by side
    passing.py    records that no copy has; patience.py, background.py: for long work

Backups are built on it (`chatserver/copies/backup`). Nothing here opens a store or prints.
"""
