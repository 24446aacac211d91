"""Turns plugins on and off, and gives them new settings, while the server runs.

pluginset.py    all plugins with what they registered, as one value; makes a changed one without using it
parts.py        where each kind of registration is put to use, and taken back
settings.py     settings that were changed meanwhile, over those of the configuration
tables.py       those that are tables with names, which keep secrets that nobody sees
refusals.py     plugins that cannot be switched
engine.py       a switch on this process: build, start, use, drain, end
heldclaims.py   puts back the claims of instances that stay, if a switch fails
coordinator.py  a switch on all processes, one at a time; records.py: what is stored of it
control.py      the socket by which commands reach a running server
"""
