"""Returns texts in place of health checks."""

import chatserver


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None: ...

    @chatserver.hookimpl
    def register_health_checks(self) -> list[str]:
        return ["disk"]
