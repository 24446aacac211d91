"""Rate limits on failed logins, in bounded memory.

`FailureLimit` is the generic cell rate algorithm (ITU-T I.371): it keeps one number for each key, the time at
which all its failures are forgiven. `GrowingDelay` lengthens the wait with each further failure.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Generic, NamedTuple, Protocol, TypeVar

Key = bytes
State = TypeVar("State")

SECOND = 1_000_000_000
# Keys compared to find one to forget: the lightest of the oldest few. So an attacker who fails once under
# thousands of names does not make the server forget a key that failed often.
LOOKED_AT = 16


def key(*texts: str) -> Key:
    """A key of fixed size that hides the typed text: people type passwords into the wrong field."""
    digest = blake2b(digest_size=16)
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


class Limit(Protocol):
    """Counts the failures of keys, and computes how long a key has to wait."""

    def wait_ms(self, key: Key) -> int:
        """Milliseconds until the next attempt is allowed; 0 if it is allowed now."""

    def count(self, key: Key) -> None:
        """Count a failure, or an attempt in progress that may become one."""

    def take_back(self, key: Key) -> None:
        """Undo the last count, as the attempt was not a failure."""


class _Table(Generic[State]):
    """A state for each key, for at most `max_keys` keys."""

    def __init__(self, max_keys: int, weight: Callable[[State], float]) -> None:
        self._max_keys, self._weight = max_keys, weight
        self._states: OrderedDict[Key, State] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, key: Key) -> State | None:
        return self._states.get(key)

    def put(self, key: Key, state: State) -> None:
        self._states[key] = state
        self._states.move_to_end(key)
        if len(self._states) > self._max_keys:
            self._forget_one(but=key)

    def replace(self, key: Key, state: State) -> None:
        """Replace the state; the key keeps its age."""
        self._states[key] = state

    def drop(self, key: Key) -> None:
        self._states.pop(key, None)

    def _forget_one(self, but: Key) -> None:
        oldest = [found for found, _ in zip(self._states, range(LOOKED_AT), strict=False)]
        candidates = [found for found in oldest if found != but] or [but]
        weights = {found: self._weight(self._states[found]) for found in candidates}
        lightest = min(weights, key=lambda found: weights[found])
        for found, weight in weights.items():
            if weight > weights[lightest]:
                self._states.move_to_end(found)  # compared again after the others
        del self._states[lightest]


class FailureLimit:
    """At most `limit` failures of a key at once, and `limit` more in each `seconds` afterwards."""

    def __init__(
        self,
        limit: int,
        seconds: int,
        max_keys: int,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._window = seconds * SECOND
        self._step = self._window // limit
        self._clock = clock
        self._forgiven_at: _Table[int] = _Table(max_keys, float)

    def __len__(self) -> int:
        return len(self._forgiven_at)

    def wait_ms(self, key: Key) -> int:
        """Milliseconds until the next attempt is allowed; 0 if it is allowed now."""
        now = self._clock()
        after = max(self._forgiven_at.get(key) or 0, now) + self._step
        return max(0, -((now + self._window - after) // 1_000_000))

    def count(self, key: Key) -> None:
        """Count a failure, or an attempt in progress that may become one."""
        begin = max(self._forgiven_at.get(key) or 0, self._clock())
        self._forgiven_at.put(key, begin + self._step)

    def take_back(self, key: Key) -> None:
        """Undo the last count, as the attempt was not a failure."""
        forgiven_at = self._forgiven_at.get(key)
        if forgiven_at is not None:
            self._forgiven_at.replace(key, forgiven_at - self._step)

    def reset(self, key: Key) -> None:
        self._forgiven_at.drop(key)


class _Delayed(NamedTuple):
    failures: float
    at: int  # time of the last failure
    until: int  # no attempt is allowed before


class GrowingDelay:
    """Allows `free` failures of a key; each further one doubles the wait, from a second to `longest_seconds`.

    One failure is forgiven in each `longest_seconds`. So a persistent attacker, from any number of addresses,
    makes one attempt in `longest_seconds`.
    """

    def __init__(
        self,
        free: int,
        longest_seconds: int,
        max_keys: int,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._free, self._longest = free, longest_seconds * SECOND
        self._clock = clock
        self._states: _Table[_Delayed] = _Table(max_keys, lambda state: state.failures)

    def __len__(self) -> int:
        return len(self._states)

    def wait_ms(self, key: Key) -> int:
        """Milliseconds until the next attempt is allowed; 0 if it is allowed now."""
        state = self._states.get(key)
        return 0 if state is None else max(0, -((self._clock() - state.until) // 1_000_000))

    def count(self, key: Key) -> None:
        """Count a failure, or an attempt in progress that may become one."""
        now = self._clock()
        failures = self._failures(key, now) + 1
        beyond = min(failures - self._free, 64)  # bounded, as a greater power would overflow
        delay = 0 if beyond <= 0 else min(self._longest, int(SECOND * 2 ** (beyond - 1)))
        self._states.put(key, _Delayed(failures, now, now + delay))

    def take_back(self, key: Key) -> None:
        """Undo the last count, as the attempt was not a failure."""
        state = self._states.get(key)
        if state is not None:
            failures = max(0.0, state.failures - 1)
            self._states.replace(key, _Delayed(failures, state.at, self._clock()))

    def _failures(self, key: Key, now: int) -> float:
        state = self._states.get(key)
        return 0.0 if state is None else max(0.0, state.failures - (now - state.at) / self._longest)
