"""Signing in by any method.

`methods.py` has the methods, `flows.py` keeps sign-ins that are under way, `failures.py` counts wrong answers,
`steps.py` asks the methods for their steps, `identities.py` links accounts with identities, `sessions.py` keeps
what is known of sessions, `addresses.py` shortens where they came from, `password.py` is the password as a method,
`renewal.py` asks for a new one that somebody must choose, `resets.py` has links by which somebody may, `own.py` lists
these methods, `logins.py` puts all of them together.
"""
