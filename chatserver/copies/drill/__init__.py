"""Drills: a scratch installation is loaded, killed with its data, and restored; loss and time are measured.

    scratch.py    the installation, and the commands that work on it; served.py: its server's process
    filling.py    its content at the start; load.py: users who write meanwhile, through client.py
    course.py     one drill from its beginning to its end; outcome.py: its result
    report.py     the result as a page

No installation that is in use is read or written.
"""
