"""All emoji by their names and groups."""

import re

import emoji as library
import pytest

from chatserver import emoji_groups, emoji_names
from chatserver.formatting.catalogue import NEWEST, toned

ALL = [emoji for group in emoji_groups().values() for emoji in group]


def test_every_emoji_that_devices_draw_is_in_one_group() -> None:
    texts = [emoji.text for emoji in ALL]
    assert len(texts) == len(set(texts))
    drawn = {
        text
        for text, known in library.EMOJI_DATA.items()
        if known["status"] == library.STATUS["fully_qualified"]
        and known["E"] <= NEWEST
        and not re.search("[\U0001f3fb-\U0001f3ff]", text)
    }
    assert set(texts) == drawn


def test_every_emoji_has_a_name_of_its_own_that_can_be_typed_and_words() -> None:
    names = emoji_names()
    for emoji in ALL:
        assert emoji.names and all(names[name] == emoji.text for name in emoji.names), emoji
        assert emoji.words["ja"]
    assert all(re.fullmatch("[a-z0-9_+-]+", name) for name in names)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("smile", "😄"),
        ("+1", "👍"),
        ("sunglasses", "😎"),
        ("dark_sunglasses", "🕶️"),
        ("turkey", "🦃"),
        ("tr", "🇹🇷"),
        ("beetle", "🪲"),
        ("cote_divoire", "🇨🇮"),
        ("partying_face", "🥳"),
        ("onigiri", "🍙"),
    ],
)
def test_names_stand_for_what_they_do_in_other_chats(name: str, text: str) -> None:
    assert emoji_names()[name] == text


def test_those_with_tones_have_them_behind_their_first_character() -> None:
    with_tones = [emoji for emoji in ALL if emoji.has_tones]
    assert len(with_tones) > 300
    for emoji in with_tones:
        for tone in range(0x1F3FB, 0x1F400):
            assert toned(emoji.text, chr(tone)) in library.EMOJI_DATA
    assert toned("✌️", "\U0001f3fb") == "✌🏻"
    assert not any(
        emoji.has_tones for emoji in ALL if emoji.text in ("❤️", "🐌", "👨\u200d👩\u200d👧")
    )
