"""The accounts of hooks that write. Nobody can sign in to them."""

from chatserver import ChatError, Context, Room, User

INVITE = {
    "en": "Invite {} to this room first.",
    "ja": "先に {} をこのルームに招待してください。",
}


class Bots:
    """One account for each hook that writes, made on first use."""

    def __init__(self, context: Context) -> None:
        self._context, self._accounts = context, context.service.accounts
        self._users: dict[str, str] = {}

    async def user(self, hook: str, name: str) -> User:
        if hook not in self._users:
            self._users[hook] = (await self._find(hook, name)).id
        return await self._accounts.get(self._users[hook])

    async def enter(self, user: User, room: Room) -> None:
        """Join a public room. Raises `ChatError` for other rooms, to which the account must be invited."""
        if room.role(user.id) is None:
            try:
                await self._context.service.rooms.join(user, room)
            except ChatError as error:
                if error.code not in ("room.not_found", "room.forbidden"):
                    raise
                texts = {language: text.format(user.username) for language, text in INVITE.items()}
                raise ChatError("room.forbidden", texts["en"], detail={"texts": texts}) from error

    async def _find(self, hook: str, name: str) -> User:
        # Earlier versions recorded the user names of accounts that they made themselves.
        known = await self._context.records.get(f"bot/{hook}")
        found = None if known is None else await self._accounts.by_name(known.decode())
        return found or await self._context.bot(hook, name)
