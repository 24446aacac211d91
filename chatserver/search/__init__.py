"""Full-text search of messages: the analyser, the query language, and the index over the log.

Nothing here checks rights: the service passes only rooms that the asking user may read.
"""
