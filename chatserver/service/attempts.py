"""Tells plugins of attempts to sign in, so that a flood of refused ones does not drown the others."""

import time
from collections import OrderedDict
from collections.abc import Callable

from chatserver.hooks.calls import HookCalls
from chatserver.hooks.types import LoginAttempt, Outcome
from chatserver.runtime.rate import address_network

TELL_SECONDS = 60.0  # in this time one refused attempt is told for each account and network
KEPT = 10_000  # pairs of account and network


class Attempts:
    """Tells plugins of attempts, of refused ones only now and then."""

    def __init__(self, hooks: HookCalls, clock: Callable[[], float] = time.monotonic) -> None:
        self._hooks, self._clock = hooks, clock
        # (account as typed, network) -> time of the last one told, and number of attempts not told since
        self._limited: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def tell(self, user: str | None, address: str, outcome: Outcome, method: str) -> None:
        self._hooks.on_login(
            LoginAttempt(
                user=user, address=address, ok=outcome == "ok", outcome=outcome, method=method
            )
        )

    def tell_limited(self, account: str, user: str | None, address: str) -> None:
        """Tell of an attempt that the rate limit refused before the password was checked."""
        key, now = (account, address_network(address)), self._clock()
        told, untold = self._limited.get(key, (now - TELL_SECONDS, 0))
        if now < told + TELL_SECONDS:
            self._limited[key] = (told, untold + 1)
            return
        self._limited[key] = (now, 0)
        self._limited.move_to_end(key)
        if len(self._limited) > KEPT:
            self._limited.popitem(last=False)
        self._hooks.on_login(
            LoginAttempt(user=user, address=address, ok=False, outcome="limited", times=untold + 1)
        )
