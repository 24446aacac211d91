"""A pause of a whole consumer, in all rooms, requested by the receiver of its events."""

import asyncio


class Pause:
    """The pause; none at first. Tasks wait for `over` before they pass events on."""

    def __init__(self) -> None:
        self._until = 0.0  # by the loop's clock

    def begin(self, seconds: float) -> None:
        """Pause for `seconds` from now; never shortens an earlier pause."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)

    async def over(self) -> None:
        """Wait for the end of the pause, even if it is prolonged meanwhile."""
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:  # noqa: ASYNC110 - only time ends it
            await asyncio.sleep(left)
