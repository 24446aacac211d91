"""Who is to be told of a message while they look elsewhere, for plugins that tell them, by whatever way.

concern.py                 whom a message concerns, as it is written
notifying.py               what still is to be told, when the time has come
wishes.py                  words and hours that users chose
"""
