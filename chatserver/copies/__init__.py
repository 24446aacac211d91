"""Copies of an installation: archives and moves to another store, backups, and restore drills."""
