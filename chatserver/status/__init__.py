"""One look at an installation, for `chatserver status`; reads only.

report.py    the parts of the report: the shape of --json
collect.py   gathers them, within a time limit; nodes.py, backups.py, targets.py, alerts.py: one part each
hookuse.py   the use of plugins' hooks, from the metrics of a server
problems.py  what in a report is wrong
"""
