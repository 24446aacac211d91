"""The parameters of a request (document, variables, operation name), for all transports."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError


class Params(NamedTuple):
    """A GraphQL request: the document or its id, variables and the operation's name."""

    text: str | None
    variables: Mapping[str, Any] | None
    name: str | None
    document: str | None = None  # id of an operator's document
    hash: str | None = None  # of the text, which may be kept from an earlier request


def read_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error


def params_of_query(query: Mapping[str, str]) -> Params:
    given: dict[str, Any] = dict(query)
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = read_json(given[name].encode())
    return params_of(given)


def params_of(given: Any) -> Params:
    """Raises `ChatError` request.invalid."""
    if not isinstance(given, dict):
        raise ChatError("request.invalid", "The request must be an object.")
    text, document = _text(given, "query"), _text(given, "documentId")
    variables, extensions = _object(given, "variables"), _object(given, "extensions")
    persisted = (extensions or {}).get("persistedQuery")
    hash = _text(persisted, "sha256Hash") if isinstance(persisted, dict) else None
    if text is None and document is None and hash is None:
        raise ChatError("request.invalid", "query: expected a document.")
    return Params(text, variables, _text(given, "operationName"), document, hash)


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise ChatError("request.invalid", f"{name}: expected a text.")
    return value


def _object(given: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise ChatError("request.invalid", f"{name}: expected an object.")
    return value
