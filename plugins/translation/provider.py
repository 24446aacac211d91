"""What a translation service is asked, and what may come of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Translated(NamedTuple):
    """The texts in the other language, in their order, and the language of the longest, if the service tells."""

    texts: Sequence[str]
    source: str | None


class Provider(Protocol):
    """One kind of service. Each method raises `Unavailable` or `Busy`."""

    name: str  # as people know it

    async def translate(
        self, texts: Sequence[str], language: str, *, is_markup: bool
    ) -> Translated:
        """The texts in a language (a code such as `de`). With `is_markup` they are HTML.

        Raises `Unwanted` if the service does not translate them into this language.
        """

    async def ping(self) -> None:
        """Ask for something that costs nothing."""

    def close(self) -> None:
        """Close the connections."""


class Unavailable(Exception):
    """The service is away, slow, or answers with something else. The text has no secrets."""


class Busy(Unavailable):
    """The service wants to be left alone for `seconds`."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class Unwanted(Exception):
    """The service answers, and does not translate this."""


def language_of(texts: Sequence[str], languages: Sequence[str | None]) -> str | None:
    """The language of the longest text, as services are surest of it."""
    if not texts or len(languages) != len(texts):
        return None
    longest = max(range(len(texts)), key=lambda place: len(texts[place]))
    found = languages[longest]
    return found.lower() if found else None
