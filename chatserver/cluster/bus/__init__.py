"""News between the nodes of one installation, over a bus.

`envelopes.py` packs news into sealed frames. `exchange.py` sends and receives them, `hints.py` reads
announced events from the store, `online.py` keeps track of the users connected to each node. `link.py` is a
base for plugins that provide a bus; the contract of a bus is in `interfaces.py`.
"""
