"""What a message has besides its words, for `has:file` and `has:link`: one token in the index for each."""

import re
from collections.abc import Iterator

from chatserver.model import Message, MessageEdited, MessagePosted

LINK = "://"  # the mark of a message with a link; no namespace of data is called so

_LINK = re.compile(r"\bhttps?://\S", re.IGNORECASE)


def marks(said: MessagePosted | MessageEdited | Message) -> Iterator[str]:
    """The namespaces of the message's data, and LINK if there is a link in its text."""
    yield from said.data
    if LINK in said.body and _LINK.search(said.body):
        yield LINK


def mark_token(mark: str) -> str:
    """The token of a mark; no text has such a token."""
    return f"\0has {mark}"
