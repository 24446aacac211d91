"""Gives messages the cards of their links, and removes one that its author or a moderator does not want."""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from chatserver import (
    ChatError,
    Context,
    LinkPreviewRemove,
    Message,
    MessageEdited,
    MessagePosted,
    Right,
    SingleFlight,
    User,
    UserRate,
    demand_right,
)
from chatserver_plugins.link_previews.address import Refused
from chatserver_plugins.link_previews.cache import Cache
from chatserver_plugins.link_previews.card import (
    Card,
    cards_of,
    links_of,
    previews_in,
)
from chatserver_plugins.link_previews.fetching import Fetcher
from chatserver_plugins.link_previews.markup import card_of
from chatserver_plugins.link_previews.turns import Turns

TRIES = 3  # while the author goes on changing the message
SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class MessagePreviews(msgspec.Struct, frozen=True, kw_only=True):
    """The cards of a message (id), in the order of its links."""

    message: str
    cards: tuple[Card, ...]


class Desk:
    """Looks at links in the background, in turns of the authors."""

    def __init__(self, context: Context, fetcher: Fetcher, cache: Cache, per_minute: float) -> None:
        self._context, self._service = context, context.service
        self._fetcher, self._cache = fetcher, cache
        self._rate = UserRate(per_minute / 60, per_minute)
        self._turns = Turns()
        self._looking = SingleFlight[Card | None]()
        self._links = context.measures.counter(
            "chatserver_link_previews_total",
            "Links of messages, by what became of them: fetched, known, refused by the rate or because too many "
            "messages wait, or why there is no preview",
            ("result",),
        )
        self._seconds = context.measures.histogram(
            "chatserver_link_preview_seconds", "Time to fetch a page for a preview", (), SECONDS
        )

    def written(self, event: MessagePosted | MessageEdited) -> None:
        """Have the links of a new text looked at."""
        message = event.id if isinstance(event, MessagePosted) else event.message
        if not links_of(event.body):
            return
        work = partial(self._show, event.room, message)
        if not self._turns.put(event.author.id, work):
            self._links.add(labels=("busy",))

    async def show(self, user: User, message: str) -> MessagePreviews:
        """The cards of a message. Raises `ChatError` message.not_found."""
        found = await self._service.messages.by_id(user, message)
        return MessagePreviews(message=message, cards=cards_of(found))

    async def remove(self, user: User, message: str, url: str) -> MessagePreviews:
        """Remove the card of a link for everybody, also for edits to come; no error if there is none.

        Authors remove those of their messages, moderators all. Raises `ChatError`: message.not_found,
        room.forbidden, room.archived, auth.scope, action.refused, limit.count.
        """
        found = await self._service.messages.by_id(user, message)
        room = await self._service.rooms.get(found.room, user)
        author = found.author.id
        demand_right(user, room, Right.EDIT if author == user.id else Right.MODERATE)
        action = LinkPreviewRemove(room=room.id, message=message, author=author, url=url)
        await self._context.allow(action, user)

        def change(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
            before = previews_in(data)
            if url not in [card.url for card in before.cards]:
                return None
            return before.without(url).as_data()

        await self._context.messages.change(room, message, change)
        return await self.show(user, message)

    async def close(self) -> None:
        """End what runs in the background."""
        await self._turns.close()
        self._fetcher.close()

    async def _show(self, room_id: str, id: str) -> None:
        """Bring the cards of a message in line with its text, whatever its author does to it meanwhile."""
        try:
            room = await self._service.rooms.get(room_id)
            message = await self._service.history.message(room, id)
            for _ in range(TRIES):
                links = links_of(message.body)
                found = await self._found(message, links)
                await self._context.messages.change(room, id, partial(_fitted, links, found))
                message = await self._service.history.message(room, id)
                if links_of(message.body) == links:
                    break
        except ChatError:
            return  # deleted meanwhile, or the store is away

    async def _found(self, message: Message, links: list[str]) -> Mapping[str, Card]:
        """The cards of the links that have none yet."""
        before = previews_in(message.data)
        known = {*before.removed, *(card.url for card in before.cards)}
        found = {}
        for link in links:
            if link not in known and (card := await self._card(link, message.author.id)):
                found[link] = card
        return found

    async def _card(self, url: str, user: str) -> Card | None:
        """The card of an address, at the cost of this user (id). Raises `ChatError`."""
        known = await self._cache.get(url)
        if known is not None:
            self._links.add(labels=("known",))
            return known.card
        if self._rate.bucket(user).take():
            self._links.add(labels=("rate",))
            return None
        return await self._looking.run(url, lambda: self._looked_up(url))

    async def _looked_up(self, url: str) -> Card | None:
        card = await self._fetched(url)
        await self._cache.put(url, card)
        return card

    async def _fetched(self, url: str) -> Card | None:
        begun = time.monotonic()
        try:
            page = await self._fetcher.page(url)
        except Refused as refused:
            self._links.add(labels=(refused.reason,))
            return None
        finally:
            self._seconds.add(time.monotonic() - begun)
        card = await asyncio.to_thread(card_of, url, page)
        self._links.add(labels=("fetched" if card else "page",))
        return card


def _fitted(
    links: list[str], found: Mapping[str, Card], data: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The new data of a message with these links, with the cards that were found."""
    return previews_in(data).fitting(links, found).as_data()
