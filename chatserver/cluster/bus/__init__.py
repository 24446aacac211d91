"""News between the nodes of one installation, over a bus.

`envelopes.py` packs and seals what nodes tell each other. `exchange.py` sends this node's news and receives that of other nodes,
`hints.py` reads from the store what they announce, `online.py` keeps track of the users connected to each
node. `link.py` helps plugins that bring a bus; the contract of a bus is in `interfaces.py`.
"""
