"""The accounts of incoming hooks. Nobody can sign in to them."""

import secrets

from chatserver import ChatError, Records, ServerRole, Service, User


class Bots:
    """One account for each incoming hook, made on first use.

    Its user name ends with random letters, so that nobody else can have taken it.
    """

    def __init__(self, records: Records, service: Service) -> None:
        self._records, self._accounts = records, service.accounts
        self._users: dict[str, str] = {}

    async def user(self, hook: str, name: str) -> User:
        if hook not in self._users:
            self._users[hook] = (await self._find(hook, name)).id
        return await self._accounts.get(self._users[hook])

    async def _find(self, hook: str, name: str) -> User:
        key = f"bot/{hook}"
        # The name is recorded first, so that neither a crash nor another node makes a second account.
        await self._records.add(key, f"{hook[:20]}-{secrets.token_hex(4)}".encode())
        username = (await self._records.get(key) or b"").decode()
        found = await self._accounts.by_name(username)
        if found is not None:
            return found
        try:
            return await self._accounts.add(
                username, secrets.token_urlsafe(32), name, ServerRole.MEMBER
            )
        except ChatError as error:
            found = await self._accounts.by_name(username)
            if error.code != "user.exists" or found is None:
                raise
            return found
