"""Backups: a consistent copy of a store in a folder of its own, sealed, kept up to date, restored.

    take.py        makes a backup of a store, of the lines that `chatserver/archive` makes of one
    streams.py     those as files that prove what they are, with parts.py, frames.py and seal.py
    manifest.py    what a backup says about itself; reading.py reads one
    shelf.py       the folder with all backups: names, what is complete, what is too old; owner.py whose they are
    trust.py       which of them are sealed with the key: the others count for nothing
    increments.py  what came after a backup, in files beside it; ledger.py: what has to be there by now
                   changes.py finds it, shipper.py drives; newest.py: is this the folder of the newest?
    moment.py      which of them a moment is in
    restore.py     fills a store; comparing.py: with the right logs? verify.py tries that out
    job.py         the backups that a server makes by itself; figures.py tells about all of them

A server that makes none imports nothing of this.
"""
