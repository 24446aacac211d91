"""The claims of instances that stay: put back when a switch fails after the `startup` of a new one has changed them."""

from collections.abc import Collection, Sequence

from loguru import logger

from chatserver.errors import StoreUnavailable
from chatserver.hooks.policy import ACTION_NAMES
from chatserver.service.claims import Claim, Claims


class HeldClaims:
    """One call at a time. What this process has yet to put back is lost when it ends."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._owed: list[Claim] = []

    async def of(self, plugins: Collection[str]) -> Sequence[Claim]:
        """The claims of these plugins, for `restore`. Raises `StoreUnavailable`."""
        await self.put_back()
        return [
            claim
            for claim in await self._claims.list()
            if claim.plugin in plugins
            and claim.action in ACTION_NAMES  # others nobody can change here
        ]

    async def restore(self, held: Collection[Claim]) -> None:
        """Put back those that were changed or ended. Claims that were added stay: they may be another node's.

        While the store is away, the rest waits for `put_back`.
        """
        self._owed += held
        try:
            await self.put_back()
        except StoreUnavailable as error:
            names = ", ".join(sorted({claim.plugin for claim in self._owed}))
            logger.error("claims of {} are not put back yet: {}", names, error.text)

    async def put_back(self) -> None:
        """Put back what `restore` could not. Raises `StoreUnavailable`."""
        while self._owed:
            claim = self._owed[0]
            await self._claims.add(
                claim.plugin, claim.action, claim.room, having=claim.having, roles=claim.roles
            )
            self._owed.remove(claim)
