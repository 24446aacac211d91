"""Contained calls of plugins: each has a deadline, and failures are logged, counted and bounded."""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence, Set
from types import CoroutineType
from typing import Any, NamedTuple, NoReturn

from loguru import logger

from chatserver.config import PluginsConfig
from chatserver.errors import ChatError
from chatserver.hooks import door
from chatserver.hooks.actions import Action
from chatserver.hooks.breaker import Breaker
from chatserver.hooks.deadline import Deadline, Late, finish, finish_rest
from chatserver.hooks.instance import Instance
from chatserver.hooks.policy import Policy
from chatserver.runtime.measure import Measures

# Hooks in which a `ChatError` is an answer for the caller; in others it is a failure.
ANSWERING = (
    *("change_message", "check_message", "change_action", "check_action"),
    *("filter_rooms", "filter_users", "filter_search"),
    *("register_routes", "register_operations", "register_message_data"),
    *("register_consumers", "register_timers", "register_commands", "complete_command"),
    *("register_login_methods", "register_token_kinds", "register_personal_data"),
)
# Hooks that are always called, however often they failed: one client's requests must not close a route, or
# a way to sign in, for all others, and jobs, consumers and timers pause by themselves. The guard also waits for
# their end, as a job or a delivery must not run twice at the same time.
WITHOUT_BREAKER = (
    *("register_routes", "register_operations", "register_login_methods"),
    *("register_jobs", "register_consumers", "register_timers", "register_personal_data"),
)


class Call(NamedTuple):
    """One plugin's implementation of one hook, and the arguments it takes."""

    plugin: str
    function: Callable[..., Any]
    arguments: Sequence[str]
    policy: Policy = Policy()
    kinds: Collection[str] | None = None  # of events, for `on_event`; None means all
    rooms: Set[str] | None = None  # ids of rooms, for `on_read`; None means all
    actions: Collection[type[Action]] = ()  # for `change_action` and `check_action`
    data: Set[str] | None = None  # namespaces of messages' data that it wants
    matching: re.Pattern[str] | None = (
        None  # of texts that it wants; without this and `data`, all messages
    )
    holds: Sequence[
        Instance
    ] = ()  # the instances of plugins that may not end while this call waits
    is_plain: bool = False  # the function answers at once: it is not to be awaited

    def __call__(self, **given: Any) -> Any:
        return self.function(*[given[name] for name in self.arguments])


class PluginFailed(ChatError):
    """A plugin raised, hung or returned an invalid answer. The user is told only that a plugin failed."""

    def __init__(self) -> None:
        super().__init__("plugin.failed", after_ms=1000)


def _anything(answer: object) -> bool:
    return True


class Guard:
    """Runs the registered hooks of plugins."""

    def __init__(self, settings: PluginsConfig, measures: Measures) -> None:
        self._settings = settings
        # One for each plugin and hook, as a working hook must not hide a failing one.
        self._breakers: dict[tuple[str, str], Breaker] = {}  # from the first failure on
        self.troubled: set[Breaker] = set()  # with failures since the last answer
        self.seconds = measures.histogram(
            "chatserver_hook_seconds", "Time in a plugin's hook", ("plugin", "hook")
        )
        self._errors = measures.counter(
            "chatserver_hook_errors_total", "Hook calls that failed", ("plugin", "hook", "reason")
        )
        self._passed = measures.counter(
            "chatserver_hook_passed_total",
            "Messages and actions that passed although a plugin failed, by its on_failure",
            ("plugin", "hook"),
        )

    def run(
        self,
        hook: str,
        call: Call,
        given: Mapping[str, Any],
        deadline: float | Deadline | None = None,
        *,
        user: str = "",
        is_answer: Callable[[Any], bool] = _anything,
    ) -> Coroutine[Any, Any, Any]:
        """`call`, with those of the arguments by name that the plugin takes."""
        arguments = [given[name] for name in call.arguments]
        return self.call(hook, call, arguments, deadline, user=user, is_answer=is_answer)

    async def call(
        self,
        hook: str,
        call: Call,
        arguments: Sequence[Any],
        deadline: float | Deadline | None = None,
        *,
        user: str = "",
        is_answer: Callable[[Any], bool] = _anything,
    ) -> Any:
        """Await one plugin under a deadline; its errors are logged and counted by its name.

        `user` is the id of the user for whom the plugin is called: failures for one user stop no other.
        Raises `PluginFailed`, also for an answer that `is_answer` rejects.
        """
        if self.troubled and not self.admits(hook, call.plugin, user):
            self.count(hook, call.plugin, "circuit_open")
            raise PluginFailed
        # Exceptions do not count for the breaker: each refuses one message and costs no time.
        failed: bool | None = False
        started = time.perf_counter()
        try:
            seconds = deadline or self._settings.deadline_seconds
            if hook in WITHOUT_BREAKER:
                with door.entered(call.plugin):
                    work = call.function(*arguments)
                    answer = await finish(work, seconds, leave=False, holds=call.holds)
            else:
                work = call.function(*arguments)
                if type(work) is not CoroutineType:
                    answer = await finish(work, seconds, leave=True, holds=call.holds)
                else:
                    try:
                        first = work.send(None)
                    except StopIteration as done:  # as most do, and `finish` would, but later
                        answer = done.value
                    else:
                        answer = await finish_rest(
                            work, first, seconds, leave=True, holds=call.holds
                        )
            failed = not is_answer(answer)
        except Late:
            failed = True
            self.fail(hook, call.plugin, "timeout", "did not answer in time")
        except (Exception, SystemExit) as error:
            if isinstance(error, ChatError) and hook in ANSWERING:
                raise
            self._crashed(hook, call.plugin, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                failed = None  # the caller was cancelled, which is not the plugin's fault
                raise
            self._crashed(hook, call.plugin, error)
        finally:
            if failed or (self.troubled and failed is not None):
                self.note(hook, call.plugin, user, failed=failed)
            self.seconds.add(time.perf_counter() - started, (call.plugin, hook))
        if failed:
            self.fail(hook, call.plugin, "garbage", f"returned {type(answer)}")
        return answer

    def note_crash(self, hook: str, plugin: str, error: BaseException) -> None:
        """Log and count a plugin's exception."""
        logger.opt(exception=error).error("plugin {}: {} failed", plugin, hook)
        self.count(hook, plugin, "error")

    def forget(self, plugin: str) -> None:
        """Forget the failures of a plugin's instance that has ended: another one begins anew."""
        for key in [key for key in self._breakers if key[0] == plugin]:
            self.troubled.discard(self._breakers.pop(key))

    def note_passed(self, hook: str, plugin: str) -> None:
        """Count a message or action that passes although the plugin failed."""
        self._passed.add(labels=(plugin, hook))

    def admits(self, hook: str, plugin: str, user: str) -> bool:
        """Whether the plugin may be called on behalf of this user now."""
        breaker = self._breakers.get((plugin, hook))
        return breaker is None or breaker.admits(user)

    def note(self, hook: str, plugin: str, user: str, *, failed: bool) -> None:
        """Note the outcome of a call on behalf of this user, which may open the breaker or close it."""
        breaker = self._breakers.get((plugin, hook))
        if breaker is None:
            if not failed or hook in WITHOUT_BREAKER:
                return
            breaker = Breaker(self._settings.breaker_failures, self._settings.breaker_seconds)
            self._breakers[plugin, hook] = breaker
        breaker.note(user, failed=failed)
        if breaker.is_clear:
            self.troubled.discard(breaker)
        else:
            self.troubled.add(breaker)

    def _crashed(self, hook: str, plugin: str, error: BaseException) -> NoReturn:
        self.note_crash(hook, plugin, error)
        raise PluginFailed from error

    def fail(self, hook: str, plugin: str, reason: str, text: str) -> NoReturn:
        """Log and count a broken contract of the hook. Always raises `PluginFailed`."""
        logger.error("plugin {}: {} {}", plugin, hook, text)
        self.count(hook, plugin, reason)
        raise PluginFailed

    def count(self, hook: str, plugin: str, reason: str) -> None:
        self._errors.add(labels=(plugin, hook, reason))
