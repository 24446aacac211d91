"""Typed dispatch of hooks, compiled once from pluggy's registrations: one method for each hook.

pluggy checks and orders the hooks. `guard.py` contains the calls, `observers.py` queues those of observers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar, cast, get_args

import click
import msgspec

from chatserver.blobs.fallback import TwoPlaces
from chatserver.config import PluginsConfig
from chatserver.errors import ChatError, StartupError
from chatserver.hooks.actions import ACTIONS, Action
from chatserver.hooks.arguments import check_command
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.commands import Command, CommandAnswer, Completion, Invocation, Suggestion
from chatserver.hooks.deadline import Deadline
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.hooks.login import LoginMethod
from chatserver.hooks.loginmethods import guarded, method_problems
from chatserver.hooks.observers import Observers
from chatserver.hooks.policy import MESSAGE
from chatserver.hooks.targets import BackupScheme
from chatserver.hooks.timing import Timer
from chatserver.hooks.traced_guard import TracedGuard
from chatserver.hooks.types import (
    AccountChange,
    Consumer,
    DataChange,
    Draft,
    EventKind,
    GraphQLPart,
    Handler,
    HealthCheck,
    Interaction,
    InteractionHandler,
    InteractionReply,
    Job,
    LoginAttempt,
    Look,
    MessageData,
    Operation,
    PagePart,
    Refusal,
    Reply,
    Request,
    Route,
)
from chatserver.interfaces import Authenticator, Bus, Records, Store, Tracer
from chatserver.model import AnyEvent, User
from chatserver.runtime.measure import Measures

A = TypeVar("A", bound=Action)

REASON_CHARS = 500  # of a refusal, that are shown
EVENT_KINDS = {str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)}
COMPLETION_SECONDS = 1.0  # for suggestions: somebody is typing, and later ones would be stale
STARTUP_SECONDS = 60.0  # for one plugin's `startup`; after this a plugin that hangs is named
Calls = Mapping[str, tuple[Call, ...]]  # by hook
# The plugins that are not here and claim something: by action's name, then by room (None: all).
Absent = Mapping[str, Mapping[str | None, str]]
ContextOf = Callable[[str], object]  # makes the `Context` of the plugin of this name
# Makes what a plugin (its name) gives as data of a message canonical, beside the present data; raises `ChatError`
# if it is not valid.
CleanData = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]
OWN_CHECKS = ("database", "memory", "uptime")  # lines of GET /health that the server itself fills


class GuardedHandler(Protocol):
    """A handler of a plugin's route that is called under a deadline: by default the route's."""

    def __call__(self, request: Request, deadline: Deadline | None = None) -> Awaitable[Reply]: ...


class PluginAbsent(ChatError):
    """A plugin that guards this is off or missing."""

    def __init__(self, plugin: str) -> None:
        super().__init__(
            "plugin.absent",
            f"The plugin {plugin}, which guards this, is not running.",
            detail={"plugin": plugin},
        )


def _as_it_is(action: A) -> A:
    return action


def _as_given(plugin: str, new: Mapping[str, Any], present: Mapping[str, Any]) -> Mapping[str, Any]:
    return new


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
        self._operations: dict[str, tuple[str, Operation]] = {}
        self._messages_are_checked = bool(calls["change_message"] or calls["check_message"])
        self.messages_are_checked = self._messages_are_checked
        self._absent: Absent = {}
        self.plugins = frozenset(settings.enabled)
        self.events_are_observed = bool(calls["on_event"])
        self._changing = _by_action(calls["change_action"])
        self._checking = _by_action(calls["check_action"])

    def refuse_for(self, absent: Absent) -> None:
        """Refuse from now on what absent plugins claim."""
        self._absent = absent
        self.messages_are_checked = self._messages_are_checked or MESSAGE in absent

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

    def provide_blobs(self, place: str = "", former: str = "") -> Blobs | None:
        """The place of files; with `former`, both places as one. Both are names of plugins, see [blobs]."""
        hook = "provide_blobs"
        found = [(call, _call_at_start(hook, call, {})) for call in self._calls[hook]]
        found = [(call, answer) for call, answer in found if answer is not None]
        if not found:
            return None
        given = {call.plugin: answer for call, answer in found}
        for key, name in (("place", place), ("former", former)):
            if name and name not in given:
                raise StartupError(
                    f"blobs.{key}: no enabled plugin {name} provides a place of files"
                )
        if place and place == former:
            raise StartupError("blobs.former: it is blobs.place, too")
        if not place:
            others = [call for call, _ in found if call.plugin != former]
            _demand_one("back end of blobs", others)
            if not others:
                raise StartupError("blobs.former: no other plugin provides a place of files")
            place = others[0].plugin
        for call, answer in found:
            if call.plugin in (place, former):
                _demand_methods(hook, call, answer, Blobs)
        present: Blobs = given[place]
        return TwoPlaces(present, given[former]) if former else present

    def register_routes(self, context: ContextOf) -> list[tuple[str, Route]]:
        """Each route with the plugin that brings it."""
        found = self._collect(
            "register_routes", Route, "path", lambda call: {"context": context(call.plugin)}
        )
        return [(plugin, self._guarded(plugin, route)) for plugin, route in found]

    def register_cli(self, plugin: str, run: object) -> click.Command:
        """The plugin's own command. Raises `StartupError` if it has none."""
        for call in self._calls["register_cli"]:
            if call.plugin == plugin:
                made = _call_at_start("register_cli", call, {"run": run})
                if not isinstance(made, click.Command):
                    raise StartupError(
                        f"plugin {plugin}: register_cli returned {type(made).__name__}, not a command"
                    )
                return made
        raise StartupError(f"plugin {plugin}: it has no command of its own")

    def register_page(self) -> list[tuple[str, PagePart]]:
        """The plugins with a part of the page."""
        found = []
        for call in self._calls["register_page"]:
            part = _call_at_start("register_page", call, {})
            if not isinstance(part, PagePart):
                raise StartupError(
                    f"plugin {call.plugin}: register_page returned {type(part).__name__}, not PagePart"
                )
            found.append((call.plugin, part))
        return found

    def register_operations(self, context: ContextOf) -> None:
        """Collect the operations that plugins add, for `operation` and `run_operation`."""
        found = self._collect(
            "register_operations", Operation, "name", lambda call: {"context": context(call.plugin)}
        )
        for plugin, operation in found:
            if not operation.name.startswith(f"{plugin}."):
                raise StartupError(
                    f"plugin {plugin}: the operation {operation.name} does not begin with {plugin}."
                )
        self._operations = {operation.name: (plugin, operation) for plugin, operation in found}

    def operation(self, name: str) -> Operation | None:
        """The operation that a plugin adds under this name."""
        found = self._operations.get(name)
        return None if found is None else found[1]

    async def run_operation(self, name: str, user: User, arguments: object) -> object:
        """Run a plugin's operation; returns its answer to the client. Raises `ChatError`: the plugin's, or `PluginFailed`."""
        plugin, operation = self._operations[name]
        call = Call(plugin, operation.run, ("user", "arguments"))
        given = {"user": user, "arguments": arguments}
        return await self.guard.run(
            "register_operations", call, given, operation.deadline, user=user.id
        )

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

    def register_timers(self, context: ContextOf) -> list[tuple[str, Timer]]:
        """Each timer with the plugin that brings it."""
        found = self._collect(
            "register_timers", Timer, "name", lambda call: {"context": context(call.plugin)}
        )
        for plugin, timer in found:
            for problem in timer_problems(plugin, timer):
                raise StartupError(f"plugin {plugin}: timer {timer.name}: {problem}")
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

    def register_message_data(self, context: ContextOf) -> list[tuple[str, MessageData]]:
        """Each namespace of data with the plugin that brings it."""
        found = self._collect(
            "register_message_data",
            MessageData,
            "name",
            lambda call: {"context": context(call.plugin)},
        )
        for plugin, data in found:
            if data.name != plugin and not data.name.startswith(f"{plugin}."):
                raise StartupError(
                    f"plugin {plugin}: message data {data.name}: its name must begin with {plugin}"
                )
            _check_schema(plugin, data.name, data.schema)
        return found

    def register_event_kinds(self, context: ContextOf) -> list[tuple[str, EventKind]]:
        """Each kind of event with the plugin that brings it."""
        found = self._collect(
            "register_event_kinds",
            EventKind,
            "name",
            lambda call: {"context": context(call.plugin)},
        )
        for plugin, kind in found:
            if not kind.name.startswith(f"{plugin}."):
                raise StartupError(
                    f"plugin {plugin}: event kind {kind.name}: its name must begin with {plugin}."
                )
            _check_schema(plugin, kind.name, kind.schema)
        return found

    def register_commands(self, context: ContextOf) -> list[tuple[str, Command]]:
        """Each command with the plugin that brings it."""
        found = self._collect(
            "register_commands", Command, "name", lambda call: {"context": context(call.plugin)}
        )
        for plugin, command in found:
            try:
                check_command(command)
            except Exception as error:
                raise StartupError(f"plugin {plugin}: command {command.name}: {error}") from error
        return found

    def register_login_methods(self, context: ContextOf) -> list[LoginMethod]:
        found = self._collect(
            "register_login_methods",
            LoginMethod,
            "name",
            lambda call: {"context": context(call.plugin)},
        )
        for plugin, method in found:
            for problem in method_problems(method):
                raise StartupError(f"plugin {plugin}: sign-in method {method.name!r}: {problem}")
        return [guarded(self.guard, plugin, method) for plugin, method in found]

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

    async def change_message(self, draft: Draft, user: User, clean: CleanData = _as_given) -> Draft:
        """The draft as plugins want it. What `clean` refuses of a plugin's data is that plugin's failure.

        Raises `ChatError` plugin.absent, `PluginFailed`.
        """
        if self._absent:
            self._demand_present(MESSAGE, draft.room)
        for call in self._calls["change_message"]:
            given = {"draft": draft, "user": user}
            is_answer = partial(_is_change, draft, call.plugin, clean)
            changed = await self._ask("change_message", call, given, user.id, is_answer)
            if changed is not None:
                # A plugin may change the text and its own data, but not the room or the edited message.
                data = _with_data(draft, changed, call.plugin, clean)
                draft = msgspec.structs.replace(draft, body=changed.body, data=data)
        return draft

    async def interact(
        self, plugin: str, handle: InteractionHandler, interaction: Interaction
    ) -> InteractionReply:
        """The plugin's answer to a use of its buttons, menus and forms. Raises `ChatError`."""
        call = Call(plugin, handle, ("interaction",))
        found = await self.guard.run(
            "register_message_data",
            call,
            {"interaction": interaction},
            user=interaction.user.id,
            is_answer=_is_reply,
        )
        return found or InteractionReply()

    async def check_message(self, draft: Draft, user: User) -> None:
        """Raise `ChatError` message.refused with the reason of the first plugin that refuses."""
        for call in self._calls["check_message"]:
            given = {"draft": draft, "user": user}
            refusal = await self._ask("check_message", call, given, user.id, _is_verdict)
            if refusal is not None:
                raise _refused("message.refused", refusal, call)

    async def allow(
        self, action: A, user: User | None, address: str = "", clean: Callable[[A], A] = _as_it_is
    ) -> A:
        """The action as plugins want it. `address` is that of somebody who is no user yet.

        `clean` makes an action's texts canonical, and raises `ChatError` for one that is not valid: what it
        refuses of the user's own is raised here, what it refuses of a plugin's is that plugin's failure. Raises
        `ChatError` action.refused with the reason of the first plugin that refuses, and plugin.absent.
        """
        if self._absent:
            self._demand_present(type(action).__name__, getattr(action, "room", None))
        action, kind, by = clean(action), type(action), user.id if user else address
        for call in self._changing.get(kind, ()):
            given = {"action": action, "user": user}
            is_answer = partial(_is_changed, action, clean)
            changed = await self._ask("change_action", call, given, by, is_answer)
            if changed is not None:
                action = clean(_taken_over(action, changed))
        for call in self._checking.get(kind, ()):
            given = {"action": action, "user": user}
            refusal = await self._ask("check_action", call, given, by, _is_verdict)
            if refusal is not None:
                raise _refused("action.refused", refusal, call)
        return action

    def contained_change(self, plugin: str, change: DataChange) -> DataChange:
        """The function of an `InteractionReply`, whose errors and wrong answers are the plugin's failures."""

        def changed(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
            try:
                wanted: Any = change(data)
            except ChatError:
                raise
            except Exception as error:
                self.guard.note_crash("register_message_data", plugin, error)
                raise PluginFailed from error
            if wanted is not None and not isinstance(wanted, Mapping):
                text = f"changed data to {type(wanted)}"
                self.guard.fail("register_message_data", plugin, "garbage", text)
            return wanted

        return changed

    def _demand_present(self, action: str, room: str | None) -> None:
        """Raise `PluginAbsent` if a plugin that is not here claims the action."""
        claimed = self._absent.get(action, {})
        plugin = claimed.get(None) or (room and claimed.get(room))
        if plugin:
            raise PluginAbsent(plugin)

    async def run_command(
        self, plugin: str, command: Command, invocation: Invocation[Any]
    ) -> CommandAnswer | None:
        """The plugin's answer. A `ChatError` that it raises is one, too."""
        call = Call(plugin, command.run, ("invocation",))
        given = {"invocation": invocation}
        by, seconds = invocation.user.id, command.deadline
        answer: CommandAnswer | None = await self.guard.run(
            "register_commands", call, given, seconds, user=by, is_answer=_is_command_answer
        )
        return answer

    async def complete_command(
        self, plugin: str, command: Command, completion: Completion
    ) -> Sequence[Suggestion] | None:
        """The plugin's suggestions; None if it leaves them to the server."""
        if command.complete is None:
            return None
        call = Call(plugin, command.complete, ("completion",))
        given = {"completion": completion}
        by, seconds = completion.user.id, COMPLETION_SECONDS
        found: Sequence[Suggestion] | None = await self.guard.run(
            "complete_command", call, given, seconds, user=by, is_answer=_are_suggestions
        )
        return found

    async def _ask(
        self,
        hook: str,
        call: Call,
        given: dict[str, Any],
        by: str,
        is_answer: Callable[[Any], bool],
    ) -> Any:
        """The plugin's answer; None if it has none, or if it fails and its policy lets this pass.

        `by` is the user, or the address, whose failures count together.
        """
        try:
            deadline = call.policy.deadline
            return await self.guard.run(hook, call, given, deadline, user=by, is_answer=is_answer)
        except PluginFailed:
            action = given.get("action")
            if not call.policy.lets_pass(MESSAGE if action is None else type(action).__name__):
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
        handlers: dict[str, GuardedHandler] = {
            method: self._guarded_handler(plugin, handler, route.deadline)
            for method, handler in route.handlers.items()
        }
        return msgspec.structs.replace(route, **cast(Any, handlers))

    def _guarded_handler(
        self, plugin: str, handler: Handler, seconds: float | None
    ) -> GuardedHandler:
        call = Call(plugin, handler, ("request",))

        async def answer(request: Request, deadline: Deadline | None = None) -> Reply:
            given = {"request": request}
            reply = await self.guard.run("register_routes", call, given, deadline or seconds)
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


def _check_schema(plugin: str, name: str, schema: Any) -> None:
    """Refuse a type that msgspec cannot read, before the first value comes."""
    try:
        msgspec.json.Decoder(schema)
    except Exception as error:
        raise StartupError(f"plugin {plugin}: {name}: its schema: {error}") from error


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
    _demand_one(what, calls)
    answer = _call_at_start(hook, calls[0], given(calls[0]))
    _demand_methods(hook, calls[0], answer, kind)
    return answer


def _demand_one(what: str, calls: Sequence[Call]) -> None:
    if len(calls) > 1:
        names = " and ".join(call.plugin for call in calls)
        raise StartupError(f"plugins.enabled: {names} both provide a {what}; list one")


def _demand_methods(hook: str, call: Call, answer: object, kind: type[Any]) -> None:
    for name, method in vars(kind).items():
        if callable(method) and name[0] != "_" and not callable(getattr(answer, name, None)):
            raise StartupError(
                f"plugin {call.plugin}: {hook} returned {type(answer).__name__}, which has no {name}"
            )


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
    attempts = 1 if consumer.attempts is None else consumer.attempts
    if min(consumer.batch, consumer.rooms_at_once, attempts) < 1:
        yield "batch, rooms_at_once and attempts must be at least 1"
    if min(consumer.backoff, consumer.longest_pause, consumer.deadline) <= 0:
        yield "backoff, longest_pause and deadline must be above 0"


def timer_problems(plugin: str, timer: Timer) -> Iterator[str]:
    """Mistakes in a timer's fields, one text each."""
    if timer.name != plugin and not timer.name.startswith(f"{plugin}."):
        yield f"its name must begin with {plugin}."
    if min(timer.at_once, 1 if timer.attempts is None else timer.attempts) < 1:
        yield "at_once and attempts must be at least 1"
    if min(timer.backoff, timer.longest_pause, timer.deadline) <= 0:
        yield "backoff, longest_pause and deadline must be above 0"


def _by_action(calls: Sequence[Call]) -> dict[type[Action], tuple[Call, ...]]:
    """The calls by the kind of action that they want, so that others wake no plugin."""
    found = {kind: tuple(call for call in calls if kind in call.actions) for kind in ACTIONS}
    return {kind: wanting for kind, wanting in found.items() if wanting}


def _refused(code: str, refusal: Refusal, call: Call) -> ChatError:
    return ChatError(code, refusal.reason[:REASON_CHARS], detail={"plugin": call.plugin})


def _taken_over(action: A, changed: A) -> A:
    """The action with the changeable fields of another one."""
    fields = {name: getattr(changed, name) for name in action.changeable}
    return msgspec.structs.replace(action, **fields)


def _is_changed(action: A, clean: Callable[[A], A], answer: object) -> bool:
    """Whether an answer of `change_action` is none, or an action of the same kind that is valid."""
    if answer is None:
        return True
    if not isinstance(answer, type(action)):
        return False
    try:
        wanted = _taken_over(action, answer)
        msgspec.convert(msgspec.to_builtins(wanted), type(action))  # checks the types of its fields
        clean(wanted)
    except (ChatError, msgspec.ValidationError, TypeError, ValueError):
        return False
    return all(
        text is None or _is_text(text)
        for text in (getattr(wanted, name) for name in action.changeable)
    )


def _is_change(draft: Draft, plugin: str, clean: CleanData, answer: object) -> bool:
    if answer is None:
        return True
    if not isinstance(answer, Draft) or not _is_text(answer.body):
        return False
    try:
        _with_data(draft, answer, plugin, clean)
    except (ChatError, TypeError, AttributeError):
        return False
    return True


def _with_data(draft: Draft, changed: Draft, plugin: str, clean: CleanData) -> Mapping[str, Any]:
    """The data of the draft, with what is new in the changed one: the plugin's own."""
    new = {
        name: value
        for name, value in changed.data.items()
        if name not in draft.data or draft.data[name] != value
    }
    return {**draft.data, **clean(plugin, new, draft.data)} if new else draft.data


def _is_reply(answer: object) -> bool:
    if answer is None:
        return True
    if not isinstance(answer, InteractionReply):
        return False
    is_note = answer.note is None or _is_text(answer.note)
    return is_note and (answer.change is None or callable(answer.change))


def _is_verdict(answer: object) -> bool:
    return answer is None or (isinstance(answer, Refusal) and _is_text(answer.reason))


def _is_command_answer(answer: object) -> bool:
    if answer is None:
        return True
    if not isinstance(answer, CommandAnswer) or answer.to not in ("user", "room"):
        return False
    return _is_text(answer.text) and bool(answer.text.strip())


def _are_suggestions(answer: object) -> bool:
    if answer is None:
        return True
    return isinstance(answer, list | tuple) and all(
        isinstance(each, Suggestion) and _is_text(each.value) and _is_text(each.about)
        for each in answer
    )


def _is_text(value: object) -> bool:
    """A text that can be stored and sent: no lone surrogates."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
