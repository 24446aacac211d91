"""Whole installations: as a file in an open format, and from store to store.

    lines.py      what copies hold, as JSON lines; docs/archive.md describes them for everybody
    source.py     what a store holds, piece by piece; copying.py all of it while others write
    target.py     fills a store, claims.py has it for one command alone; digests.py compares
    writer.py     writes an archive, reader.py reads one and believes nothing of it before
    exporting.py, importing.py   from a store to a file and back; files.py: there when complete
    moving.py     from store to store; merge.py: their records, side by side
    passing.py    what no copy has; patience.py, background.py: for long work

Backups are built on it (`chatserver/backup`). Nothing here opens a store or prints.
"""
