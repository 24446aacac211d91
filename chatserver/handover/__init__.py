"""A restart without a gap: a new process with new code takes over the listening sockets of this one.

restarting.py      requests, and the order of the steps, in the old process
successor.py       the new process, as the old one sees it
predecessor.py     the old process, as the new one sees it
link.py            what the two say to each other
bequest.py         the numbers of the files that are handed over
listeners.py       the listening sockets, opened or inherited
systemd.py         tells systemd which process is the server
"""
