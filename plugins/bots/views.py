"""What clients say of bots, and what they are shown."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chatserver import Scope, User, UserRef, time_text
from chatserver_plugins.bots.book import Bot, Token

PAGE = 50  # bots on one page

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)]
Description: TypeAlias = Annotated[str, Meta(max_length=500)]
Label: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Scopes: TypeAlias = Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]
Days: TypeAlias = Annotated[float, Meta(gt=0, le=3650)]
Whose: TypeAlias = Literal["own", "all"]


class NewBot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot to make. Without `name` it is shown by its user name."""

    username: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Name | None = None
    description: Description = ""


class BotChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What of a bot is to be otherwise; `owner` is the id of the person who is to have it."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    locked: bool | UnsetType = UNSET
    owner: Id | UnsetType = UNSET


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token to make, for some time or for good."""

    label: Label
    scopes: Scopes
    days: Days | None = None


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token as the bot's owner sees it. Times are RFC 3339; `used` is the hour of its last use."""

    id: str
    label: str
    scopes: tuple[Scope, ...]
    made: str
    expires: str | None
    used: str | None


class BotView(msgspec.Struct, frozen=True, kw_only=True):
    """A bot as its owner and staff see it. It is `locked` by its owner, or by staff as any account."""

    id: str
    username: str
    name: str
    description: str
    owner: UserRef
    made: str
    locked: bool
    locked_by_staff: bool
    tokens: Sequence[TokenView]


class BotList(msgspec.Struct, frozen=True, kw_only=True):
    """Bots by ascending id; the next page is `after` that of the answer. `may_make`: whether the reader may have some."""

    bots: Sequence[BotView]
    may_make: bool
    after: str | None = None


class MadeToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token: `secret` is shown this once, and kept nowhere."""

    token: TokenView
    secret: str


def token_view(token: Token, used: float | None) -> TokenView:
    return TokenView(
        id=token.id,
        label=token.label,
        scopes=token.scopes,
        made=time_text(token.made),
        expires=None if token.expires is None else time_text(token.expires),
        used=None if used is None else time_text(used),
    )


def bot_view(bot: Bot, account: User, owner: User | None, tokens: Sequence[TokenView]) -> BotView:
    """`owner` is None if there is no such account."""
    return BotView(
        id=bot.id,
        username=account.username,
        name=account.name,
        description=bot.description,
        owner=UserRef(bot.owner, "") if owner is None else UserRef.of(owner),
        made=account.at,
        locked=bot.locked or account.disabled,
        locked_by_staff=account.disabled,
        tokens=tokens,
    )
