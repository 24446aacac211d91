"""Bots in the GraphQL schema, for people alone."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from chatserver import ChatError, GraphQLPart, Scope, read_input
from chatserver_plugins.bots.desk import Desk
from chatserver_plugins.bots.views import (
    PAGE,
    BotChanges,
    BotList,
    BotView,
    Description,
    Id,
    Name,
    NewBot,
    NewToken,
    TokenView,
)

SDL = """
extend type Query {
  "The user's own bots."
  myBots: [Bot!]
  "Bots of everybody, by ascending id. For staff of the server."
  bots(
    "Number of items, at most 50."
    first: Int = 50
    "The id of the bot after which the page begins."
    after: ID
  ): BotPage
}

extend type Mutation {
  "Make a bot. For those who may have some (plugin.bots.makers)."
  makeBot(input: MakeBotInput!): BotPayload
  "Change a bot. For its owner, and staff of the server."
  changeBot(input: ChangeBotInput!): BotPayload
  "Delete a bot with its account; its messages stay. For its owner, and staff of the server."
  removeBot(input: RemoveBotInput!): RemoveBotPayload
  "Give a bot one more token. For its owner, and staff of the server."
  makeBotToken(input: MakeBotTokenInput!): MakeBotTokenPayload
  "Revoke a token of a bot; its connections end. For its owner, and staff of the server."
  revokeBotToken(input: RevokeBotTokenInput!): RevokeBotTokenPayload
}

"A bot, as its owner and staff of the server see it."
type Bot {
  "The id, which is that of its account."
  id: ID!
  "The user name."
  username: String!
  "The display name."
  name: String!
  "What it is for."
  description: String!
  "The id of the person to whom it belongs."
  ownerId: ID!
  "The owner's display name; empty if the account is gone."
  ownerName: String!
  "When it was made."
  madeAt: DateTime!
  "Whether it is locked, by its owner or by staff."
  locked: Boolean!
  "Whether staff of the server has locked it; then only staff lets it in again."
  lockedByStaff: Boolean!
  "Its tokens, the oldest first."
  tokens: [BotToken!]!
}

"A token of a bot. Nobody sees its secret again."
type BotToken {
  "The id."
  id: ID!
  "Where it is used, in its owner's words."
  label: String!
  "What it is for."
  scopes: [Scope!]!
  "When it was made."
  madeAt: DateTime!
  "When it ends; null if it lasts until it is revoked."
  expiresAt: DateTime
  "The hour of its last use; null if it was never used."
  usedAt: DateTime
}

"What a token of a bot is for."
enum Scope {
  "Rooms, their members and messages, as far as the bot may read them."
  READ
  "Messages, reactions and files of the bot's own."
  WRITE
  "Make, change, join and leave rooms, and put others into them."
  ROOMS
  "Pins, messages of others, members and their roles."
  MODERATE
}

"Some bots."
type BotPage {
  "The bots."
  bots: [Bot!]!
  "The id of the last one if there are more."
  after: ID
}

"A bot to make."
input MakeBotInput {
  "The user name."
  username: String!
  "The display name; null for the user name."
  name: String
  "What it is for."
  description: String! = ""
}

"What of a bot is to be otherwise. What is not given stays."
input ChangeBotInput {
  "The bot."
  botId: ID!
  "The display name."
  name: String
  "What it is for."
  description: String
  "Whether it is locked."
  locked: Boolean
  "The id of the person who is to have it."
  ownerId: ID
}

"A bot to delete."
input RemoveBotInput {
  "The bot."
  botId: ID!
}

"A token to make."
input MakeBotTokenInput {
  "The bot."
  botId: ID!
  "Where it will be used."
  label: String!
  "What it is for."
  scopes: [Scope!]!
  "Days until it ends; null for one that lasts until it is revoked."
  days: Float
}

"A token to revoke."
input RevokeBotTokenInput {
  "The bot."
  botId: ID!
  "The id of the token."
  tokenId: ID!
}

"The bot as it is now."
type BotPayload {
  "The bot."
  bot: Bot!
}

"The result of deleting a bot."
type RemoveBotPayload {
  "The id of the bot."
  botId: ID!
}

"A new token."
type MakeBotTokenPayload {
  "The token."
  token: BotToken!
  "Its secret, which is shown this once."
  secret: String!
}

"The result of revoking a token."
type RevokeBotTokenPayload {
  "The id of the token."
  tokenId: ID!
}
"""


class Made(NamedTuple):
    """A `BotPayload`."""

    bot: BotView


class Removed(NamedTuple):
    """A `RemoveBotPayload`."""

    bot_id: str


class Revoked(NamedTuple):
    """A `RevokeBotTokenPayload`."""

    token_id: str


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    bot_id: Id
    name: Name | None = None
    description: Description | None = None
    locked: bool | None = None
    owner_id: Id | None = None


class Which(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    bot_id: Id


class ForBot(NewToken, frozen=True, kw_only=True, rename="camel"):
    bot_id: Id


class Token(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    bot_id: Id
    token_id: Id


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def own(parent: object, info: Any) -> Sequence[BotView]:
        return (await desk().own(info.context.user)).bots

    async def listed(
        parent: object, info: Any, first: int | None = None, after: str | None = None
    ) -> BotList:
        count = PAGE if first is None else first
        if not 1 <= count <= PAGE:
            raise ChatError("request.invalid", f"first: expected a number from 1 to {PAGE}.")
        return await desk().all(info.context.user, info.context.address, after or "", count)

    async def make(parent: object, info: Any, input: dict[str, Any]) -> Made:
        user, given = info.context.user, read_input(input, NewBot)
        return Made(await desk().make(user, info.context.address, given))

    async def change(parent: object, info: Any, input: dict[str, Any]) -> Made:
        user, given = info.context.user, read_input(input, Change)
        changes = BotChanges(
            name=UNSET if given.name is None else given.name,
            description=UNSET if given.description is None else given.description,
            locked=UNSET if given.locked is None else given.locked,
            owner=UNSET if given.owner_id is None else given.owner_id,
        )
        return Made(await desk().change(user, info.context.address, given.bot_id, changes))

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        user, given = info.context.user, read_input(input, Which)
        await desk().remove(user, info.context.address, given.bot_id)
        return Removed(given.bot_id)

    async def make_token(parent: object, info: Any, input: dict[str, Any]) -> object:
        user, given = info.context.user, read_input(input, ForBot)
        return await desk().make_token(user, info.context.address, given.bot_id, given)

    async def revoke(parent: object, info: Any, input: dict[str, Any]) -> Revoked:
        user, given = info.context.user, read_input(input, Token)
        await desk().revoke(user, info.context.address, given.bot_id, given.token_id)
        return Revoked(given.token_id)

    def owner_id(bot: BotView, info: Any) -> str:
        return bot.owner.id

    def owner_name(bot: BotView, info: Any) -> str:
        return bot.owner.name

    def made_at(item: BotView | TokenView, info: Any) -> str:
        return item.made

    def expires_at(token: TokenView, info: Any) -> str | None:
        return token.expires

    def used_at(token: TokenView, info: Any) -> str | None:
        return token.used

    return GraphQLPart(
        name="bots",
        sdl=SDL,
        resolvers={
            "Query.myBots": own,
            "Query.bots": listed,
            "Mutation.makeBot": make,
            "Mutation.changeBot": change,
            "Mutation.removeBot": remove,
            "Mutation.makeBotToken": make_token,
            "Mutation.revokeBotToken": revoke,
            "Bot.ownerId": owner_id,
            "Bot.ownerName": owner_name,
            "Bot.madeAt": made_at,
            "BotToken.madeAt": made_at,
            "BotToken.expiresAt": expires_at,
            "BotToken.usedAt": used_at,
        },
        kinds={"Scope": Scope},
        costs={
            "Query.myBots": 20,
            "Query.bots": 50,
            "Mutation.makeBot": 50,
            "Mutation.removeBot": 50,
        },
        lengths={
            "Query.myBots": 20,
            "BotPage.bots": PAGE,
            "Bot.tokens": 5,
            "BotToken.scopes": 4,
        },
    )
