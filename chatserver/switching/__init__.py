"""Turns plugins on and off, and gives them new settings, while the server runs.

pluginset.py  all plugins with what they registered, as one value; makes a changed one without using it
parts.py      where each kind of registration is put to use, and taken back
"""
