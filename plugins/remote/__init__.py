"""Hooks answered by other processes: any language, and a wall between them and the server."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from chatserver import (
    ACTIONS,
    Action,
    AnyEvent,
    Context,
    Draft,
    FoundRoom,
    FoundUser,
    HealthCheck,
    Powers,
    Refusal,
    SearchQuery,
    User,
    hookimpl,
)
from chatserver_plugins.remote.config import RemoteConfig
from chatserver_plugins.remote.service import RemoteFailed, Service
from chatserver_plugins.remote.wire import (
    Answer,
    Refuse,
    Replace,
    shown,
    shown_action,
    shown_draft,
    shown_user,
)


class RemotePlugin:
    """Asks the services of the configuration, in their order, for the hooks that they want."""

    Config = RemoteConfig
    powers = Powers(network=("configured",))

    def __init__(self, config: RemoteConfig) -> None:
        self._config = config
        self.services: list[Service] = []

    @hookimpl
    async def startup(self, context: Context) -> None:
        for name, config in self._config.services.items():
            service = Service(name, config, context.version)
            self.services.append(service)
            await service.start()
        context.measures.gauge(
            "chatserver_remote_up",
            "Whether a remote service answers",
            lambda: {(service.name,): float(service.is_up) for service in self.services},
            ("service",),
        )

    @hookimpl
    async def shutdown(self) -> None:
        for service in self.services:
            await service.stop()

    @hookimpl
    def register_health_checks(self) -> Sequence[HealthCheck]:
        return [HealthCheck("remote", self._look)] if self._config.services else []

    async def _look(self) -> Mapping[str, Any]:
        """Shows which services answer. One that is away is no reason to take the node out of service."""
        return {service.name: "up" if service.is_up else "away" for service in self.services}

    @hookimpl
    async def change_message(self, draft: Draft, user: User, via: str) -> Draft | None:
        changed = draft
        for service in self.services:
            if service.wants("change_message"):
                given = {"draft": shown_draft(changed), "user": shown_user(user), "via": via}
                answer = await service.ask("change_message", given)
                fields = _replaced(service, answer, ("body",))
                changed = _with(service, changed, fields)
        return None if changed is draft else changed

    @hookimpl
    async def check_message(self, draft: Draft, user: User, via: str) -> Refusal | None:
        given = {"draft": shown_draft(draft), "user": shown_user(user), "via": via}
        return await self._refusal("check_message", given)

    @hookimpl(actions=ACTIONS)
    async def change_action(self, action: Action, user: User | None, via: str) -> Action | None:
        changed, name = action, type(action).__name__
        for service in self.services:
            if action.changeable and service.wants("change_action", action=name):
                given = {"action": shown_action(changed), "user": shown_user(user), "via": via}
                answer = await service.ask("change_action", given)
                changed = _with(service, changed, _replaced(service, answer, action.changeable))
        return None if changed is action else changed

    @hookimpl(actions=ACTIONS)
    async def check_action(self, action: Action, user: User | None, via: str) -> Refusal | None:
        given = {"action": shown_action(action), "user": shown_user(user), "via": via}
        return await self._refusal("check_action", given, action=type(action).__name__)

    @hookimpl
    async def filter_rooms(
        self, rooms: Sequence[FoundRoom], user: User, via: str
    ) -> Collection[str] | None:
        return await self._hidden("filter_rooms", {"rooms": rooms}, user, via)

    @hookimpl
    async def filter_users(
        self, users: Sequence[FoundUser], user: User, via: str
    ) -> Collection[str] | None:
        return await self._hidden("filter_users", {"users": users}, user, via)

    @hookimpl
    async def filter_search(
        self, query: SearchQuery, user: User, via: str
    ) -> SearchQuery | Refusal | None:
        changed = query
        for service in self.services:
            if service.wants("filter_search"):
                given = {"query": shown(changed), "user": shown_user(user), "via": via}
                answer = await service.ask("filter_search", given)
                if isinstance(answer, Refuse):
                    return Refusal(answer.reason)
                changed = _with(service, changed, _replaced(service, answer, ("text",)))
        return None if changed is query else changed

    @hookimpl
    async def on_event(self, event: AnyEvent) -> None:
        kind = str(event.__struct_config__.tag)
        for service in self.services:
            if service.is_up and service.wants("on_event", event=kind):
                await service.ask("on_event", {"event": event})

    async def _hidden(
        self, hook: str, items: Mapping[str, Any], user: User, via: str
    ) -> Collection[str]:
        hidden: set[str] = set()
        for service in self.services:
            if service.wants(hook):
                given = {**shown(items), "user": shown_user(user), "via": via}
                fields = _replaced(service, await service.ask(hook, given), ("hidden",))
                hidden.update(_ids(service, fields.get("hidden", [])))
        return hidden

    async def _refusal(
        self, hook: str, given: Mapping[str, Any], action: str | None = None
    ) -> Refusal | None:
        for service in self.services:
            if not service.wants(hook, action=action):
                continue
            answer = await service.ask(hook, given)
            if isinstance(answer, Refuse):
                return Refusal(answer.reason)
            if isinstance(answer, Replace):
                raise RemoteFailed(
                    f"remote service {service.name}: {hook} may not replace anything"
                )
        return None


def _replaced(service: Service, answer: Answer, allowed: Sequence[str]) -> dict[str, Any]:
    """The fields that the service replaces. Raises `RemoteFailed` for others, and for a refusal."""
    if isinstance(answer, Refuse):
        raise RemoteFailed(f"remote service {service.name}: it refuses where it is asked to change")
    fields = answer.fields if isinstance(answer, Replace) else {}
    if wrong := sorted(set(fields) - set(allowed)):
        raise RemoteFailed(
            f"remote service {service.name}: it replaces {', '.join(wrong)}; allowed: {', '.join(allowed)}"
        )
    return fields


def _ids(service: Service, given: Any) -> list[str]:
    """The ids that a service gives. Raises `RemoteFailed` for something else."""
    try:
        return msgspec.convert(given, list[str])
    except msgspec.ValidationError as error:
        raise RemoteFailed(f"remote service {service.name}: hidden: {error}") from error


def _with(service: Service, given: Any, fields: Mapping[str, Any]) -> Any:
    """The draft or action with these fields. Raises `RemoteFailed` for one of the wrong type."""
    if not fields:
        return given
    try:
        return msgspec.convert(msgspec.to_builtins(given) | dict(fields), type(given))
    except msgspec.ValidationError as error:
        raise RemoteFailed(f"remote service {service.name}: {error}") from error
