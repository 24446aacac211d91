"""Settings that the server adds to each plugin that judges messages or actions, and what they mean."""

import functools
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from chatserver.config.forms import translation
from chatserver.errors import StartupError
from chatserver.hooks.actions import ACTIONS
from chatserver.hooks.types import Settings

MESSAGE = "message"  # the name of sending and editing messages, which is no `Action`
ACTION_NAMES = (MESSAGE, *(kind.__name__ for kind in ACTIONS))

OnFailure = Literal["refuse", "pass"]
_FIELDS: list[tuple[str, Any, Any]] = [
    (
        "on_failure",
        Annotated[
            OnFailure,
            msgspec.Meta(
                title="On failure",
                description="Effect of a failure of the plugin on a message or action: it is refused, or "
                "passes as if the plugin were not there.",
            ),
            translation(
                "ja",
                "失敗したとき",
                "プラグインが失敗したときの、メッセージや操作の扱いです。refuse は拒否し、"
                "pass はプラグインがないものとして通します。",
            ),
        ],
        "refuse",
    ),
    (
        "on_failure_of",
        Annotated[
            dict[str, OnFailure],
            msgspec.Meta(
                title="On failure, by action",
                description='The same for some alone, by name: "message", or that of an action such as '
                '"RoomJoin".',
            ),
            translation(
                "ja",
                "操作ごとの失敗時の扱い",
                "一部だけを別にします。名前は message か、RoomJoin などの操作名です。",
            ),
        ],
        msgspec.field(default_factory=dict),
    ),
    (
        "deadline_seconds",
        Annotated[
            float,
            msgspec.Meta(
                ge=0,
                title="Time limit",
                description="Time limit for each call about a message or action; 0: that of the plugin, or "
                "plugins.deadline_seconds.",
            ),
            translation(
                "ja",
                "制限時間",
                "メッセージや操作についての呼び出し一回の制限時間です。0 のときはプラグイン自身の値か "
                "plugins.deadline_seconds に従います。",
            ),
        ],
        0.0,
    ),
]
FIELD_NAMES = tuple(name for name, _, _ in _FIELDS)


class Policy(NamedTuple):
    """The effect of a plugin's failures, by action's name, else in general; and its own deadline in seconds."""

    passes: bool = False
    passes_of: Mapping[str, bool] = {}
    deadline: float | None = None

    def lets_pass(self, action: str) -> bool:
        """Whether a message or action is handled as if the plugin were not there, if its call fails."""
        return self.passes_of.get(action, self.passes)


@functools.cache
def with_policy(kind: type[Settings]) -> type[Settings]:
    """A class with the same settings and those of a policy. Raises `TypeError` if it has one of these."""
    for name, _, _ in _FIELDS:
        if name in kind.__struct_fields__:
            raise TypeError(f"its Config may not have {name}, which the server adds")
    made: type[Settings] = msgspec.defstruct(  # type: ignore[assignment]
        kind.__name__,
        _FIELDS,
        bases=(kind,),
        module=kind.__module__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return made


def policy_of(name: str, settings: Any) -> Policy:
    """The policy in a plugin's settings; the default one if they have none. Raises `StartupError`."""
    by_name: Mapping[str, OnFailure] = getattr(settings, "on_failure_of", {})
    for action in by_name:
        if action not in ACTION_NAMES:
            raise StartupError(
                f"plugin.{name}.on_failure_of: there is no action {action!r}; there are "
                f"{', '.join(ACTION_NAMES)}"
            )
    return Policy(
        passes=getattr(settings, "on_failure", "refuse") == "pass",
        passes_of={action: word == "pass" for action, word in by_name.items()},
        deadline=getattr(settings, "deadline_seconds", 0.0)
        or getattr(settings, "default_deadline", None),
    )
