"""Drills: fill a scratch installation, destroy it with its data, restore it; measure the loss and the time.

    scratch.py    the installation, and the commands that work on it; served.py: its server's process
    files.py      files of users: all of them must come back
    erased.py     somebody who is erased after the backup: nothing of them may come back
    filling.py    its content at the start; load.py: its users, who write through client.py
    course.py     one drill from its beginning to its end; outcome.py: its result
    report.py     the result as a page; metrics.py: the result as metrics

No real installation is read or written.
"""
