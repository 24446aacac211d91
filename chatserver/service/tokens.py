"""The kinds of tokens that plugins brought."""

from collections.abc import Sequence

from chatserver.hooks.tokens import TokenKind


class Tokens:
    """Finds who holds a token of a plugin's kind."""

    def __init__(self) -> None:
        self._kinds: tuple[TokenKind, ...] = ()

    def register(self, kinds: Sequence[tuple[str, TokenKind]]) -> None:
        """Take the kinds of all plugins, each with its plugin's name, in place of those before."""
        self._kinds = tuple(kind for _, kind in kinds)

    def kind_of(self, token: str) -> TokenKind | None:
        """The kind of a token by its beginning; None for others, such as those of sessions."""
        return next((kind for kind in self._kinds if token.startswith(kind.prefix)), None)
