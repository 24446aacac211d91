"""What authors of plugins need: the beginning of a plugin (scaffold.py), advice about its sources (advice.py), and the
versions of the server that its package names (bounds.py). since.json has the version since which each public name is there.
"""
