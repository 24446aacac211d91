"""Several workers on one machine behind one port (`chatserver serve --workers`).

parent.py      the process that opens the sockets, and starts, watches and stops the workers
steering.py    directs the kernel's choice of the worker for a new connection
place.py       what a worker inherits from the parent, and its part of the configuration
heartbeats.py  heartbeats of a worker to the parent over a pipe: that it serves, that it drains
"""
