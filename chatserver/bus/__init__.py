"""How the nodes of one installation tell each other what is new.

`frames.py` defines what goes over a bus. `exchange.py` sends this node's news and receives that of
others, `hints.py` follows them up in the store, `online.py` keeps track of who is connected to which
node. `link.py` helps plugins that bring a bus; what a bus promises is in `interfaces.py`.
"""
