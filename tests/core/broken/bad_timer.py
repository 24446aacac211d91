"""A timer whose fields can be wrong."""

from typing import Annotated

import msgspec

import chatserver


class Plugin:
    class Config(chatserver.Settings, frozen=True, kw_only=True):
        name: Annotated[str, msgspec.Meta(description="Its name.")] = "bad_timer.bell"
        at_once: Annotated[int, msgspec.Meta(description="At once.")] = 1
        attempts: Annotated[int, msgspec.Meta(description="Attempts.")] = 1
        deadline: Annotated[float, msgspec.Meta(description="Deadline.")] = 1.0

    def __init__(self, config):
        self.config = config

    @chatserver.hookimpl
    def register_timers(self, context):
        async def ring(due):
            pass

        config = self.config
        return [
            chatserver.Timer(
                name=config.name,
                run=ring,
                at_once=config.at_once,
                attempts=config.attempts,
                deadline=config.deadline,
            )
        ]
