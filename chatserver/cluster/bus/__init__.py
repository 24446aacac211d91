"""News between the nodes of one installation, over a bus.

    announcer.py  sends this node's news; exchange.py takes in that of other nodes
    envelopes.py  packs news into sealed frames, and opens them
    runs.py       events in frames; contents.py encrypts them, keys.py has the keys
    arrivals.py   publishes the events that came in frames, where that is safe
    hints.py      reads the other announced events from the store
    online.py     the users who are connected to each node
    link.py       a base for plugins that provide a bus

The contract of a bus is in `chatserver/interfaces.py`.
"""
