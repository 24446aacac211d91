"""Kinds of tokens that plugins bring: how a bot shows who it is, where a person has a session."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec

from chatserver.hooks.guard import Call, Guard
from chatserver.hooks.instance import Instance
from chatserver.model import Scope

HOOK = "register_token_kinds"
PREFIX_CHARS = range(4, 33)


class TokenHolder(msgspec.Struct, frozen=True, kw_only=True):
    """The account (id) that a token signs in, and what the token is for."""

    user: str
    scopes: tuple[Scope, ...]


class TokenKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of tokens, which are taken wherever a session's token is.

    `prefix` begins every token of this kind and no other; it ends with `_`, which no session's token has after so
    few letters. `find` returns who holds a token, None if it is not valid (any more). It is called for each request
    and each new connection, and again for those that last, after `accounts.recheck`. So it must be quick.
    """

    prefix: str
    find: Callable[[str], Awaitable[TokenHolder | None]]


def kind_problems(plugin: str, kind: TokenKind) -> Iterator[str]:
    """Mistakes in a kind of tokens, one text each."""
    letters = kind.prefix.removesuffix("_")
    is_word = letters.isascii() and letters.isalnum() and letters == letters.lower()
    if len(kind.prefix) not in PREFIX_CHARS or letters == kind.prefix or not is_word:
        yield f"token kind {kind.prefix!r}: a prefix has 3 to 31 of a-z 0-9 and ends with _"


def guarded_kind(
    guard: Guard, plugin: str, kind: TokenKind, holds: Sequence[Instance] = ()
) -> TokenKind:
    """The kind with a function that the guard contains."""
    call = Call(plugin, kind.find, ("token",), holds=holds)

    async def find(token: str) -> Any:
        return await guard.call(HOOK, call, (token,), is_answer=_is_holder)

    return msgspec.structs.replace(kind, find=find)


def _is_holder(answer: object) -> bool:
    return answer is None or isinstance(answer, TokenHolder)
