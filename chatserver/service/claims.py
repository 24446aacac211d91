"""Claims: a plugin says what it guards, so that its absence lets nothing pass.

A claim is stored, by the plugin that makes it, for all rooms or for one. While that plugin is off or missing, what it
claims is refused, with its name. A claim may be of some users only: of those with a role, and of those of whom the
plugin keeps a record. Nothing is stored for each user besides: who relies on the plugin is looked up among its own
records, one record for an action, and only while it is off. Each node looks with its own plugins.
"""

from collections.abc import Collection, Sequence

import msgspec
from loguru import logger

from chatserver.hooks.absent import Absent, Claimant
from chatserver.hooks.actions import Action
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.policy import ACTION_NAMES
from chatserver.hooks.records import space_of
from chatserver.interfaces import Store
from chatserver.model import ServerRole, User
from chatserver.runtime.clock import now_text
from chatserver.service.changes import Changes

SPACE = "claims"  # record space: plugin/action/room -> a `Claim`
PAGE = 1000
# A node that was cut off from the store may have missed the note of a claim, which is removed after a minute.
LOOK_SECONDS = 10.0
COUNTED_MOST = 10_000  # users of a claim, where somebody waits for the count


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin guards: an action's name, in one room, or in all if `room` is None. `at` is RFC 3339.

    With `having` or `roles` it is guarded of some users only: of those of whom the plugin has a record under `having`
    and the user's id, and of those with one of these roles.
    """

    plugin: str
    action: str
    room: str | None
    at: str
    having: str | None = None
    roles: tuple[ServerRole, ...] = ()

    @property
    def is_of_some(self) -> bool:
        """Whether it concerns some users only."""
        return self.having is not None or bool(self.roles)


class CountedClaim(Claim, frozen=True, kw_only=True):
    """A claim with the number of users of whom its plugin has a record; None if that does not matter to it.

    Where `is_more` is set, there are more.
    """

    users: int | None = None
    is_more: bool = False


class Claims:
    """All claims of the installation."""

    def __init__(self, store: Store, changes: Changes, hooks: HookCalls) -> None:
        self._store, self._changes, self._hooks = store, changes, hooks
        self._named: set[str] = set()  # absent plugins that were logged
        changes.watch("claims", self._recheck)

    async def add(
        self,
        plugin: str,
        action: type[Action] | str,
        room: str | None = None,
        *,
        having: str | None = None,
        roles: Collection[ServerRole] = (),
    ) -> None:
        """Claim an action for a plugin, in place of its earlier claim of the action in this room.

        `having` and `roles` are those of `Claim`. Raises `ValueError` for an unknown action.
        """
        claim = Claim(
            plugin=plugin,
            action=_name(action),
            room=room,
            at=now_text(),
            having=having,
            roles=tuple(sorted(set(roles))),
        )
        if await self._put(claim):
            await self._changes.announce("claims", plugin)

    async def _put(self, claim: Claim) -> bool:
        """Store a claim; False if it is there already."""
        while True:
            raw = await self._store.get(SPACE, _key(claim))
            if raw is None:
                written = await self._store.add(SPACE, _key(claim), msgspec.json.encode(claim))
            else:
                old = msgspec.json.decode(raw, type=Claim)
                if msgspec.structs.replace(claim, at=old.at) == old:
                    return False
                new = msgspec.json.encode(claim)
                written = await self._store.swap(SPACE, _key(claim), raw, new)
            if written:
                return True

    async def release(
        self,
        plugin: str,
        action: type[Action] | str | None = None,
        room: str | None = None,
        by: str = "",
    ) -> list[Claim]:
        """End a claim, or all of a plugin's if `action` is None. Returns those that were there.

        `by` is the id of the user of the staff who does it, for the log. Raises `ValueError` for an unknown action.
        """
        name = None if action is None else _name(action)
        ended = [
            claim
            for claim in await self.list(plugin)
            if name is None or (claim.action, claim.room) == (name, room)
        ]
        for claim in ended:
            await self._store.delete(SPACE, _key(claim))
            if by:
                logger.warning("{} released what {} claimed: {}", by, plugin, claim.action)
        if ended:
            await self._changes.announce("claims", plugin)
            await self.load()
        return ended

    async def list(self, plugin: str | None = None) -> list[Claim]:
        """The claims of a plugin, or of all."""
        prefix = "" if plugin is None else f"{plugin}/"
        found: list[Claim] = []
        after = ""
        while page := await self._store.scan(SPACE, prefix, after, PAGE):
            found += [msgspec.json.decode(value, type=Claim) for _, value in page]
            after = page[-1][0]
            if len(page) < PAGE:
                break
        return found

    async def counted(
        self, claims: Collection[Claim], most: int | None = COUNTED_MOST
    ) -> Sequence[CountedClaim]:
        """These claims with the number of users that have a record; of each at most `most` are counted."""
        return [await self._counted(claim, most) for claim in claims]

    async def _counted(self, claim: Claim, most: int | None) -> CountedClaim:
        users, after, is_more = None, "", False
        if claim.having is not None:
            users, space = 0, space_of(claim.plugin)
            while page := await self._store.scan(space, claim.having, after, PAGE):
                users, after = users + len(page), page[-1][0]
                if most is not None and users > most:
                    users, is_more = most, True
                if is_more or len(page) < PAGE:
                    break
        return CountedClaim(**msgspec.structs.asdict(claim), users=users, is_more=is_more)

    async def spares(self, plugin: str, action: type[Action], user: User) -> bool:
        """Whether a plugin claims an action of some users, and this is none of them. Raises `ChatError`."""
        found = [each for each in await self.list(plugin) if each.action == action.__name__]
        if not found:
            return False
        for claim in found:
            if await self._claimant(claim).claims_of(user):
                return False
        return True

    async def absent(self, plugins: Collection[str]) -> Absent:
        """What would be refused with these plugins."""
        absent: dict[str, dict[str | None, list[Claimant]]] = {}
        for claim in await self.list():
            if claim.plugin not in plugins:
                by_room = absent.setdefault(claim.action, {})
                by_room.setdefault(claim.room, []).append(self._claimant(claim))
        return absent

    def _claimant(self, claim: Claim) -> Claimant:
        having, space = claim.having, space_of(claim.plugin)
        if having is None:
            return Claimant(claim.plugin, frozenset(claim.roles))

        async def has_record(user: str) -> bool:
            return await self._store.get(space, f"{having}{user}") is not None

        return Claimant(claim.plugin, frozenset(claim.roles), has_record)

    async def load(self) -> None:
        """Take over what is stored: from now on the claims of absent plugins refuse."""
        absent: Absent = {}
        plugins = None
        while plugins is not self._hooks.plugins:  # they may change meanwhile
            plugins = self._hooks.plugins
            absent = await self.absent(plugins)
        self._hooks.refuse_for(absent)
        names = {
            claimant.plugin
            for rooms in absent.values()
            for claimants in rooms.values()
            for claimant in claimants
        }
        for name in sorted(names - self._named):
            logger.warning(
                "plugin {} is off, and what it guards is refused until it is back; "
                "`chatserver plugins release {}` ends that",
                name,
                name,
            )
        self._named = names

    async def _recheck(self, plugin: str) -> None:
        await self.load()


def _name(action: type[Action] | str) -> str:
    name = action if isinstance(action, str) else action.__name__
    if name not in ACTION_NAMES:
        raise ValueError(f"there is no action {name}; there are {', '.join(ACTION_NAMES)}")
    return name


def _key(claim: Claim) -> str:
    return f"{claim.plugin}/{claim.action}/{claim.room or ''}"
