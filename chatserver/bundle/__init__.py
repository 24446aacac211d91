"""The support bundle: what a maintainer needs to understand an installation, without texts, names or secrets.

Everything in it is on an allow-list: numbers, times, names that are in the server's own source. Other names are
replaced by pseudonyms, all other texts are left out.

pack.py        puts the files together; each of the others makes one of them:
settings.py    settings, and names of environment variables
overview.py    the report of `chatserver status`
metrics.py     metrics of the nodes that can be reached, and work.py: their threads and tasks
logs.py        the last errors, with messages as they are in the source (templates.py)
machine.py     versions, memory, disks, limits
pseudonyms.py  pseudonyms
"""
