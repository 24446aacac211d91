"""Personal data: what is held about one person, shown to them, searched for, and erased.

`parts.py` has all parts of it · `own.py` and `written.py` those of the server itself · `report.py` counts them ·
`archive.py` makes one file of them, `readable.py` the page in it · `search.py` looks for what is left · `privacy.py` puts
them together · `erasures.py` has the records of erasures · `erasing.py` takes a person out of the log, event by event in
`rewriting.py`, quotes of them in `quotes.py`: the last step of a deletion in the service.
"""
