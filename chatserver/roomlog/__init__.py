"""The log of every room: numbering and appending events, a room's state in memory, and folding events into messages."""
