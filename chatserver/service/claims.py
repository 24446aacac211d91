"""Claims: a plugin says what it guards, so that its absence lets nothing pass.

A claim is stored, by the plugin that makes it, for all rooms or for one. While that plugin is off or missing, what it
claims is refused, with its name. Each node looks with its own plugins.
"""

from collections.abc import Collection

import msgspec
from loguru import logger

from chatserver.hooks.actions import Action
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.policy import ACTION_NAMES
from chatserver.interfaces import Store
from chatserver.runtime.clock import now_text
from chatserver.service.changes import Changes

SPACE = "claims"  # record space: plugin/action/room -> a `Claim`
PAGE = 1000


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin guards: an action's name, in one room, or in all if `room` is None. `at` is RFC 3339."""

    plugin: str
    action: str
    room: str | None
    at: str


class Claims:
    """All claims of the installation."""

    def __init__(self, store: Store, changes: Changes, hooks: HookCalls) -> None:
        self._store, self._changes, self._hooks = store, changes, hooks
        self._named: set[str] = set()  # absent plugins that were logged
        changes.watch("claims", self._recheck)

    async def add(self, plugin: str, action: type[Action] | str, room: str | None = None) -> None:
        """Claim an action for a plugin; once is enough. Raises `ValueError` for an unknown action."""
        name = _name(action)
        claim = Claim(plugin=plugin, action=name, room=room, at=now_text())
        if await self._store.add(SPACE, _key(claim), msgspec.json.encode(claim)):
            await self._changes.announce("claims", plugin)

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

    async def absent(self, plugins: Collection[str]) -> dict[str, dict[str | None, str]]:
        """What would be refused with these plugins: by action's name and room, the plugin that is missing."""
        absent: dict[str, dict[str | None, str]] = {}
        for claim in await self.list():
            if claim.plugin not in plugins:
                absent.setdefault(claim.action, {})[claim.room] = claim.plugin
        return absent

    async def load(self) -> None:
        """Take over what is stored: from now on the claims of absent plugins refuse."""
        absent, plugins = {}, None
        while plugins is not self._hooks.plugins:  # they may change meanwhile
            plugins = self._hooks.plugins
            absent = await self.absent(plugins)
        self._hooks.refuse_for(absent)
        names = {plugin for rooms in absent.values() for plugin in rooms.values()}
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
