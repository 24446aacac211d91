"""How long a way that failed is left alone."""

import asyncio

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 60.0


class Pause:
    """From a fault until the next attempt: longer after each fault in a row."""

    def __init__(self) -> None:
        self._seconds, self._until = 0.0, 0.0

    def failed(self) -> None:
        self._seconds = min(max(self._seconds * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._until = asyncio.get_running_loop().time() + self._seconds

    def worked(self) -> None:
        self._seconds = 0.0

    def is_over(self) -> bool:
        return asyncio.get_running_loop().time() >= self._until
