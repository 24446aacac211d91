"""Search in what was said: how texts become words, what a query asks, and the index over the log.

Nothing here knows who asks: rights are the service's.
"""
