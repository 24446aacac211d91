"""The parts of which a server has one, asked for at start: store, authenticator, bus, place for files, tracer."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from chatserver.blobs.fallback import TwoPlaces
from chatserver.errors import StartupError
from chatserver.hooks.active import Calls
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.guard import Call
from chatserver.hooks.mail import Mailer
from chatserver.interfaces import Authenticator, Bus, Records, Store, Tracer


class Provided:
    """What the plugins with `provide_` hooks provide. Every method may raise `StartupError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def store(self) -> Store:
        """A new store, unopened, within those that plugins put around it."""
        store: Store = _one(self._calls, "provide_store", "store", Store, lambda call: {})
        hook = "wrap_store"
        for call in self._calls[hook]:
            store = call_at_start(hook, call, {"store": store})
            _demand_methods(hook, call, store, Store)
        return store

    def authenticator(self, records: Callable[[str], Records]) -> Authenticator:
        found: Authenticator = _one(
            self._calls,
            "provide_authenticator",
            "check of passwords",
            Authenticator,
            lambda call: {"records": records(call.plugin)},
        )
        return found

    def bus(self) -> Bus | None:
        if not self._calls["provide_bus"]:
            return None
        bus: Bus = _one(self._calls, "provide_bus", "bus", Bus, lambda call: {})
        return bus

    def blobs(self, place: str = "", former: str = "") -> Blobs | None:
        """The place of files; with `former`, both places as one. Both are names of plugins, see [blobs]."""
        hook = "provide_blobs"
        found = [(call, call_at_start(hook, call, {})) for call in self._calls[hook]]
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
        present = self._wrapped(given[place])
        return TwoPlaces(present, self._wrapped(given[former])) if former else present

    def _wrapped(self, blobs: Blobs) -> Blobs:
        hook = "wrap_blobs"
        for call in self._calls[hook]:
            blobs = call_at_start(hook, call, {"blobs": blobs})
            _demand_methods(hook, call, blobs, Blobs)
        return blobs

    @property
    def blobs_need_store(self) -> bool:
        """Whether files are read and written by means of what is in the store."""
        return bool(self._calls["wrap_blobs"])

    def mailer(self) -> Mailer | None:
        hook = "provide_mail"
        found = [(call, call_at_start(hook, call, {})) for call in self._calls[hook]]
        found = [(call, answer) for call, answer in found if answer is not None]
        if not found:
            return None
        _demand_one("sender of mail", [call for call, _ in found])
        call, answer = found[0]
        _demand_methods(hook, call, answer, Mailer)
        mailer: Mailer = answer
        return mailer

    def tracer(self) -> Tracer | None:
        """Asked before there are any `HookCalls`, as these are traced."""
        if not self._calls["provide_tracer"]:
            return None
        tracer: Tracer = _one(self._calls, "provide_tracer", "tracer", Tracer, lambda call: {})
        return tracer

    def command(self, plugin: str, run: object) -> click.Command:
        """The plugin's own command."""
        for call in self._calls["register_cli"]:
            if call.plugin == plugin:
                made = call_at_start("register_cli", call, {"run": run})
                if not isinstance(made, click.Command):
                    raise StartupError(
                        f"plugin {plugin}: register_cli returned {type(made).__name__}, not a command"
                    )
                return made
        raise StartupError(f"plugin {plugin}: it has no command of its own")


def call_at_start(hook: str, call: Call, given: dict[str, Any]) -> Any:
    """Call a plain hook. Raises `StartupError` with the plugin's name for any error."""
    try:
        return call(**given)
    except StartupError as error:
        named = str(error).startswith("plugin")  # also for errors that begin with a setting's path
        raise StartupError(str(error) if named else f"plugin {call.plugin}: {error}") from error
    except (Exception, SystemExit) as error:
        raise StartupError(f"plugin {call.plugin}: {hook}: {error!r}") from error


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
    answer = call_at_start(hook, calls[0], given(calls[0]))
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
