"""The benchmark: drives a real server over loopback, with the plain Tornado way beside it.

`python -m tests.bench` runs it; it is no part of the test suite.
"""
