"""The pause that whoever takes a consumer's events has asked for: of all rooms at once."""

import asyncio


class Rest:
    """None at first. All that hand something on wait for `over` before they do."""

    def __init__(self) -> None:
        self._until = 0.0  # by the loop's clock

    def begin(self, seconds: float) -> None:
        """From now on; never shorter than what was asked for before."""
        self._until = max(self._until, asyncio.get_running_loop().time() + seconds)

    async def over(self) -> None:
        """Wait for the end of it, wherever that is moved to meanwhile."""
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:  # noqa: ASYNC110 - nobody else ends it
            await asyncio.sleep(left)
