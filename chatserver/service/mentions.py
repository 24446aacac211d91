"""Whom a text mentions: users by name, everybody in the room (`@room`), and those who are online there (`@here`)."""

from collections.abc import Sequence

from chatserver.cluster.bus.online import Online
from chatserver.config import LimitsConfig
from chatserver.model import EVERYBODY, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.runtime.rate import UserRate
from chatserver.service.accounts import Accounts
from chatserver.service.blocks import Blocks
from chatserver.service.rights import may_mention_all
from chatserver.service.texts import mentioned_names

ALL, HERE = "room", "here"
HERE_MOST = 200  # users whom one message mentions for being online
# Of messages to everybody in a room with more members than this, each of which makes work for every member.
LARGE = 100
LARGE_PER_HOUR, LARGE_BURST = 30, 5


class Mentions:
    """Finds the users whom a message is to reach."""

    def __init__(
        self, accounts: Accounts, blocks: Blocks, online: Online, limits: LimitsConfig
    ) -> None:
        self._accounts, self._blocks, self._online, self._limits = accounts, blocks, online, limits
        self._large = UserRate(LARGE_PER_HOUR / 3600, LARGE_BURST)

    async def of(self, user: User, room: Room, body: str) -> tuple[str, ...]:
        """The ids of users whom the text of this user mentions, without those who block them; EVERYBODY for `@room`.

        In a large room one who does so again and again mentions nobody by it.
        """
        names = mentioned_names(body)
        if not names:
            return ()
        mentions = await self._accounts.ids_of(names)
        if user.role is ServerRole.GUEST:  # a guest can mention only users of the same rooms
            mentions = [other for other in mentions if room.role(other) is not None]
        may = may_mention_all(user, room, self._limits.mention_all_members)
        wide = {ALL, HERE}.intersection(names) if may else set()
        is_large = len(room.members) > LARGE
        if ALL in wide and is_large and self._large.bucket(user.id).take():
            wide = set()
        if HERE in wide and ALL not in wide:
            mentions = [*mentions, *self._online_in(room, user)]
        if mentions:
            blockers = await self._blocks.blockers(user, mentions)
            mentions = [other for other in dict.fromkeys(mentions) if other not in blockers]
        return (EVERYBODY, *mentions) if ALL in wide else tuple(mentions)

    def _online_in(self, room: Room, user: User) -> Sequence[str]:
        online = (each for each in room.members if each in self._online and each != user.id)
        return [other for other, _ in zip(online, range(HERE_MOST), strict=False)]
