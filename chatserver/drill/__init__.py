"""Drills: a scratch installation is loaded, killed with its data, and restored; what that took is measured.

    scratch.py    the installation, and the commands that work on it; served.py: its server's process
    filling.py    what is in it before; load.py: people who write meanwhile, through client.py
    course.py     one drill from its beginning to its end; outcome.py: what came of it
    report.py     it as a page

Nothing of an installation that is in use is read or written.
"""
