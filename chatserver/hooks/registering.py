"""What plugins register: one line for each kind, with its mistakes, and how it is collected.

`chatserver/switching/parts.py` says how each kind is put to use and taken back.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver.errors import StartupError
from chatserver.hooks.active import Active, Calls, holds
from chatserver.hooks.arguments import check_command
from chatserver.hooks.commands import Command
from chatserver.hooks.guard import Guard
from chatserver.hooks.guardedroutes import guarded_route
from chatserver.hooks.login import LoginMethod
from chatserver.hooks.loginmethods import guarded, method_problems
from chatserver.hooks.personal import PersonalData, guarded_data
from chatserver.hooks.personal import data_problems as personal_problems
from chatserver.hooks.providing import call_at_start
from chatserver.hooks.targets import BackupScheme
from chatserver.hooks.timing import Timer
from chatserver.hooks.tokens import TokenKind, guarded_kind
from chatserver.hooks.tokens import kind_problems as token_problems
from chatserver.hooks.types import (
    EVENT_KINDS,
    Consumer,
    EventKind,
    GraphQLPart,
    HealthCheck,
    Job,
    MessageData,
    Operation,
    PagePart,
    Route,
)

ContextOf = Callable[[str], object]  # makes the `Context` of the plugin of this name
Items = Sequence[tuple[str, Any]]  # each with its plugin's name
OWN_CHECKS = ("database", "memory", "uptime")  # lines of GET /health that the server itself fills


def data_problems(plugin: str, data: MessageData) -> Iterator[str]:
    if data.name != plugin and not data.name.startswith(f"{plugin}."):
        yield f"message data {data.name}: its name must begin with {plugin}"
    yield from _schema_problems(data.name, data.schema)


def kind_problems(plugin: str, kind: EventKind) -> Iterator[str]:
    if not kind.name.startswith(f"{plugin}."):
        yield f"event kind {kind.name}: its name must begin with {plugin}."
    yield from _schema_problems(kind.name, kind.schema)


def command_problems(plugin: str, command: Command) -> Iterator[str]:
    try:
        check_command(command)
    except Exception as error:
        yield f"command {command.name}: {error}"


def login_problems(plugin: str, method: LoginMethod) -> Iterator[str]:
    return (f"sign-in method {method.name!r}: {each}" for each in method_problems(method))


def operation_problems(plugin: str, operation: Operation) -> Iterator[str]:
    if not operation.name.startswith(f"{plugin}."):
        yield f"the operation {operation.name} does not begin with {plugin}."


def job_problems(plugin: str, job: Job) -> Iterator[str]:
    if not (job.every > 0 and job.deadline > 0):
        yield f"job {job.name}: its times must be above 0"


def check_problems(plugin: str, check: HealthCheck) -> Iterator[str]:
    if check.name in OWN_CHECKS:
        yield f"{check.name} is a check of the server itself"


def timer_problems(plugin: str, timer: Timer) -> Iterator[str]:
    name = f"timer {timer.name}:"
    if timer.name != plugin and not timer.name.startswith(f"{plugin}."):
        yield f"{name} its name must begin with {plugin}."
    if min(timer.at_once, 1 if timer.attempts is None else timer.attempts) < 1:
        yield f"{name} at_once and attempts must be at least 1"
    if min(timer.backoff, timer.longest_pause, timer.deadline) <= 0:
        yield f"{name} backoff, longest_pause and deadline must be above 0"


def consumer_problems(plugin: str, consumer: Consumer) -> Iterator[str]:
    name = f"consumer {consumer.name}:"
    for kind in consumer.kinds:
        if kind not in EVENT_KINDS:
            yield f"{name} there is no kind of event {kind!r}"
    attempts = 1 if consumer.attempts is None else consumer.attempts
    if min(consumer.batch, consumer.rooms_at_once, attempts) < 1:
        yield f"{name} batch, rooms_at_once and attempts must be at least 1"
    if min(consumer.backoff, consumer.longest_pause, consumer.deadline) <= 0:
        yield f"{name} backoff, longest_pause and deadline must be above 0"


def _no_problems(plugin: str, item: object) -> Iterator[str]:
    return iter(())


def _schema_problems(name: str, schema: Any) -> Iterator[str]:
    """Refuse a type that msgspec cannot read, before the first value comes."""
    try:
        msgspec.json.Decoder(schema)
    except Exception as error:
        yield f"{name}: its schema: {error}"


class Kind(NamedTuple):
    """A kind of registration: its hook, the type of its items, their unique field, and their mistakes."""

    hook: str
    item: type[Any]
    key: str  # the field of which no value may occur twice; "": each plugin has one item
    problems: Callable[[str, Any], Iterator[str]] = _no_problems


KINDS = (
    Kind("register_graphql", GraphQLPart, "name"),
    Kind("register_message_data", MessageData, "name", data_problems),
    Kind("register_event_kinds", EventKind, "name", kind_problems),
    Kind("register_commands", Command, "name", command_problems),
    Kind("register_login_methods", LoginMethod, "name", login_problems),
    Kind("register_token_kinds", TokenKind, "prefix", token_problems),
    Kind("register_personal_data", PersonalData, "name", personal_problems),
    Kind("register_timers", Timer, "name", timer_problems),
    Kind("register_jobs", Job, "name", job_problems),
    Kind("register_consumers", Consumer, "name", consumer_problems),
    Kind("register_operations", Operation, "name", operation_problems),
    Kind("register_routes", Route, "path"),
    Kind("register_health_checks", HealthCheck, "name", check_problems),
    Kind("register_page", PagePart, ""),
    Kind("register_backup_schemes", BackupScheme, "name"),
)
BY_HOOK: Mapping[str, Kind] = {kind.hook: kind for kind in KINDS}


class Registry:
    """Asks the plugins of a set for what they register."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def ask(self, hook: str, active: Active, context: ContextOf) -> list[tuple[str, Any]]:
        """The items of all plugins, each with its plugin's name, checked. Raises `StartupError`."""
        found = asked(BY_HOOK[hook], active.calls, context)
        return [(plugin, self._contained(plugin, item, active)) for plugin, item in found]

    def _contained(self, plugin: str, item: Any, active: Active) -> Any:
        """The item with functions that the guard contains, where the server calls them as they are."""
        if isinstance(item, Route):
            return guarded_route(self._guard, plugin, item, holds(active.instances, plugin))
        if isinstance(item, LoginMethod):
            return guarded(self._guard, plugin, item, holds(active.instances, plugin))
        if isinstance(item, TokenKind):
            return guarded_kind(self._guard, plugin, item, holds(active.instances, plugin))
        if isinstance(item, PersonalData):
            return guarded_data(self._guard, plugin, item, holds(active.instances, plugin))
        return item


def asked(kind: Kind, calls: Calls, context: ContextOf) -> list[tuple[str, Any]]:
    """What plugins return for one kind, each item with its plugin's name. Raises `StartupError`."""
    found: list[tuple[str, Any]] = []
    for call in calls[kind.hook]:
        given = {"context": context(call.plugin)} if "context" in call.arguments else {}
        items = call_at_start(kind.hook, call, given)
        if not kind.key:
            items = [items]
        if not isinstance(items, Sequence):
            raise StartupError(f"plugin {call.plugin}: {kind.hook} did not return a list")
        for item in items:
            if not isinstance(item, kind.item):
                raise StartupError(
                    f"plugin {call.plugin}: {kind.hook} returned {type(item).__name__}, "
                    f"not {kind.item.__name__}"
                )
            found.append((call.plugin, item))
    demand_unique(kind, found)
    for plugin, item in found:
        for problem in kind.problems(plugin, item):
            raise StartupError(f"plugin {plugin}: {problem}")
    return found


def demand_unique(kind: Kind, items: Items) -> None:
    """Raise `StartupError` for a name that two items have."""
    taken: dict[str, str] = {}
    for plugin, item in items if kind.key else ():
        name = getattr(item, kind.key)
        if name in taken:
            raise StartupError(f"plugin {plugin}: {name} is taken by {taken[name]}")
        taken[name] = plugin


def merged(
    kind: Kind, before: Items, changed: Collection[str], new: Items, order: Sequence[str]
) -> list[tuple[str, Any]]:
    """The items with those of changed plugins replaced, in the order of the plugins. Raises `StartupError`."""
    place = {name: number for number, name in enumerate(order)}
    kept = [each for each in before if each[0] not in changed]
    found = sorted([*kept, *new], key=lambda each: place.get(each[0], len(place)))
    demand_unique(kind, found)
    return found
