"""What a preview is: the data `link_previews` of a message, a card for each link that has one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import Message, body_links

NAME = "link_previews"
LINKS = 3  # of a message that get a card
URL_BYTES = 2000  # a longer address gets none
TITLE_CHARS, DESCRIPTION_CHARS, SITE_CHARS, HOST_CHARS = 200, 300, 80, 253
DATA_BYTES = 16_384  # three of the longest cards take 14,000


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a page says about itself. `url` is the link as it was written, `host` where it led to in the end."""

    url: str
    host: Annotated[str, Meta(max_length=HOST_CHARS)]
    title: Annotated[str, Meta(min_length=1, max_length=TITLE_CHARS)]
    description: Annotated[str, Meta(max_length=DESCRIPTION_CHARS)] = ""
    site: Annotated[str, Meta(max_length=SITE_CHARS)] = ""


class Previews(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cards of a message in the order of its links, and links whose card somebody has removed."""

    cards: Annotated[tuple[Card, ...], Meta(max_length=LINKS)] = ()
    removed: Annotated[tuple[str, ...], Meta(max_length=LINKS)] = ()

    def fitting(self, links: Sequence[str], found: Mapping[str, Card] | None = None) -> "Previews":
        """What remains of them in a message with these links, with the cards that were `found` for some."""
        cards = {card.url: card for card in self.cards} | dict(found or {})
        removed = tuple(link for link in links if link in self.removed)
        kept = tuple(cards[link] for link in links if link in cards and link not in removed)
        return Previews(cards=kept, removed=removed)

    def without(self, url: str) -> "Previews":
        """The same without the card of a link, which gets none again."""
        cards = tuple(card for card in self.cards if card.url != url)
        return Previews(cards=cards, removed=tuple(dict.fromkeys((*self.removed, url))))

    def as_data(self) -> Mapping[str, Any]:
        """The new data of a message; none if there is nothing to keep."""
        return {NAME: self if self.cards or self.removed else None}


def links_of(body: str) -> list[str]:
    """The links of a message's text that get a card."""
    if "://" not in body:
        return []
    return [link for link in body_links(body)[:LINKS] if len(link.encode()) <= URL_BYTES]


def previews_in(data: Mapping[str, Any]) -> Previews:
    """The previews in the data of a message."""
    return msgspec.convert(data[NAME], Previews) if NAME in data else Previews()


def cards_of(message: Message) -> tuple[Card, ...]:
    """The cards of a message."""
    return previews_in(message.data).cards
