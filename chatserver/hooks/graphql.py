"""Inputs of GraphQL's mutations, for plugins that add some."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from chatserver.errors import ChatError

InputT = TypeVar("InputT")


def read_input(given: Mapping[str, Any], kind: type[InputT]) -> InputT:
    """The argument `input` of a mutation as a struct, whose fields have `rename="camel"`.

    Raises `ChatError` request.invalid, which names the field.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise ChatError("request.invalid", str(error)) from error
