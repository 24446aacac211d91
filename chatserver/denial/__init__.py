"""Refuses plugins what they do not declare in their `Powers`: for tests and `chatserver plugin check` only.

A server that serves people wraps nothing: there the declaration is a label, and no wall.

refusal.py       what plugins declare, and the refusal of everything else
attribution.py   the plugin whose code runs now, also in tasks and threads that it began
network.py       connections and listeners
environment.py   environment variables with secrets
views.py         a plugin's `Context`, of which it reaches the declared parts
counted.py       what is put in place for the first who needs it, and removed after the last
server.py        a server whose plugins are held to their declarations
"""
