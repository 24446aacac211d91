"""Full-text search of messages: the analyser, the query language, and the index over the log.

    analyser.py, normalisation.py   texts to tokens; one form of equal texts
    beginnings.py                   names, by the beginning of any of their words
    query.py, matching.py           a query's terms, and whether a text contains them
    segments.py, directory.py       the parts of a room's index, and what the room knows of them
    pages.py, page_cache.py         pages of postings; those read last, in memory
    marks.py                        what a message has besides its words
    places.py                       where all pages of an index are
    builder.py, indexer.py          makes the index, in the background, at the pace of paced.py
    cleaning.py                     removes the words of texts that are gone
    lookup.py, reading.py           looks tokens up, segment by segment
    candidates.py, merge.py         candidates of one room, and of many rooms in order
    finder.py, effort.py            a page of answers; a limit on processor time

Nothing here checks rights: the service passes only rooms that the asking user may read.
"""
