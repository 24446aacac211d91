"""The log of every room, and the rooms in memory.

log.py, entries.py   numbers and appends events in batches; entries that wait for it
repeats.py           which sends are stored already
traced_log.py        the same with spans of the batches, if there is a tracer
room.py, cache.py    one room in memory: its state at a position; all rooms in memory
fold.py              folds events into messages
redaction.py         removes replaced texts from events
"""
