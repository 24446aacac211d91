"""What authors of plugins need: the beginning of a plugin (scaffold.py), and advice about its sources (advice.py)."""
