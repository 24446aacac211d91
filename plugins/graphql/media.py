"""Media types of requests and answers."""

from chatserver_plugins.graphql.errors import Refused

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
# What is served, by the patterns of an Accept header that it fits. Who does not ask for the newer
# type gets the one that every client knows.
OFFERS = {
    GRAPHQL: (GRAPHQL,),
    JSON: (JSON, "application/*", "*/*"),
}


def accepted(header: str | None) -> str:
    """The media type of the answer. Raises `Refused` graphql.not_acceptable.

    What is named counts before what a pattern fits, then the quality, then what comes first.
    """
    if header is None or not header.strip():
        return JSON
    weighted: list[tuple[float, str]] = []
    for part in header.split(","):
        pattern, *parameters = (text.strip().lower() for text in part.split(";"))
        weighted.append((_quality(parameters), pattern))
    for quality, pattern in sorted(weighted, key=lambda each: (-each[0], "*" in each[1])):
        if quality <= 0:
            continue
        for media, patterns in OFFERS.items():
            if pattern in patterns:
                return media
    raise Refused("graphql.not_acceptable")


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
