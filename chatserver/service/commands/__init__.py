"""Commands of users: which there are for whom, running them, suggesting what to type.

commands.py     `Commands`, which the doors call
words.py        the text of a command, split into its name and words
reading.py      the arguments of a call, looked up and checked
completing.py   suggestions while a command is being typed
runs.py         calls under way, and the last outcomes, for repeats of a call
"""

from chatserver.service.commands.commands import ArgumentView, Commands, CommandView
from chatserver.service.commands.completing import Suggested
from chatserver.service.commands.runs import CommandOutcome

__all__ = ["ArgumentView", "CommandOutcome", "CommandView", "Commands", "Suggested"]
