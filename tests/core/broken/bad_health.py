"""Its health check answers garbage."""

from typing import Any

import chatserver


class Plugin:
    class Config(chatserver.Settings, frozen=True):
        name: str = "garbage"

    def __init__(self, config: Config) -> None:
        self.config = config

    @chatserver.hookimpl
    def register_health_checks(self) -> list[chatserver.HealthCheck]:
        check = chatserver.HealthCheck(self.config.name, self.check)
        return [check, check] if self.config.name == "twice" else [check]

    async def check(self) -> Any:
        return None
