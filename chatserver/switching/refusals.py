"""Plugins that cannot be switched while the server runs, each with its reason."""

from chatserver.config import Config
from chatserver.errors import ChatError
from chatserver.hooks.active import Active
from chatserver.hooks.registering import Items

# What a server has one of, for as long as it runs: all its data and connections go through it.
PROVIDED = (
    "provide_store",
    "wrap_store",
    "provide_authenticator",
    "provide_bus",
    "provide_blobs",
    "wrap_blobs",
    "provide_tracer",
)


def demand_switchable(plugin: str, active: Active, config: Config) -> None:
    """Raise `ChatError` plugin.fixed for a plugin of which the server cannot have another instance."""
    has = {hook for hook, calls in active.calls.items() if any(c.plugin == plugin for c in calls)}
    if has & set(PROVIDED):
        text = f"The server runs on what {plugin} provides: change it in the configuration and restart."
        raise ChatError(
            "plugin.fixed", text, detail={"field": "plugin", "reason": "provides", "plugin": plugin}
        )
    if "register_backup_schemes" in has and config.backup.targets:
        text = f"Copies of backups go to targets of {plugin}: change it in the configuration and restart."
        raise ChatError(
            "plugin.fixed", text, detail={"field": "plugin", "reason": "targets", "plugin": plugin}
        )


def demand_no_second_factor(plugin: str, methods: Items) -> None:
    """Raise `ChatError` plugin.fixed for a plugin without which accounts would be open by their password alone."""
    if _demands(plugin, methods):
        text = f"{plugin} demands second factors: turn it off in the configuration and restart."
        raise ChatError(
            "plugin.fixed", text, detail={"field": "plugin", "reason": "factor", "plugin": plugin}
        )


def demand_second_factor_kept(plugin: str, before: Items, after: Items) -> None:
    """Raise `ChatError` plugin.fixed for settings with which a plugin demands no second factors any more."""
    if _demands(plugin, before) and not _demands(plugin, after):
        text = (
            f"With these settings {plugin} would demand no second factors: "
            "change them in the configuration and restart."
        )
        raise ChatError(
            "plugin.fixed", text, detail={"field": "plugin", "reason": "factor", "plugin": plugin}
        )


def _demands(plugin: str, methods: Items) -> bool:
    return any(name == plugin and method.demand is not None for name, method in methods)
