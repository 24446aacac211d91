"""What an upgrade to this version changes for one installation, for `chatserver upgrade-check`; reads only.

releases.py  the record of each version: settings with their defaults, plugins, Python
settings.py  what changed for the settings of a configuration
check.py     all checks, in order; findings.py: their result
"""
