"""Several workers on one machine behind one port (`chatserver serve --workers`).

parent.py     the process that opens the sockets, and starts, watches and stops the workers
spreading.py  which of them the kernel gives new connections to
place.py      what a worker inherits from the parent, and its part of the configuration
signs.py      what a worker tells the parent over a pipe: that it serves, that it drains
"""
