"""NATS as the bus between nodes."""

import chatserver
from chatserver_plugins.nats_bus import config as settings


class NatsBusPlugin:
    """Provides the bus."""

    Config = settings.Config
    powers = chatserver.Powers(network=("configured", "discovered"))

    def __init__(self, config: settings.Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def provide_bus(self) -> chatserver.Bus:
        with chatserver.from_extra("nats", "nats"):
            from chatserver_plugins.nats_bus.bus import NatsBus
        return NatsBus(self.config)


__all__ = ["NatsBusPlugin"]
