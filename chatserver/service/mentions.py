"""Whom a text mentions: users and groups by name, everybody in the room (`@room`), and those online there (`@here`)."""

from collections.abc import Iterable, Sequence
from itertools import islice

from chatserver.cluster.bus.online import Online
from chatserver.config import LimitsConfig
from chatserver.hooks.calls import HookCalls
from chatserver.model import EVERYBODY, ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.runtime.rate import UserRate
from chatserver.service.accounts import Accounts
from chatserver.service.blocks import Blocks
from chatserver.service.rights import may_mention_all
from chatserver.service.texts import mentioned_names

ALL, HERE = "room", "here"
MANY_MOST = 200  # users whom one message mentions for being in a group, or online
# Of messages to everybody in a room with more members than this, or to so many by groups: each makes work for them all.
LARGE = 100
LARGE_PER_HOUR, LARGE_BURST = 30, 5


class Mentions:
    """Finds the users whom a message is to reach."""

    def __init__(
        self,
        accounts: Accounts,
        blocks: Blocks,
        hooks: HookCalls,
        online: Online,
        limits: LimitsConfig,
    ) -> None:
        self._accounts, self._blocks, self._hooks = accounts, blocks, hooks
        self._online, self._limits = online, limits
        self._large = UserRate(LARGE_PER_HOUR / 3600, LARGE_BURST)

    async def of(self, user: User, room: Room, body: str) -> tuple[str, ...]:
        """The ids of users whom the text of this user mentions, without those who block them; EVERYBODY for `@room`.

        In a large room one who does so again and again mentions nobody by it; nor by groups that reach many.
        """
        names = mentioned_names(body)
        if not names:
            return ()
        found = await self._accounts.ids_of(names)
        mentions = list(found.values())
        if user.role is ServerRole.GUEST:  # a guest can mention only users of the same rooms
            mentions = [other for other in mentions if room.role(other) is not None]
        may = may_mention_all(user, room, self._limits.mention_all_members)
        wide = {ALL, HERE}.intersection(names) if may else set()
        is_large = len(room.members) > LARGE
        if ALL in wide and is_large and self._large.bucket(user.id).take():
            wide = set()
        if ALL not in wide:
            groups = [name for name in names if name not in found and name not in (ALL, HERE)]
            many = [
                *(await self._in_groups(user, room, groups) if groups else ()),
                *(self._online_in(room) if HERE in wide else ()),
            ]
            others = (other for other in dict.fromkeys(many) if other != user.id)
            mentions += islice(others, MANY_MOST)
        if mentions:
            blockers = await self._blocks.blockers(user, mentions)
            mentions = [other for other in dict.fromkeys(mentions) if other not in blockers]
        return (EVERYBODY, *mentions) if ALL in wide else tuple(mentions)

    async def _in_groups(self, user: User, room: Room, names: Sequence[str]) -> Sequence[str]:
        """The members of the room in groups of these names, without repetition; nobody of many by one who is too fast."""
        groups = await self._hooks.find_groups(user, room.id, names)
        members = {other: None for name in names for other in groups.get(name) or ()}
        there = [other for other in members if room.role(other) is not None]
        if len(there) > LARGE and self._large.bucket(user.id).take():
            return ()
        return there

    def _online_in(self, room: Room) -> Iterable[str]:
        return islice((each for each in room.members if each in self._online), MANY_MOST + 1)
