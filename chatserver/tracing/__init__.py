"""What is put around the server's parts if a plugin provides a tracer; without one nothing of this is used.

A span is made only within one that is recorded, except for requests, operations and batches of the log, which
begin traces: background work would make thousands of traces that nobody asked for.
"""
