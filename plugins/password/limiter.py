"""How many failed logins are allowed, in bounded memory.

The generic cell rate algorithm (ITU-T I.371): per key one number, the time at which all its
failures will be forgiven. Each failure is forgiven `seconds / limit` after the one before it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

Key = bytes


def key(text: str) -> Key:
    """Of fixed size, and without what was typed: people type passwords into the wrong field."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class FailureLimit:
    """At most `limit` failures at once per key, and `limit` more in each `seconds` from then on.

    `max_keys` are remembered; the key that failed longest ago makes room.
    """

    def __init__(
        self,
        limit: int,
        seconds: int,
        max_keys: int,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._window = seconds * 1_000_000_000
        self._step = self._window // limit
        self._max_keys = max_keys
        self._clock = clock
        self._forgiven_at: OrderedDict[Key, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._forgiven_at)

    def wait_ms(self, key: Key) -> int:
        """0 if another attempt may be made now, else the milliseconds until one may."""
        now = self._clock()
        after = max(self._forgiven_at.get(key, 0), now) + self._step
        return max(0, -((now + self._window - after) // 1_000_000))

    def count(self, key: Key) -> None:
        """Note a failure, or an attempt that is under way and may become one."""
        self._forgiven_at[key] = max(self._forgiven_at.get(key, 0), self._clock()) + self._step
        self._forgiven_at.move_to_end(key)
        if len(self._forgiven_at) > self._max_keys:
            self._forgiven_at.popitem(last=False)

    def take_back(self, key: Key) -> None:
        """The attempt counted last was no failure."""
        if key in self._forgiven_at:
            self._forgiven_at[key] -= self._step

    def reset(self, key: Key) -> None:
        self._forgiven_at.pop(key, None)
