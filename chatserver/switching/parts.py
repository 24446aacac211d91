"""Where each kind of registration is put to use: one line for each, which also takes back what is gone."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from chatserver.cluster.consumers import Consumers
from chatserver.cluster.jobs import Jobs
from chatserver.cluster.timers import Timers
from chatserver.errors import StartupError
from chatserver.hooks.registering import Items
from chatserver.service.service import Service

# Hooks whose items are addresses, which `web/doors.py` builds together.
DOORS = ("register_routes", "register_health_checks", "register_page")
# Hooks whose items are looked up at the time of a call, in the set of active plugins.
LOOKED_UP = ("register_operations",)


class Part(NamedTuple):
    """One kind's place. `take` replaces all items at once; `settle` ends and starts tasks to match.

    `settle` gets the seconds for work under way, and returns the names of tasks that do not end.
    """

    hook: str
    take: Callable[[Any], None]
    settle: Callable[[float], Awaitable[Sequence[str]]] | None = None
    demand: Callable[[Items], None] = lambda items: None  # raises `StartupError`


def parts(
    service: Service, jobs: Jobs, timers: Timers, consumers: Consumers, public_url: str
) -> tuple[Part, ...]:
    """The places of all kinds but those of DOORS and LOOKED_UP, in the order in which they are taken."""

    def demand_public(methods: Items) -> None:
        for _, method in methods:
            if method.kind == "redirect" and not public_url:
                raise StartupError(
                    f"server.public_url: required, the sign-in method {method.name!r} leads back to it"
                )

    return (
        Part("register_message_data", service.messages.data.register),
        Part("register_event_kinds", service.plugin_events.register),
        Part("register_commands", service.commands.register),
        Part("register_login_methods", service.logins.methods.register, demand=demand_public),
        Part(
            "register_token_kinds", service.accounts.tokens.register, service.accounts.settle_bots
        ),
        Part("register_personal_data", service.privacy.parts.register),
        Part("register_timers", timers.register, timers.settle),
        Part("register_jobs", jobs.register, jobs.settle),
        Part("register_consumers", consumers.register, consumers.settle),
    )
