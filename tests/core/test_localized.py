"""Texts by language: what is one, and which one a reader gets."""

import msgspec
import pytest

from chatserver.localized import cut, in_language, is_localized
from chatserver.parts import Button, Menu, Option, TextPart

BOTH = {"en": "Vote", "ja": "投票", "pt-BR": "Votar"}


@pytest.mark.parametrize(
    ("text", "language", "shown"),
    [
        ("Vote", "ja", "Vote"),
        (BOTH, "ja", "投票"),
        (BOTH, "ja-JP", "投票"),
        (BOTH, "pt-BR", "Votar"),
        (BOTH, "fr", "Vote"),
        ({"ja": "投票"}, "fr", "投票"),
        ({}, "fr", ""),
    ],
)
def test_a_reader_gets_their_language_else_english_else_any(
    text: str | dict[str, str], language: str, shown: str
) -> None:
    assert in_language(text, language) == shown


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Vote", True),
        (BOTH, True),
        ("", False),
        ("  ", False),
        ("12345678", False),
        ({}, False),
        ({"en": ""}, False),
        ({"en": "12345678"}, False),
        ({"english!": "Vote"}, False),
        ({"en\n": "Vote"}, False),
        ({"en": {"en": "Vote"}}, False),
        ({"en": "\ud800"}, False),
        ({f"a{chr(97 + n // 26)}{chr(97 + n % 26)}": "x" for n in range(41)}, False),
        (5, False),
    ],
)
def test_what_is_a_text_by_language(text: object, fits: bool) -> None:
    assert is_localized(text, 7) is fits


def test_a_text_is_cut_in_each_language() -> None:
    assert cut("abc", 2) == "ab"
    assert cut({"en": "abc", "ja": "x"}, 2) == {"en": "ab", "ja": "x"}


def test_parts_of_messages_take_texts_by_language_and_keep_their_bounds() -> None:
    options = (Option(id="a", label=BOTH),)
    menu = Menu(id="m", label=BOTH, options=options)
    assert msgspec.json.decode(msgspec.json.encode(menu), type=Menu) == menu
    for label in ({}, {"en": ""}, {"en": "x" * 81}, {"no tag": "x"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"kind": "button", "id": "b", "label": label}, Button)
    long = {"en": "x" * 2000}
    assert msgspec.convert({"kind": "text", "text": long}, TextPart).text == long
