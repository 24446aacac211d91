"""The plugins that are called now: one immutable set, compiled for the calls, and replaced as a whole."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chatserver.hooks.absent import Absent
from chatserver.hooks.actions import ACTIONS, Action, MessageEdit, MessageSend
from chatserver.hooks.chains import Chain, asked
from chatserver.hooks.drafts import MessageKind, chain_of_drafts
from chatserver.hooks.guard import Call
from chatserver.hooks.instance import Instance
from chatserver.hooks.policy import MESSAGE
from chatserver.hooks.types import Operation

Calls = Mapping[str, tuple[Call, ...]]  # by hook
ByAction = Mapping[type[Action], Chain]
Drafts = Mapping[MessageKind, Chain]
# Hooks whose plugins are called one after the other for one message or action.
FILTERS = ("filter_rooms", "filter_users", "filter_search")
CHAINS = ("change_message", "check_message", "change_action", "check_action", *FILTERS)
DRAFTS: tuple[MessageKind, ...] = (MessageSend, MessageEdit)
MESSAGES = {
    MESSAGE,
    *(kind.__name__ for kind in DRAFTS),
}  # the names under which messages are claimed


@dataclass(frozen=True, slots=True)
class Active:
    """All that a call of a hook reads. A call in several steps keeps the set with which it began."""

    calls: Calls
    plugins: frozenset[str]
    instances: Mapping[str, Instance]  # by the plugin's name
    operations: Mapping[str, tuple[str, Operation]]  # with the plugin, by the operation's name
    absent: Absent
    changing_drafts: Drafts
    checking_drafts: Drafts
    changing_actions: ByAction
    checking_actions: ByAction
    filters: Mapping[str, Chain]  # by hook
    messages_are_checked: bool
    plain_sends_are_checked: bool  # new messages without data, whatever their text
    checked_texts: Sequence[re.Pattern[str]]  # of which other new messages without data are checked
    events_are_observed: bool
    rooms_are_filtered: bool
    users_are_filtered: bool

    def with_absent(self, absent: Absent) -> "Active":
        """The same set, which refuses what absent plugins claim."""
        drafts = (*self.changing_drafts.values(), *self.checking_drafts.values())
        sends = (*self.changing_drafts[MessageSend], *self.checking_drafts[MessageSend])
        claimed = not MESSAGES.isdisjoint(absent)
        return replace(
            self,
            absent=absent,
            messages_are_checked=claimed or any(drafts),
            plain_sends_are_checked=claimed or any(asked.wants_all for asked in sends),
            checked_texts=tuple(asked.matching for asked in sends if asked.matching is not None),
        )

    def with_operations(self, operations: Sequence[tuple[str, Operation]]) -> "Active":
        """The same set with these operations, each with its plugin's name."""
        by_name = {operation.name: (plugin, operation) for plugin, operation in operations}
        return replace(self, operations=by_name)


def compiled(
    calls: Calls, plugins: Sequence[str], instances: Mapping[str, Instance] | None = None
) -> Active:
    """The set of these calls. `instances` are those of the plugins by name; without it they are new."""
    if instances is None:
        named = {*plugins, *(call.plugin for found in calls.values() for call in found)}
        instances = {name: Instance() for name in named}
    calls = {hook: _held(hook, found, instances) for hook, found in calls.items()}
    made = Active(
        calls=calls,
        plugins=frozenset(plugins),
        instances=instances,
        operations={},
        absent={},
        changing_drafts=_by_draft(calls, "change", plugins, instances),
        checking_drafts=_by_draft(calls, "check", plugins, instances),
        changing_actions=_by_action(calls, "change_action"),
        checking_actions=_by_action(calls, "check_action"),
        filters={hook: tuple(asked(hook, hook, call) for call in calls[hook]) for hook in FILTERS},
        messages_are_checked=False,
        plain_sends_are_checked=False,
        checked_texts=(),
        events_are_observed=bool(calls["on_event"]),
        rooms_are_filtered=bool(calls["filter_rooms"]),
        users_are_filtered=bool(calls["filter_users"]),
    )
    return made.with_absent({})


def holds(instances: Mapping[str, Instance], plugin: str) -> tuple[Instance, ...]:
    """What a call of this plugin holds while it waits."""
    return (instances[plugin],) if plugin in instances else ()


def _held(hook: str, calls: Sequence[Call], instances: Mapping[str, Instance]) -> tuple[Call, ...]:
    if hook not in CHAINS:
        return tuple(call._replace(holds=holds(instances, call.plugin)) for call in calls)
    return _held_to_the_end(calls, instances)


def _held_to_the_end(calls: Sequence[Call], instances: Mapping[str, Instance]) -> tuple[Call, ...]:
    """Calls of one chain: each holds its own plugin, and those that come after it."""
    later = [holds(instances, call.plugin) for call in calls]
    return tuple(
        call._replace(holds=tuple(instance for held in later[place:] for instance in held))
        for place, call in enumerate(calls)
    )


def _by_draft(
    calls: Calls, verb: str, plugins: Sequence[str], instances: Mapping[str, Instance]
) -> Drafts:
    found = {}
    for kind in DRAFTS:
        chain = chain_of_drafts(calls, verb, kind, plugins)
        held = _held_to_the_end([each.call for each in chain], instances)
        found[kind] = tuple(
            replace(each, call=call) for each, call in zip(chain, held, strict=True)
        )
    return found


def _by_action(calls: Calls, hook: str) -> ByAction:
    """The calls by the kind of action that they want, so that others wake no plugin."""
    found = {
        kind: tuple(
            asked(hook, kind.__name__, call) for call in calls[hook] if kind in call.actions
        )
        for kind in ACTIONS
    }
    return {kind: wanting for kind, wanting in found.items() if wanting}
