"""Typed dispatch of hooks, compiled once from what pluggy registered.

pluggy checks and orders; here is how a call is made, what an error of a plugin does, and by when
a plugin must have answered.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import msgspec
from loguru import logger

from chatserver.config import PluginsConfig
from chatserver.errors import ChatError, StartupError
from chatserver.hooktypes import (
    Context,
    Draft,
    GraphQLPart,
    Handler,
    HealthCheck,
    LoginAttempt,
    Refusal,
    Reply,
    Request,
    Route,
)
from chatserver.interfaces import Authenticator, Records, Store
from chatserver.measure import Counter, Measures
from chatserver.model import AnyEvent, User

STARTUP_SECONDS = 60.0  # for what one plugin has to prepare; one that hangs is named after this
# Hooks in which a `ChatError` is an answer to a client; elsewhere nobody waits for one.
ANSWERING = ("change_message", "check_message", "register_routes")
# Whoever asks costs only themselves, and must not shut an address for all others.
WITHOUT_BREAKER = ("register_routes",)
OWN_CHECKS = ("database", "memory", "uptime")  # lines of GET /health that the server itself fills


class Call(NamedTuple):
    """One plugin's implementation of one hook, and the arguments it takes."""

    plugin: str
    function: Callable[..., Any]
    arguments: Sequence[str]

    def __call__(self, **given: Any) -> Any:
        return self.function(*[given[name] for name in self.arguments])


class Breaker:
    """Stops asking a plugin that failed several times in a row, for a while."""

    def __init__(self, failures: int, seconds: float) -> None:
        self._limit, self._seconds = failures, seconds
        self._failures = 0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return self._failures >= self._limit and time.monotonic() < self._open_until

    def note(self, failed: bool) -> None:
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= self._limit:
            self._open_until = time.monotonic() + self._seconds


class Observer:
    """One plugin's queue of `on_` calls, worked off in order by one task."""

    def __init__(self, plugin: str, bound: int, hooks: "HookCalls") -> None:
        self.plugin = plugin
        self._queue: asyncio.Queue[tuple[str, Call, dict[str, Any]]] = asyncio.Queue(bound)
        self._hooks = hooks
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._queue.qsize()

    def tell(self, hook: str, call: Call, given: dict[str, Any]) -> bool:
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"observer {self.plugin}")
        try:
            self._queue.put_nowait((hook, call, given))
        except asyncio.QueueFull:
            return False
        return True

    async def close(self, seconds: float) -> None:
        """Let what is queued be told, but no longer than `seconds`."""
        if self._task is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            logger.error("plugin {}: {} observations dropped at shutdown", self.plugin, len(self))
        self._task.cancel()

    async def _work(self) -> None:
        while True:
            hook, call, given = await self._queue.get()
            try:
                await self._hooks.run(hook, call, given)
            except PluginFailed:
                pass  # logged and counted where it happened; the action stands
            finally:
                self._queue.task_done()


class PluginFailed(ChatError):
    """A plugin raised, hung or returned garbage. The user learns only that a part failed."""

    def __init__(self) -> None:
        super().__init__("plugin.failed", after_ms=1000)


class HookCalls:
    """All hooks of a running server, one method each."""

    def __init__(
        self, calls: Mapping[str, tuple[Call, ...]], settings: PluginsConfig, measures: Measures
    ) -> None:
        self._calls = calls
        self._settings = settings
        # For each hook one: what works in one hook must not hide what fails in another.
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._observers: dict[str, Observer] = {}
        self._started: list[str] = []
        self.messages_are_checked = bool(calls["change_message"] or calls["check_message"])
        self.events_are_observed = bool(calls["on_event"])
        self._seconds = measures.histogram(
            "chatserver_hook_seconds", "Time in a plugin's hook", ("plugin", "hook")
        )
        self._errors: Counter = measures.counter(
            "chatserver_hook_errors_total", "Hook calls that failed", ("plugin", "hook", "reason")
        )
        measures.gauge(
            "chatserver_observer_queue",
            "Observations that wait for plugins",
            lambda: sum(map(len, self._observers.values())),
        )

    # -- at start ------------------------------------------------------------------------------

    def provide_store(self) -> Store:
        store: Store = self._one("provide_store", "store", Store, lambda call: {})
        return store

    def provide_authenticator(self, records: Callable[[str], Records]) -> Authenticator:
        found: Authenticator = self._one(
            "provide_authenticator",
            "check of passwords",
            Authenticator,
            lambda call: {"records": records(call.plugin)},
        )
        return found

    def register_routes(self, context: Callable[[str], Context]) -> list[tuple[str, Route]]:
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

    async def startup(self, context: Callable[[str], Context]) -> None:
        for call in self._calls["startup"]:
            try:
                async with asyncio.timeout(STARTUP_SECONDS):
                    await call(context=context(call.plugin))
            except TimeoutError as error:
                raise StartupError(f"plugin {call.plugin}: startup: no end to it") from error
            except (Exception, SystemExit) as error:
                raise StartupError(f"plugin {call.plugin}: startup: {error}") from error
            self._started.append(call.plugin)

    async def shutdown(self) -> None:
        for observer in self._observers.values():
            await observer.close(self._settings.deadline_seconds)
        must_have_started = {call.plugin for call in self._calls["startup"]}
        for call in reversed(self._calls["shutdown"]):
            if call.plugin in must_have_started and call.plugin not in self._started:
                continue
            try:
                await self.run("shutdown", call, {})
            except PluginFailed:
                continue

    # -- while running ---------------------------------------------------------------------------

    async def change_message(self, draft: Draft, user: User) -> Draft:
        for call in self._calls["change_message"]:
            changed = await self.run("change_message", call, {"draft": draft, "user": user})
            if changed is None:
                continue
            if not isinstance(changed, Draft) or not _is_text(changed.body):
                self._failed("change_message", call.plugin, "garbage", f"returned {type(changed)}")
            # Where a message goes is the author's choice, not a plugin's.
            draft = Draft(
                room=draft.room, body=changed.body, reply_to=draft.reply_to, message=draft.message
            )
        return draft

    async def check_message(self, draft: Draft, user: User) -> None:
        """Raise `ChatError` message.refused with the reason of the first plugin that refuses."""
        for call in self._calls["check_message"]:
            answer = await self.run("check_message", call, {"draft": draft, "user": user})
            if answer is None:
                continue
            if not isinstance(answer, Refusal) or not _is_text(answer.reason):
                self._failed("check_message", call.plugin, "garbage", f"returned {type(answer)}")
            raise ChatError("message.refused", answer.reason, detail={"plugin": call.plugin})

    def on_event(self, event: AnyEvent) -> None:
        for call in self._calls["on_event"]:
            self._tell("on_event", call, {"event": event})

    def on_login(self, attempt: LoginAttempt) -> None:
        for call in self._calls["on_login"]:
            self._tell("on_login", call, {"attempt": attempt})

    async def run(self, hook: str, call: Call, given: dict[str, Any]) -> Any:
        """Await one plugin under the deadline; its errors are logged and counted by its name."""
        breaker = self._breakers.setdefault(
            (call.plugin, hook),
            Breaker(self._settings.breaker_failures, self._settings.breaker_seconds),
        )
        if breaker.is_open and hook not in WITHOUT_BREAKER:
            self._errors.add(labels=(call.plugin, hook, "circuit_open"))
            raise PluginFailed
        failed: bool | None = True
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.deadline_seconds):
                answer = await call(**given)
            failed = False
            return answer
        except TimeoutError:
            self._failed(hook, call.plugin, "timeout", "did not answer in time")
        except (Exception, SystemExit) as error:
            if isinstance(error, ChatError) and hook in ANSWERING:
                failed = False
                raise
            self._crashed(hook, call.plugin, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                failed = None  # whoever waited is gone, which is not the plugin's doing
                raise
            self._crashed(hook, call.plugin, error)
        finally:
            if failed is not None:
                breaker.note(failed)
            self._seconds.add(time.perf_counter() - started, (call.plugin, hook))

    # -- shared ----------------------------------------------------------------------------------

    def _tell(self, hook: str, call: Call, given: dict[str, Any]) -> None:
        observer = self._observers.get(call.plugin)
        if observer is None:
            observer = Observer(call.plugin, self._settings.observer_queue, self)
            self._observers[call.plugin] = observer
        if not observer.tell(hook, call, given):
            self._errors.add(labels=(call.plugin, hook, "queue_full"))

    def _guarded(self, plugin: str, route: Route) -> Route:
        handlers: dict[str, Any] = {
            method: self._guarded_handler(plugin, handler)
            for method, handler in route.handlers.items()
        }
        return msgspec.structs.replace(route, **handlers)

    def _guarded_handler(self, plugin: str, handler: Handler) -> Handler:
        call = Call(plugin, handler, ("request",))

        async def answer(request: Request) -> Reply:
            reply = await self.run("register_routes", call, {"request": request})
            if not isinstance(reply, Reply):
                self._failed("register_routes", plugin, "garbage", f"returned {type(reply)}")
            if not isinstance(reply.body, bytes | AsyncIterator):
                self._failed("register_routes", plugin, "garbage", f"answers {type(reply.body)}")
            return reply

        return answer

    def note_crash(self, hook: str, plugin: str, error: BaseException) -> None:
        """Log and count what a plugin raised."""
        logger.opt(exception=error).error("plugin {}: {} failed", plugin, hook)
        self._errors.add(labels=(plugin, hook, "error"))

    def _crashed(self, hook: str, plugin: str, error: BaseException) -> NoReturn:
        self.note_crash(hook, plugin, error)
        raise PluginFailed from error

    def _failed(self, hook: str, plugin: str, reason: str, text: str) -> NoReturn:
        logger.error("plugin {}: {} {}", plugin, hook, text)
        self._errors.add(labels=(plugin, hook, reason))
        raise PluginFailed

    def _one(
        self, hook: str, what: str, kind: type[Any], given: Callable[[Call], dict[str, Any]]
    ) -> Any:
        calls = self._calls[hook]
        if not calls:
            raise StartupError(f"plugins.enabled: no plugin brings a {what}")
        if len(calls) > 1:
            names = " and ".join(call.plugin for call in calls)
            raise StartupError(f"plugins.enabled: {names} both bring a {what}; list one")
        answer = _call_at_start(hook, calls[0], given(calls[0]))
        for name, method in vars(kind).items():
            if callable(method) and name[0] != "_" and not callable(getattr(answer, name, None)):
                raise StartupError(
                    f"plugin {calls[0].plugin}: {hook} returned {type(answer).__name__}, "
                    f"which has no {name}"
                )
        return answer

    def _collect(
        self, hook: str, kind: type[Any], key: str, given: Callable[[Call], dict[str, Any]]
    ) -> list[tuple[str, Any]]:
        """What all plugins return, each with its plugin. Nothing may be there twice."""
        found: dict[str, tuple[str, Any]] = {}
        for call in self._calls[hook]:
            items = _call_at_start(hook, call, given(call))
            if not isinstance(items, Sequence):
                raise StartupError(f"plugin {call.plugin}: {hook} returned no list")
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


def _call_at_start(hook: str, call: Call, given: dict[str, Any]) -> Any:
    try:
        return call(**given)
    except (Exception, SystemExit) as error:
        raise StartupError(f"plugin {call.plugin}: {hook}: {error!r}") from error


def _is_text(value: object) -> bool:
    """A text that can be stored and sent: no lone surrogates."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
