"""The end-to-end probe: two accounts of our own send each other a message through the public address.

accounts.py   the two accounts, from a file
round.py      one round: certificate, sign-in, connections, a message from one to the other
outcome.py    the result of a round
exporter.py   rounds again and again, with their metrics at a port of loopback
"""

from chatserver.probe.accounts import Account, read_accounts
from chatserver.probe.outcome import Outcome
from chatserver.probe.round import Probe

__all__ = ["Account", "Outcome", "Probe", "read_accounts"]
