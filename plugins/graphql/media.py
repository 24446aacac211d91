"""Media types of requests and answers."""

from typing import NamedTuple

from chatserver_plugins.graphql.errors import Refused

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"
# Each media type served, with the matching patterns of an Accept header, the most specific first. A client
# that does not name the newer type gets the one that every client knows; streams are never a default.
OFFERS = {
    GRAPHQL: (GRAPHQL,),
    JSON: (JSON, "application/*", "*/*"),
    EVENT_STREAM: (EVENT_STREAM,),
}


class Accepted(NamedTuple):
    """`media` is preferred. `takes_events`: the client also accepts a stream of events."""

    media: str
    takes_events: bool

    @property
    def prefers_events(self) -> bool:
        return self.media == EVENT_STREAM


def accepted(header: str | None) -> Accepted:
    """The media types that a client accepts, by quality and then by order. Raises `Refused` graphql.not_acceptable.

    The most specific pattern gives a media type's quality. At equal quality a type that is named comes before
    one that a pattern matches (RFC 9110, section 12.5.1, leaves that open).
    """
    if header is None or not header.strip():
        return Accepted(JSON, takes_events=False)
    said: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(header.split(",")):
        pattern, *parameters = (text.strip().lower() for text in part.split(";"))
        said.setdefault(pattern, (_quality(parameters), place))
    found: list[tuple[float, bool, int, str]] = []
    for media, patterns in OFFERS.items():
        closest = next((pattern for pattern in patterns if pattern in said), None)
        if closest is not None and said[closest][0] > 0:
            quality, place = said[closest]
            found.append((-quality, closest != media, place, media))
    if not found:
        raise Refused("graphql.not_acceptable")
    return Accepted(min(found)[-1], any(media == EVENT_STREAM for *_, media in found))


def content_type(header: str | None) -> str:
    """The media type of a body, without parameters; empty unless its charset is UTF-8."""
    if header is None:
        return ""
    media, *parameters = (text.strip().lower() for text in header.split(";"))
    charsets = [text.partition("=")[2].strip('"') for text in parameters if "charset=" in text]
    return media if all(charset in ("utf-8", "utf8") for charset in charsets) else ""


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
