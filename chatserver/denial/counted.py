"""What is put in place for the first who needs it, and removed after the last."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Counted:
    """`put` puts it in place, and returns the function that removes it."""

    def __init__(self, put: Callable[[], Callable[[], None]]) -> None:
        self._put = put
        self._remove: Callable[[], None] | None = None
        self.count = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """It is in place while the block runs."""
        if self._remove is None:
            self._remove = self._put()
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
            if not self.count:
                self._remove()
                self._remove = None
