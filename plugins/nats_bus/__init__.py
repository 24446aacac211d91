"""NATS as the bus between nodes."""

import chatserver
from chatserver_plugins.nats_bus import config as settings

MISSING = "plugin nats_bus: nats-py is missing: pip install 'chatserver[nats]'"


class NatsBusPlugin:
    """Provides the bus."""

    Config = settings.Config

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        # Here, so that the plugin can be listed and described where the driver is not installed.
        try:
            from chatserver_plugins.nats_bus.bus import NatsBus
        except ModuleNotFoundError as error:
            if error.name != "nats":
                raise
            raise chatserver.StartupError(MISSING) from error
        return NatsBus(self.config)


__all__ = ["NatsBusPlugin"]
