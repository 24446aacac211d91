"""Several workers on one machine behind one port (`chatserver serve --workers`).

parent.py      the process that opens the sockets, and starts, watches and stops the workers
steering.py    directs the kernel's choice of the worker for a new connection
place.py       a worker's inherited sockets and pipes, and its configuration
lanes.py       the bus of workers that have no other
heartbeats.py  heartbeats of a worker to its parent over a pipe, while it serves or drains
"""
