"""Backups: a consistent copy of a store in a folder of its own, sealed, kept up to date, restored.

    take.py        copies a store into a backup, as lines in the format of `chatserver/copies/archive`
    streams.py     writes the lines as sealed files, with parts.py, chunks.py and seal.py
    manifest.py    the manifest of a backup; reading.py reads a backup
    shelf.py       the folder with all backups: names, drafts, rotation; owner.py: the files' owner
    trust.py       tells the backups that are sealed with our key from foreign ones
    increments.py  changes since a backup, in files beside it; ledger.py: the frames that must be there
                   changes.py finds the changes, shipper.py writes them; newest.py: which node has the newest
    moment.py      chooses the backup that covers a moment
    restore.py     fills a store; comparing.py compares its logs with the backup's; verify.py tries a restore
    job.py         backups that a server makes by itself; figures.py: metrics of all backups

A server that makes no backups imports nothing of this package.
"""
