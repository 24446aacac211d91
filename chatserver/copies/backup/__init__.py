"""Backups: consistent, sealed copies of a store, each in its own folder; kept up to date and restored.

    take.py        copies a store into a backup, as lines in the format of `chatserver/copies/archive`
    streams.py     writes the lines as sealed files, with parts.py, chunks.py and seal.py
    manifest.py    the manifest of a backup; reading.py reads a backup
    shelf.py       the folder with all backups: names, drafts, rotation; owner.py: the files' owner
    trust.py       distinguishes backups sealed with our key from foreign ones
    vault.py       the files of users, beside all backups; keeping.py: into it and out of it, clearing.py
    increments.py  changes since a backup, in files beside it; ledger.py: the frames that must exist
                   changes.py finds the changes, shipper.py writes them; newest.py: the newest of all nodes
    erasures.py    the ledger of erased accounts, whom a restore must not bring back
    moment.py      chooses the backup from which a moment is restored
    restore.py     fills a store; comparing.py compares its logs with the backup's; verify.py tries a restore
    sealedfile.py  archives that are sealed with the backup key
    key.py         the backup key; configured.py: shelf and settings of a configuration; errors.py
    job.py         backups that a server makes by itself; figures.py: metrics of all backups,
                   vaultfigures.py of the files beside them

A server that makes no backups does not import this package.
"""
