"""What users find of each other: those that plugins do not leave out."""

from collections.abc import Sequence
from typing import TypeVar

from chatserver.hooks.calls import HookCalls
from chatserver.hooks.filters import FoundUser
from chatserver.model import User
from chatserver.service.views import MemberView

T = TypeVar("T", bound=User | MemberView)


async def found_by(hooks: HookCalls, user: User, users: Sequence[T]) -> Sequence[T]:
    """Those of `users` whom `user` finds; plugins are asked once. Raises `ChatError`: theirs, or plugin.failed."""
    if not hooks.active.users_are_filtered or not users:
        return users
    each = {one.id: FoundUser(id=one.id, name=one.name, bot=one.bot is True) for one in users}
    hidden = await hooks.filter_users(list(each.values()), user)
    return [one for one in users if one.id not in hidden]
