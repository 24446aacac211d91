"""Backups off the machine: copies of the backup folder on targets, which are named by URLs.

    urls.py       the configured targets: their URLs, their names without secrets, who may store plain backups
    enabled.py    the schemes that the enabled plugins register
    folder.py     file://, a folder such as another disk; the plugins `s3` and `sftp` have the other schemes
    guarded.py    time limits and error texts around each call of a target
    layout.py     names on a target: the pieces of increments, and how they cover a file
    ledgered.py   the part of the increments that the ledger names, which is what a target gets
    copying.py    copies one backup: in an order that leaves the target consistent at any moment
    reading.py    what a target holds: its backups, their manifests; downloads one to restore it
    keeping.py    removal of old backups on a target, and renewal of locks
    erasures.py   the ledger of erased accounts on a target
    vaults.py     the files of users on a target
    needs.py      which of them the backups there need
    vaultreading.py  reads them, to restore or verify a backup
    checking.py   reads a target's objects back and compares them with the originals
    mirror.py     keeps one target up to date: rounds, pauses after failures, log lines
    mirrors.py    all targets of a server, and their metrics
    summary.py    what a target holds, in one line

A server without `backup.targets` does not import this package.
"""
