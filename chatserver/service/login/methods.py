"""The sign-in methods of this server."""

from collections.abc import Iterable, Sequence

from chatserver.errors import ChatError
from chatserver.hooks.login import LoginMethod, Purpose

LAST_GROUP = "new password"  # asked for when all other challenges are passed


class Methods:
    """All methods by name, in the order in which they are shown."""

    def __init__(self) -> None:
        self._own: tuple[LoginMethod, ...] = ()
        self._methods: dict[str, LoginMethod] = {}
        self._plugins: dict[str, str] = {}  # by the method's name; not the server's own
        self.are_demanded = False  # whether any method asks for challenges

    def begin(self, own: Sequence[LoginMethod]) -> None:
        """Set the server's own methods, which are always there."""
        self._own = tuple(own)
        self.register([])

    def register(self, methods: Iterable[tuple[str, LoginMethod]]) -> None:
        """Take over the methods of plugins, in place of those before; their names are unique."""
        given = list(methods)
        found = (*self._own, *(method for _, method in given))
        self._methods = {method.name: method for method in found}
        self._plugins = {method.name: plugin for plugin, method in given}
        self.are_demanded = any(method.demand for method in self._methods.values())

    def all(self) -> list[LoginMethod]:
        return list(self._methods.values())

    def challenges(self) -> list[LoginMethod]:
        """The methods that may be demanded after another one, in the order in which they are asked for."""
        found = [method for method in self.all() if method.demand is not None]
        return sorted(found, key=lambda method: method.group == LAST_GROUP)

    def plugin_of(self, name: str) -> str:
        """The plugin that brings a method; "" for the server's own."""
        return self._plugins.get(name, "")

    def of(self, purpose: Purpose) -> list[LoginMethod]:
        """The methods with this purpose."""
        return [method for method in self.all() if purpose in method.purposes]

    def find(self, name: str) -> LoginMethod | None:
        """The method of this name, for whatever purpose; None if its plugin is off."""
        return self._methods.get(name)

    def get(self, name: str, purpose: Purpose) -> LoginMethod:
        """Raises `ChatError` request.invalid if there is no such method for this purpose."""
        method = self._methods.get(name)
        if method is None or purpose not in method.purposes:
            raise ChatError("request.invalid", "There is no such way to sign in.")
        return method
