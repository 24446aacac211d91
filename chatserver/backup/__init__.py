"""Backups: a consistent copy of a store in a folder of its own, checked, sealed, rotated, restored.

    key.py       the secret a backup is encrypted with
    seal.py      chunks of bytes, each checked or encrypted, in an order that cannot be changed
    parts.py     a stream of bytes as files of bounded size
    manifest.py  what a backup says about itself
    shelf.py     the folder with all backups: names, what is complete, what is too old

Nothing here is imported by a server that makes no backups.
"""
