"""Typed dispatch of hooks, compiled once from pluggy's registrations: one method for each hook.

pluggy checks and orders the hooks. `guard.py` contains the calls, `observers.py` queues those of observers.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec

from chatserver.config import PluginsConfig
from chatserver.errors import ChatError
from chatserver.hooks import door, lifecycle
from chatserver.hooks.absent import Absent, demand_present
from chatserver.hooks.actions import Action, MessageEdit, MessageSend
from chatserver.hooks.active import Active, Calls, compiled, holds
from chatserver.hooks.arguments import ABOUT_CHARS
from chatserver.hooks.chains import Asked, Chain, Given
from chatserver.hooks.commands import Command, CommandAnswer, Completion, Invocation, Suggestion
from chatserver.hooks.drafts import action_of, kind_of
from chatserver.hooks.filters import FoundRoom, FoundUser, SearchQuery, are_ids, is_search
from chatserver.hooks.guard import Call, Guard, PluginFailed
from chatserver.hooks.observers import Observers, note_actor
from chatserver.hooks.plain import IsAnswer, PlainCalls, TracedPlainCalls
from chatserver.hooks.policy import MESSAGE
from chatserver.hooks.reasons import is_reason, refused
from chatserver.hooks.registering import ContextOf
from chatserver.hooks.telling import Concerned, ExpiredMessages, Reminder
from chatserver.hooks.traced_guard import TracedGuard
from chatserver.hooks.types import (
    AccountChange,
    DataChange,
    Decision,
    Draft,
    Interaction,
    InteractionHandler,
    InteractionReply,
    LoginAttempt,
    Look,
    Operation,
    PluginSwitch,
    ReadMark,
    Refusal,
)
from chatserver.interfaces import Tracer
from chatserver.localized import is_localized
from chatserver.model import AnyEvent, User
from chatserver.runtime.measure import Measures

A = TypeVar("A", bound=Action)

COMPLETION_SECONDS = 1.0  # for suggestions: somebody is typing, and later ones would be stale
# Makes what a plugin (its name) gives as data of a message canonical, beside the present data; raises `ChatError`
# if it is not valid.
CleanData = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]]


DraftLike = Draft | MessageSend | MessageEdit  # what plugins answer that change a message


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
        self._settings = settings
        if tracer is None:
            self.guard = Guard(settings, measures)
            self._plain = PlainCalls(self.guard, settings)
        else:
            self.guard = TracedGuard(settings, measures, tracer)
            self._plain = TracedPlainCalls(self.guard, settings, tracer)
        self.observers = Observers(self.guard, settings.observer_queue, measures)
        self.active = compiled(calls, settings.enabled)

    def swap(self, active: Active) -> None:
        """Call the plugins of this set from now on. Calls under way keep the set with which they began."""
        self.active = active

    def refuse_for(self, absent: Absent) -> None:
        """Refuse from now on what absent plugins claim."""
        self.swap(self.active.with_absent(absent))

    @property
    def plugins(self) -> frozenset[str]:
        """The names of the plugins that are on."""
        return self.active.plugins

    def operation(self, name: str) -> Operation | None:
        """The operation that a plugin adds under this name."""
        found = self.active.operations.get(name)
        return None if found is None else found[1]

    async def run_operation(self, name: str, user: User, arguments: object) -> object:
        """Run a plugin's operation; returns its answer to the client.

        Raises `ChatError`: the plugin's, `PluginFailed`, or request.invalid if the operation is gone meanwhile.
        """
        found = self.active.operations.get(name)
        if found is None:
            raise ChatError("request.invalid", f"There is no operation {name}.")
        plugin, operation = found
        call = self._call(plugin, operation.run, "user", "arguments")
        given = {"user": user, "arguments": arguments}
        return await self.guard.run(
            "register_operations", call, given, operation.deadline, user=user.id
        )

    async def startup(self, context: ContextOf) -> None:
        """Start all plugins. Raises `StartupError`."""
        await lifecycle.start(self.active.calls, context)

    async def shutdown(self) -> None:
        await self.observers.close(self._settings.deadline_seconds)
        await lifecycle.end(self.guard, self.active.calls)

    def _call(self, plugin: str, function: Callable[..., Any], *arguments: str) -> Call:
        """A call of what a plugin registered."""
        return Call(plugin, function, arguments, holds=holds(self.active.instances, plugin))

    async def change_message(self, draft: Draft, user: User, clean: CleanData = _as_given) -> Draft:
        """The draft as plugins want it. What `clean` refuses of a plugin's data is that plugin's failure.

        Raises `ChatError` plugin.absent, `PluginFailed`.
        """
        active, kind, via = self.active, kind_of(draft), door.current()
        if active.absent:
            await demand_present(active.absent, MESSAGE, draft.room, user)
            await demand_present(active.absent, kind.__name__, draft.room, user)
        chain, place = active.changing_drafts[kind], 0

        def is_answer(asked: Asked, answer: Any) -> bool:
            expected = kind if asked.hook == "change_action" else Draft
            if not isinstance(answer, expected | None):
                return False
            return _is_change(draft, asked.call.plugin, clean, answer)

        while place < len(chain):
            given = (
                draft,
                user,
                via,
                action_of(draft) if kind in active.changing_actions else None,
            )
            place, changed = await self._ask(chain, place, given, user.id, is_answer)
            if changed is not None:
                # A plugin may change the text and its own data, but not the room or the edited message.
                data = _with_data(draft, changed, chain[place].call.plugin, clean)
                draft = msgspec.structs.replace(draft, body=changed.body, data=data)
            place += 1
        return draft

    async def interact(
        self, plugin: str, handle: InteractionHandler, interaction: Interaction
    ) -> InteractionReply:
        """The plugin's answer to a use of its buttons, menus and forms. Raises `ChatError`."""
        call = self._call(plugin, handle, "interaction")
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
        active, kind = self.active, kind_of(draft)
        chain = active.checking_drafts[kind]
        action = action_of(draft) if kind in active.checking_actions else None
        given = (draft, user, door.current(), action)
        place, refusal = self._plain.ask(chain, 0, given, user.id, _is_verdict)
        if refusal is None and place < len(chain):
            place, refusal = await self._ask(chain, place, given, user.id, _is_verdict)
        if refusal is not None:
            raise refused("message.refused", refusal, plugin=chain[place].call.plugin)

    def wants(self, kind: type[Action]) -> bool:
        """Whether anybody is asked about this kind of action: plugins, or those that are absent and claim it."""
        active = self.active
        found = kind in active.changing_actions or kind in active.checking_actions
        return found or kind.__name__ in active.absent

    async def allow(
        self, action: A, user: User | None, address: str = "", clean: Callable[[A], A] = _as_it_is
    ) -> A:
        """The action as plugins want it. `address` is that of somebody who is no user yet.

        `clean` makes an action's texts canonical, and raises `ChatError` for one that is not valid: what it
        refuses of the user's own is raised here, what it refuses of a plugin's is that plugin's failure. Raises
        `ChatError` action.refused with the reason of the first plugin that refuses, and plugin.absent.
        """
        active, kind, by = self.active, type(action), user.id if user else address
        if active.absent:
            room = getattr(action, "room", None)
            await demand_present(active.absent, kind.__name__, room, user)
        action = clean(action)
        note_actor(by)
        if kind in active.changing_actions:
            action = await self._changed(active.changing_actions[kind], action, user, by, clean)
        if kind in active.checking_actions:
            chain, given = active.checking_actions[kind], (action, user, door.current(), None)
            place, refusal = self._plain.ask(chain, 0, given, by, _is_verdict)
            if refusal is None and place < len(chain):
                place, refusal = await self._ask(chain, place, given, by, _is_verdict)
            if refusal is not None:
                raise refused("action.refused", refusal, plugin=chain[place].call.plugin)
        return action

    async def _changed(
        self, chain: Chain, action: A, user: User | None, by: str, clean: Callable[[A], A]
    ) -> A:
        via, place = door.current(), 0

        def is_answer(asked: Asked, answer: object) -> bool:
            return _is_changed(action, clean, answer)

        while place < len(chain):
            place, changed = await self._ask(chain, place, (action, user, via, None), by, is_answer)
            if changed is not None:
                action = clean(_taken_over(action, changed))
            place += 1
        return action

    async def filter_rooms(self, rooms: Sequence[FoundRoom], user: User) -> Collection[str]:
        """The ids of the rooms that plugins leave out. Raises `ChatError`: a plugin's, or `PluginFailed`."""
        return await self._left_out("filter_rooms", rooms, user)

    async def filter_users(self, users: Sequence[FoundUser], user: User) -> Collection[str]:
        """The ids of the users that plugins leave out, never the user's own. Raises as `filter_rooms`."""
        hidden = await self._left_out("filter_users", users, user)
        return [each for each in hidden if each != user.id]

    async def _left_out(self, hook: str, items: Sequence[Any], user: User) -> Collection[str]:
        hidden: set[str] = set()
        chain, place, given = self.active.filters[hook], 0, (items, user, door.current(), None)
        while place < len(chain):
            place, ids = await self._ask(chain, place, given, user.id, _are_ids)
            hidden.update(ids or ())
            place += 1
        return hidden

    async def filter_search(self, query: SearchQuery, user: User) -> SearchQuery:
        """The query as plugins want it. Raises `ChatError` action.refused, `PluginFailed`."""
        chain, place, via = self.active.filters["filter_search"], 0, door.current()
        while place < len(chain):
            given = (query, user, via, None)
            place, answer = await self._ask(chain, place, given, user.id, _is_search)
            if isinstance(answer, Refusal):
                raise refused("action.refused", answer, plugin=chain[place].call.plugin)
            if answer is not None:
                query = msgspec.structs.replace(query, text=answer.text)
            place += 1
        return query

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

    async def run_command(
        self, plugin: str, command: Command, invocation: Invocation[Any]
    ) -> CommandAnswer | None:
        """The plugin's answer. A `ChatError` that it raises is one, too."""
        call = self._call(plugin, command.run, "invocation")
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
        call = self._call(plugin, command.complete, "completion")
        given = {"completion": completion}
        by, seconds = completion.user.id, COMPLETION_SECONDS
        found: Sequence[Suggestion] | None = await self.guard.run(
            "complete_command", call, given, seconds, user=by, is_answer=_are_suggestions
        )
        return found

    async def _ask(
        self, chain: Chain, place: int, given: Given, by: str, is_answer: IsAnswer
    ) -> tuple[int, Any]:
        """Ask one plugin after the other, from `place` on, until one answers.

        Returns its place and answer; the chain's length and None if none answers, or those fail whose policy lets
        the subject pass. `by` is the user, or the address, whose failures count together.
        """
        while place < len(chain):
            asked = chain[place]
            if asked.is_plain:
                place, answer = self._plain.ask(chain, place, given, by, is_answer)
                if answer is not None:
                    return place, answer
                continue
            if not asked.skips(given):
                answer = await self._await(asked, given, by, is_answer)
                if answer is not None:
                    return place, answer
            place += 1
        return place, None

    async def _await(self, asked: Asked, given: Given, by: str, is_answer: IsAnswer) -> Any:
        """The answer of a coroutine; None if it has none, or if it fails and its policy lets the subject pass."""
        call = asked.call
        try:
            return await self.guard.call(
                asked.hook,
                call,
                asked.arguments(given),
                call.policy.deadline,
                user=by,
                is_answer=partial(is_answer, asked),
            )
        except PluginFailed:
            if not call.policy.lets_pass(asked.name):
                raise
            self.guard.note_passed(asked.hook, call.plugin)
            return None

    def on_event(self, event: AnyEvent) -> None:
        kind = event.__struct_config__.tag
        for call in self.active.calls["on_event"]:
            if call.kinds is not None and kind not in call.kinds:
                continue
            self.observers.tell("on_event", call, {"event": event}, event.author.id)

    def on_read(self, mark: ReadMark) -> None:
        for call in self.active.calls["on_read"]:
            if call.rooms is None or mark.room in call.rooms:
                self.observers.tell("on_read", call, {"mark": mark}, mark.user)

    def on_login(self, attempt: LoginAttempt) -> None:
        # The breaker counts by address: an attacker's failures must not hide the account's own attempts.
        for call in self.active.calls["on_login"]:
            self.observers.tell("on_login", call, {"attempt": attempt}, attempt.address)

    def on_account(self, change: AccountChange) -> None:
        for call in self.active.calls["on_account"]:
            self.observers.tell(
                "on_account", call, {"change": change}, change.by.user or change.user
            )

    def on_look(self, look: Look) -> None:
        for call in self.active.calls["on_look"]:
            self.observers.tell("on_look", call, {"look": look}, look.user)

    def on_switch(self, change: PluginSwitch, *, only: str | None = None) -> None:
        """Tell all observers, or that of one plugin."""
        for call in self.active.calls["on_switch"]:
            if only in (None, call.plugin):
                by = change.by.user or change.plugin
                self.observers.tell("on_switch", call, {"change": change}, by)

    def on_decision(self, decision: Decision) -> None:
        for call in self.active.calls["on_decision"]:
            by = decision.by.user or decision.plugin
            self.observers.tell("on_decision", call, {"decision": decision}, by)

    async def threads_read(self, user: User, threads: Sequence[str]) -> dict[str, int]:
        """By thread, the seq up to which the user has read it, of those that plugins know. Raises `PluginFailed`."""
        found: dict[str, int] = {}
        given = {"user": user, "threads": threads}
        for call in self.active.calls["threads_read"]:
            run = self.guard.run(
                "threads_read", call, given, user=user.id, is_answer=_are_positions
            )
            found |= await run or {}
        return found

    async def find_groups(
        self, user: User, room: str, names: Sequence[str]
    ) -> dict[str, Collection[str]]:
        """The members (ids) of groups by those of the names that plugins know. One that fails knows none."""
        found: dict[str, Collection[str]] = {}
        given = {"user": user, "room": room, "names": names}
        for call in self.active.calls["find_groups"]:
            run = self.guard.run("find_groups", call, given, user=user.id, is_answer=_are_groups)
            with suppress(PluginFailed):
                found = {**(await run or {}), **found}
        return found

    async def on_concerned(self, concerned: Concerned) -> None:
        """Tell those who lead to users elsewhere, and wait for them. One that fails keeps nobody from telling."""
        await self._tell_all("on_concerned", {"concerned": concerned}, concerned.event.author.id)

    async def on_reminder(self, reminder: Reminder) -> None:
        """As `on_concerned`."""
        await self._tell_all("on_reminder", {"reminder": reminder}, reminder.user)

    async def on_expired(self, expired: ExpiredMessages) -> bool:
        """Have plugins remove what they keep of these messages; False if one has failed to."""
        is_done = True
        for call in self.active.calls["on_expired"]:
            try:
                await self.guard.run("on_expired", call, {"expired": expired})
            except PluginFailed:
                is_done = False
        return is_done

    async def _tell_all(self, hook: str, given: dict[str, Any], user: str) -> None:
        for call in self.active.calls[hook]:
            with suppress(PluginFailed):
                await self.guard.run(hook, call, given, user=user)


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
        for name in action.changeable
        for text in _texts(getattr(wanted, name))
    )


def _texts(value: object) -> tuple[object, ...]:
    """A text alone, or those that a struct, such as a status, is made of."""
    return msgspec.structs.astuple(value) if isinstance(value, msgspec.Struct) else (value,)


def _is_change(draft: Draft, plugin: str, clean: CleanData, answer: DraftLike | None) -> bool:
    if answer is None:
        return True
    if not _is_text(answer.body):
        return False
    try:
        _with_data(draft, answer, plugin, clean)
    except (ChatError, TypeError, AttributeError):
        return False
    return True


def _with_data(
    draft: Draft, changed: DraftLike, plugin: str, clean: CleanData
) -> Mapping[str, Any]:
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


def _is_verdict(asked: Asked, answer: object) -> bool:
    return answer is None or (isinstance(answer, Refusal) and is_reason(answer.reason))


def _are_ids(asked: Asked, answer: object) -> bool:
    return are_ids(answer)


def _is_search(asked: Asked, answer: object) -> bool:
    return is_search(answer)


def _is_command_answer(answer: object) -> bool:
    if answer is None:
        return True
    if not isinstance(answer, CommandAnswer) or answer.to not in ("user", "room"):
        return False
    return _is_text(answer.text) and bool(answer.text.strip())


def _are_positions(answer: object) -> bool:
    if answer is None:
        return True
    return isinstance(answer, Mapping) and all(type(seq) is int for seq in answer.values())


def _are_groups(answer: object) -> bool:
    if answer is None:
        return True
    return isinstance(answer, Mapping) and all(map(are_ids, answer.values()))


def _are_suggestions(answer: object) -> bool:
    if answer is None:
        return True
    return isinstance(answer, list | tuple) and all(
        isinstance(each, Suggestion) and _is_text(each.value) and _is_about(each.about)
        for each in answer
    )


def _is_about(value: object) -> bool:
    return _is_text(value) or is_localized(value, ABOUT_CHARS)


def _is_text(value: object) -> bool:
    """A text that can be stored and sent: no lone surrogates."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False
