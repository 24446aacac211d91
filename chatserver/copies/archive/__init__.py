"""Whole installations: as a file in an open format, and from store to store.

    lines.py      the JSON lines of all copies; docs/archive.md describes the format
    source.py     reads a store piece by piece; copying.py reads a whole store while others write
    target.py     fills a store, claims.py reserves it for one command; digests.py compares
    writer.py     writes an archive, reader.py reads one and checks all of it, with filechecks.py
    filesout.py, filesin.py      the files of users, into an archive and out of it
    exporting.py, importing.py   from a store to a file and back; files.py: visible when complete
    moving.py     from store to store; merge.py: their records, side by side
    redacting.py  replaced texts, left out of archives; errors.py
    transient.py  records that no copy has; patience.py: retries; background.py: threads

Backups (`chatserver/copies/backup`) are built on this package. Nothing here opens a store or prints.
"""
