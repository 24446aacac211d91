"""Chains: the plugins that are asked one after the other about one message, action, list or search.

`calls.py` asks them; those that are plain functions by `plain.py`.
"""

import re
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from chatserver.hooks.guard import Call
from chatserver.runtime.measure import Tally

# What a chain is asked with: its subject, the user, the door, and a message's action for those that judge actions.
Given = tuple[Any, Any, str, Any]
SUBJECT, USER, VIA, ACTION = range(4)


@dataclass(slots=True, kw_only=True, eq=False)
class Asked:
    """One plugin of a chain, prepared for its calls."""

    hook: str
    name: str  # under which the plugin's policy knows the subject
    call: Call
    function: Callable[..., Any]
    is_plain: bool  # it is a plain function, which answers at once
    only: int  # the place in `Given` of its only argument; -1: it has none or several
    pick: Callable[[Given], Sequence[Any]]  # its arguments
    labels: tuple[str, str]  # of its measures
    tally: Tally | None = None  # of its short calls, from the first one on
    wants_all: bool = (
        True  # else only messages that have data in one of the namespaces, or a text that matches
    )
    data: Set[str] = frozenset()
    matching: re.Pattern[str] | None = None

    def skips(self, given: Given) -> bool:
        """Whether the plugin is not asked: the message has nothing that it looks at."""
        if self.wants_all:
            return False
        draft: Any = given[SUBJECT]
        if not self.data.isdisjoint(draft.data):
            return False
        return self.matching is None or self.matching.search(draft.body) is None

    def arguments(self, given: Given) -> Sequence[Any]:
        return (given[self.only],) if self.only >= 0 else self.pick(given)


Chain = tuple[Asked, ...]


def asked(hook: str, name: str, call: Call, *, of_action: bool = False) -> Asked:
    """`call` as one of a chain. With `of_action` it judges messages as actions."""
    others = {"user": USER, "via": VIA}
    subject = ACTION if of_action else SUBJECT
    places = [others.get(argument, subject) for argument in call.arguments]
    return Asked(
        hook=hook,
        name=name,
        call=call,
        function=call.function,
        is_plain=call.is_plain,
        only=places[0] if len(places) == 1 else -1,
        pick=itemgetter(*places) if len(places) > 1 else _none,
        labels=(call.plugin, hook),
        wants_all=call.data is None and call.matching is None,
        data=call.data or frozenset(),
        matching=call.matching,
    )


def _none(given: Given) -> Sequence[Any]:
    return ()
