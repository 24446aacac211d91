"""Spreads work that every node can do over the nodes that know of each other, so that not all of them do it.

Nothing may depend on it: nodes that do not hear of each other take the same work, or leave it for a while.
"""

from collections.abc import Callable, Collection
from zlib import crc32

Share = Callable[[str], bool]  # whether work on something, by its name, is this node's


def everything(name: str) -> bool:
    """The share of a node that is alone."""
    return True


class Spread:
    """Divides work by name, evenly and without messages."""

    def __init__(self, node: str, others: Callable[[], Collection[str]]) -> None:
        """`others` returns the names of the other nodes that are known now."""
        self._node, self._others = node, others

    def share(self) -> Share:
        """This node's share among the nodes that are known now."""
        others = self._others()
        if not others:
            return everything
        place, count = sum(other < self._node for other in others), len(others) + 1
        return lambda name: crc32(name.encode()) % count == place
