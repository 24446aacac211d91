"""The plugin whose code runs now: the innermost one on the stack, else the one that began this task or thread.

The code of a plugin is known by the name of its module. What a library does for a plugin later, in a task, a callback
or a thread, has no such module on its stack: there a context variable names the plugin that began it.
"""

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from chatserver.denial.counted import Counted
from chatserver.denial.refusal import Denial, Kind

# Methods of a loop that run a function later, with the context of now.
LATER = ("call_soon", "call_soon_threadsafe", "call_later", "call_at")

_began: ContextVar[str] = ContextVar("plugin", default="")
# In threads the work may run in a context that was copied before the plugin was noted there, as by `to_thread`.
_in_thread = threading.local()
_active: list[Denial] = []
_loops: dict[asyncio.AbstractEventLoop, Counted] = {}


def now() -> str:
    """The name of the plugin whose code runs, "" for none."""
    frame = inspect.currentframe()
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        for denial in _active:
            if plugin := denial.plugin_of(module):
                return plugin
        frame = frame.f_back
    return _began.get() or getattr(_in_thread, "plugin", "")


def demand(permits: Callable[[Denial, str], bool], kind: Kind, name: str, what: str) -> None:
    """Raise `UndeclaredPower` unless a denial that knows the plugin whose code runs permits it.

    `name` is what is to be declared, `what` says it for people.
    """
    plugin = now()
    held = holding(plugin)
    if held and not any(permits(denial, plugin) for denial in held):
        held[0].refuse(plugin, kind, name, what)


def holding(plugin: str) -> list[Denial]:
    """The denials that know this plugin."""
    return [denial for denial in _active if plugin in denial.sources]


@contextmanager
def attributed(denial: Denial) -> Iterator[None]:
    """While the block runs, plugins are known, also in tasks of the running loop and threads that they begin."""
    loop = asyncio.get_running_loop()
    on_loop = _loops.setdefault(loop, Counted(functools.partial(_inherit_on, loop)))
    _active.append(denial)
    try:
        with _threads.held(), on_loop.held():
            yield
    finally:
        _active.remove(denial)
        if not on_loop.count:
            _loops.pop(loop, None)


def _context() -> contextvars.Context | None:
    """The context for what begins now; None if that of now will do."""
    plugin = now()
    if plugin == _began.get():
        return None
    context = contextvars.copy_context()
    context.run(_began.set, plugin)
    return context


def _inherit_on(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    before = loop.get_task_factory()
    loop.set_task_factory(functools.partial(_task, before or _new_task))
    for name in LATER:
        setattr(loop, name, _with_context(getattr(loop, name)))

    def remove() -> None:
        for name in LATER:
            delattr(loop, name)
        loop.set_task_factory(before)

    return remove


def _new_task(loop: Any, coroutine: Any, **given: Any) -> Any:
    return asyncio.Task(coroutine, loop=loop, **given)


def _task(make: Any, loop: Any, coroutine: Any, **given: Any) -> Any:
    if given.get("context") is None and (context := _context()) is not None:
        given["context"] = context
    return make(loop, coroutine, **given)


def _with_context(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def later(*given: Any, context: contextvars.Context | None = None) -> Any:
        # A context without variables is false, and it is that of the task which asks: as in a script.
        return method(*given, context=_context() if context is None else context)

    return later


def _for(plugin: str, work: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
    """Run work that a plugin began, in another thread."""
    before = getattr(_in_thread, "plugin", "")
    _in_thread.plugin = plugin
    try:
        return work(*given, **named)
    finally:
        _in_thread.plugin = before


def _inherit_in_threads() -> Callable[[], None]:
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit

    def started(thread: threading.Thread) -> None:
        if plugin := now():
            run = functools.partial(_for, plugin, thread.run)
            thread.run = run  # type: ignore[method-assign]
        start(thread)

    def submitted(pool: Any, work: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        # Also for no plugin: the pool's thread may have been begun by one.
        return submit(pool, _for, now(), work, *given, **named)

    _replace(threading.Thread, "start", started)
    _replace(ThreadPoolExecutor, "submit", submitted)

    def remove() -> None:
        _replace(threading.Thread, "start", start)
        _replace(ThreadPoolExecutor, "submit", submit)

    return remove


def _replace(kind: type[Any], name: str, method: Callable[..., Any]) -> None:
    setattr(kind, name, method)


_threads = Counted(_inherit_in_threads)
