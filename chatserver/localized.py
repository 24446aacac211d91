"""Texts by language: labels that plugins declare, which each client shows in its reader's language.

A plain text is the same for everybody. Texts by language are a map of language tags (RFC 5646) such as `en` or
`pt-BR`. It goes to clients as it is; they choose. Imports nothing of the project.
"""

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from msgspec import Meta

DEFAULT = "en"
LANGUAGES = 40  # at most, of one text
TAG = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"

Tag: TypeAlias = Annotated[str, Meta(pattern=TAG)]
Localized: TypeAlias = str | Mapping[Tag, str]


def in_language(text: Localized, language: str = DEFAULT) -> str:
    """The text in a language: exactly that one, or without its region; else English; else the first one."""
    if isinstance(text, str):
        return text
    for wanted in (language, language.partition("-")[0], DEFAULT):
        if wanted in text:
            return text[wanted]
    return next(iter(text.values()), "")


def is_localized(text: object, most: int) -> bool:
    """Whether it is a text, or texts by language, each of 1 to `most` characters, that can be sent."""
    if isinstance(text, str):
        return bool(text.strip()) and len(text) <= most and _can_be_sent(text)
    return (
        isinstance(text, Mapping)
        and 1 <= len(text) <= LANGUAGES
        and all(isinstance(tag, str) and re.fullmatch(TAG, tag) for tag in text)
        and all(isinstance(each, str) and is_localized(each, most) for each in text.values())
    )


def cut(text: Localized, most: int) -> Localized:
    """The text with at most so many characters in each language."""
    if isinstance(text, str):
        return text[:most]
    return {tag: each[:most] for tag, each in text.items()}


def _can_be_sent(text: str) -> bool:
    """Whether it has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
