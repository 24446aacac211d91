"""The accounts of incoming hooks. Nobody can sign in to them."""

from chatserver import Context, User


class Bots:
    """One account for each incoming hook, made on first use."""

    def __init__(self, context: Context) -> None:
        self._context, self._accounts = context, context.service.accounts
        self._users: dict[str, str] = {}

    async def user(self, hook: str, name: str) -> User:
        if hook not in self._users:
            self._users[hook] = (await self._find(hook, name)).id
        return await self._accounts.get(self._users[hook])

    async def _find(self, hook: str, name: str) -> User:
        # Earlier versions recorded the user names of accounts that they made themselves.
        known = await self._context.records.get(f"bot/{hook}")
        found = None if known is None else await self._accounts.by_name(known.decode())
        return found or await self._context.bot(hook, name)
