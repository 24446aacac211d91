"""Texts of messages have marks (docs/formatting.md). Bodies stay as they were typed; this is how they are shown."""

from collections.abc import Callable

from chatserver.formatting import mrkdwn
from chatserver.formatting.blocks import parse
from chatserver.formatting.html import to_html
from chatserver.formatting.links import links_in
from chatserver.formatting.pieces import BodyPieces as BodyPieces
from chatserver.formatting.plain import to_plain


def body_html(body: str) -> str:
    """A message's body as HTML that is safe to put into a page: a few elements, and all that was typed escaped."""
    return to_html(parse(body))


def body_plain(body: str) -> str:
    """A message's body without its marks, as a notice or a mail shows it; spoilers stay hidden."""
    return to_plain(parse(body))


def body_links(body: str) -> list[str]:
    """The http and https addresses that a message's body shows as links, in order, each once.

    Those in code and spoilers are left out, and those that the author has put between `<` and `>`.
    """
    return links_in(parse(body))


def from_mrkdwn(text: str, mention: Callable[[str], str]) -> str:
    """A text with Slack's marks (mrkdwn) as one with ours. `mention` gives the text for a user of Slack (id)."""
    return mrkdwn.to_markdown(text, mention)
