"""Typed dispatch of hooks, compiled once from pluggy's registrations: one method for each hook.

pluggy checks and orders the hooks. `guard.py` contains the calls, `observers.py` queues those of observers.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from chatserver.config import PluginsConfig
from chatserver.errors import ChatError, StartupError
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.hooks.observers import Observers
from chatserver.hooks.targets import BackupScheme
from chatserver.hooks.traced_guard import TracedGuard
from chatserver.hooks.types import (
    AccountChange,
    Consumer,
    Draft,
    GraphQLPart,
    Handler,
    HealthCheck,
    Job,
    LoginAttempt,
    Look,
    Refusal,
    Reply,
    Request,
    Route,
)
from chatserver.interfaces import Authenticator, Bus, Records, Store, Tracer
from chatserver.model import AnyEvent, User
from chatserver.runtime.measure import Measures

EVENT_KINDS = {str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)}
STARTUP_SECONDS = 60.0  # for one plugin's `startup`; after this a plugin that hangs is named
Calls = Mapping[str, tuple[Call, ...]]  # by hook
ContextOf = Callable[[str], object]  # makes the `Context` of the plugin of this name
OWN_CHECKS = ("database", "memory", "uptime")  # lines of GET /health that the server itself fills


class HookCalls:
    """All hooks of a running server, one method each."""

    def __init__(
        self,
        calls: Calls,
        settings: PluginsConfig,
        measures: Measures,
        tracer: Tracer | None = None,
    ) -> None:
        self._calls = calls
        self._settings = settings
        self.guard = (
            Guard(settings, measures) if tracer is None else TracedGuard(settings, measures, tracer)
        )
        self._observers = Observers(self.guard, settings.observer_queue, measures)
        self._started: list[str] = []
        self.messages_are_checked = bool(calls["change_message"] or calls["check_message"])
        self.events_are_observed = bool(calls["on_event"])

    # -- at start ------------------------------------------------------------------------------

    def provide_store(self) -> Store:
        store: Store = _one(self._calls, "provide_store", "store", Store, lambda call: {})
        return store

    def provide_authenticator(self, records: Callable[[str], Records]) -> Authenticator:
        found: Authenticator = _one(
            self._calls,
            "provide_authenticator",
            "check of passwords",
            Authenticator,
            lambda call: {"records": records(call.plugin)},
        )
        return found

    def provide_bus(self) -> Bus | None:
        if not self._calls["provide_bus"]:
            return None
        bus: Bus = _one(self._calls, "provide_bus", "bus", Bus, lambda call: {})
        return bus

    def register_routes(self, context: ContextOf) -> list[tuple[str, Route]]:
        """Each route with the plugin that brings it."""
        found = self._collect(
            "register_routes", Route, "path", lambda call: {"context": context(call.plugin)}
        )
        return [(plugin, self._guarded(plugin, route)) for plugin, route in found]

    def register_health_checks(self) -> list[HealthCheck]:
        found = self._collect("register_health_checks", HealthCheck, "name", lambda call: {})
        for plugin, check in found:
            if check.name in OWN_CHECKS:
                raise StartupError(f"plugin {plugin}: {check.name} is a check of the server itself")
        return [check for _, check in found]

    def register_graphql(self) -> list[GraphQLPart]:
        found = self._collect("register_graphql", GraphQLPart, "name", lambda call: {})
        return [part for _, part in found]

    def register_jobs(self, context: ContextOf) -> list[tuple[str, Job]]:
        """Each job with the plugin that brings it."""
        found = self._collect(
            "register_jobs", Job, "name", lambda call: {"context": context(call.plugin)}
        )
        for plugin, job in found:
            if not (job.every > 0 and job.deadline > 0):
                raise StartupError(f"plugin {plugin}: job {job.name}: its times must be above 0")
        return found

    def register_backup_schemes(self) -> list[BackupScheme]:
        found = self._collect("register_backup_schemes", BackupScheme, "name", lambda call: {})
        return [scheme for _, scheme in found]

    def register_consumers(self, context: ContextOf) -> list[tuple[str, Consumer]]:
        """Each consumer with the plugin that brings it."""
        found = self._collect(
            "register_consumers", Consumer, "name", lambda call: {"context": context(call.plugin)}
        )
        for plugin, consumer in found:
            for problem in consumer_problems(consumer):
                raise StartupError(f"plugin {plugin}: consumer {consumer.name}: {problem}")
        return found

    async def startup(self, context: ContextOf) -> None:
        for call in self._calls["startup"]:
            try:
                async with asyncio.timeout(STARTUP_SECONDS):
                    await call(context=context(call.plugin))
            except TimeoutError as error:
                raise StartupError(
                    f"plugin {call.plugin}: startup did not finish within {STARTUP_SECONDS:g} s"
                ) from error
            except (Exception, SystemExit) as error:
                raise StartupError(f"plugin {call.plugin}: startup: {error}") from error
            self._started.append(call.plugin)

    async def shutdown(self) -> None:
        await self._observers.close(self._settings.deadline_seconds)
        must_have_started = {call.plugin for call in self._calls["startup"]}
        for call in reversed(self._calls["shutdown"]):
            if call.plugin in must_have_started and call.plugin not in self._started:
                continue
            try:
                await self.guard.run("shutdown", call, {})
            except PluginFailed:
                continue

    # -- while running ---------------------------------------------------------------------------

    async def change_message(self, draft: Draft, user: User) -> Draft:
        for call in self._calls["change_message"]:
            changed = await self._ask("change_message", call, draft, user, _is_change)
            if changed is not None:
                # A plugin may change the text, but not the room or the edited message.
                draft = msgspec.structs.replace(draft, body=changed.body)
        return draft

    async def check_message(self, draft: Draft, user: User) -> None:
        """Raise `ChatError` message.refused with the reason of the first plugin that refuses."""
        for call in self._calls["check_message"]:
            refusal = await self._ask("check_message", call, draft, user, _is_verdict)
            if refusal is not None:
                detail: dict[str, object] = {"plugin": call.plugin}
                raise ChatError("message.refused", refusal.reason, detail=detail)

    async def _ask(
        self, hook: str, call: Call, draft: Draft, user: User, is_answer: Callable[[Any], bool]
    ) -> Any:
        """The plugin's answer; None if it has none, or if it fails and its `on_failure` is `pass`."""
        given = {"draft": draft, "user": user}
        try:
            return await self.guard.run(hook, call, given, user=user.id, is_answer=is_answer)
        except PluginFailed:
            if not call.passes:
                raise
            self.guard.note_passed(hook, call.plugin)
            return None

    def on_event(self, event: AnyEvent) -> None:
        kind = event.__struct_config__.tag
        for call in self._calls["on_event"]:
            if call.kinds is not None and kind not in call.kinds:
                continue
            self._observers.tell("on_event", call, {"event": event}, event.author.id)

    def on_login(self, attempt: LoginAttempt) -> None:
        # The breaker counts by address: an attacker's failures must not hide the account's own attempts.
        for call in self._calls["on_login"]:
            self._observers.tell("on_login", call, {"attempt": attempt}, attempt.address)

    def on_account(self, change: AccountChange) -> None:
        for call in self._calls["on_account"]:
            self._observers.tell(
                "on_account", call, {"change": change}, change.by.user or change.user
            )

    def on_look(self, look: Look) -> None:
        for call in self._calls["on_look"]:
            self._observers.tell("on_look", call, {"look": look}, look.user)

    # -- shared ----------------------------------------------------------------------------------

    def _guarded(self, plugin: str, route: Route) -> Route:
        handlers: dict[str, Any] = {
            method: self._guarded_handler(plugin, handler)
            for method, handler in route.handlers.items()
        }
        return msgspec.structs.replace(route, **handlers)

    def _guarded_handler(self, plugin: str, handler: Handler) -> Handler:
        call = Call(plugin, handler, ("request",))

        async def answer(request: Request) -> Reply:
            reply = await self.guard.run("register_routes", call, {"request": request})
            if not isinstance(reply, Reply):
                self.guard.fail("register_routes", plugin, "garbage", f"returned {type(reply)}")
            if not isinstance(reply.body, bytes | AsyncIterator):
                self.guard.fail("register_routes", plugin, "garbage", f"answers {type(reply.body)}")
            return reply

        return answer

    def _collect(
        self, hook: str, kind: type[Any], key: str, given: Callable[[Call], dict[str, Any]]
    ) -> list[tuple[str, Any]]:
        """All objects that plugins return, each with its plugin's name. No `key` may occur twice."""
        found: dict[str, tuple[str, Any]] = {}
        for call in self._calls[hook]:
            items = _call_at_start(hook, call, given(call))
            if not isinstance(items, Sequence):
                raise StartupError(f"plugin {call.plugin}: {hook} did not return a list")
            for item in items:
                if not isinstance(item, kind):
                    raise StartupError(
                        f"plugin {call.plugin}: {hook} returned {type(item).__name__}, "
                        f"not {kind.__name__}"
                    )
                name = getattr(item, key)
                if name in found:
                    taken = found[name][0]
                    raise StartupError(f"plugin {call.plugin}: {name} is taken by {taken}")
                found[name] = (call.plugin, item)
        return list(found.values())


def provided_tracer(calls: Calls) -> Tracer | None:
    """The tracer that a plugin provides. Raises `StartupError`.

    Asked before there is any `HookCalls`, as these are traced.
    """
    if not calls["provide_tracer"]:
        return None
    tracer: Tracer = _one(calls, "provide_tracer", "tracer", Tracer, lambda call: {})
    return tracer


def _one(
    registered: Calls,
    hook: str,
    what: str,
    kind: type[Any],
    given: Callable[[Call], dict[str, Any]],
) -> Any:
    """What the only plugin with this hook returns, checked to have all methods of `kind`."""
    calls = registered[hook]
    if not calls:
        raise StartupError(f"plugins.enabled: no plugin provides a {what}")
    if len(calls) > 1:
        names = " and ".join(call.plugin for call in calls)
        raise StartupError(f"plugins.enabled: {names} both provide a {what}; list one")
    answer = _call_at_start(hook, calls[0], given(calls[0]))
    for name, method in vars(kind).items():
        if callable(method) and name[0] != "_" and not callable(getattr(answer, name, None)):
            raise StartupError(
                f"plugin {calls[0].plugin}: {hook} returned {type(answer).__name__}, "
                f"which has no {name}"
            )
    return answer


def _call_at_start(hook: str, call: Call, given: dict[str, Any]) -> Any:
    try:
        return call(**given)
    except StartupError as error:
        named = str(error).startswith("plugin")  # also for errors that begin with a setting's path
        raise StartupError(str(error) if named else f"plugin {call.plugin}: {error}") from error
    except (Exception, SystemExit) as error:
        raise StartupError(f"plugin {call.plugin}: {hook}: {error!r}") from error


def consumer_problems(consumer: Consumer) -> Iterator[str]:
    """Mistakes in a consumer's fields, one text each."""
    for kind in consumer.kinds:
        if kind not in EVENT_KINDS:
            yield f"there is no kind of event {kind!r}"
    if min(consumer.batch, consumer.rooms_at_once, consumer.attempts or 1) < 1:
        yield "batch, rooms_at_once and attempts must be at least 1"
    if min(consumer.backoff, consumer.longest_pause, consumer.deadline) <= 0:
        yield "backoff, longest_pause and deadline must be above 0"


def _is_change(answer: object) -> bool:
    return answer is None or (isinstance(answer, Draft) and _is_text(answer.body))


def _is_verdict(answer: object) -> bool:
    return answer is None or (isinstance(answer, Refusal) and _is_text(answer.reason))


def _is_text(value: object) -> bool:
    """A text that can be stored and sent: no lone surrogates."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
