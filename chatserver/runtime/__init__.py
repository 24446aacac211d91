"""Small parts for all packages.

clock.py, ids.py        the time, and waiting for it; ids that the server makes
backoff.py              pauses after failures
measure.py              counters, gauges and histograms
ages.py                 ages of queues and outages for gauges
networks.py             sets of networks
guarded_resolver.py     the addresses that receivers named by others may have
response_head.py        heads of receivers' answers
rate.py                 rate limits
signing.py              signatures of requests to other systems
for_each.py             the same for many items, some at a time
singleflight.py         one call for callers that want the same result
cancelling.py           cancels tasks that may resist
pace.py                 the share of the time that work in the background takes
"""
