"""All emoji: their names, and what one needs to choose from them.

Names and words are those of CLDR and GitHub, from the library `emoji`, which takes 20 ms to import: it is when somebody
asks for them.
"""

import functools
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chatserver.formatting.emoji_groups import GROUPS

NEWEST = 16.0  # of Unicode's emoji: devices have no pictures of later ones yet
_TONE = "\U0001f3fd"
_ANY_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")
_PLAIN = re.compile("[a-z0-9_+-]+")
_ODD = re.compile("[^a-z0-9_+-]+")
# Of Slack, Discord, Mattermost and Zulip; two are GitHub's, where the library has something else.
_OTHER_NAMES = {
    name: text
    for text, names in (
        ("🙂", "slight_smile"),
        ("🙃", "upside_down"),
        ("🥰", "smiling_face_with_3_hearts"),
        ("🤗", "hugging"),
        ("🙄", "rolling_eyes"),
        ("🤠", "cowboy face_with_cowboy_hat"),
        ("🥳", "tada_face"),
        ("🤓", "nerd"),
        ("🙁", "slight_frown"),
        ("🥺", "pleading"),
        ("🤡", "clown"),
        ("🖖", "spock-hand"),
        ("🤞", "fingers_crossed"),
        ("🤘", "the_horns"),
        ("👏", "clapping"),
        ("🤦", "face_palm"),
        ("🍙", "onigiri"),
        ("🥂", "champagne_glass"),
        ("✅", "check"),
        ("☑️", "check_box"),
        ("🟢", "large_green_circle"),
        ("🟡", "large_yellow_circle"),
        ("🏳️‍🌈", "rainbow-flag"),
        ("🎯", "direct_hit"),
        ("🥇", "first_place_medal"),
        ("🥈", "second_place_medal"),
        ("🥉", "third_place_medal"),
        ("🦃", "turkey"),
        ("🪲", "beetle"),
    )
    for name in names.split()
}


class Emoji(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji to choose.

    `names` stand for it between colons, the usual one first; `words` are what it is called by language (`ja`). If it
    `has_tones`, one of U+1F3FB to U+1F3FF behind its first character, in place of U+FE0F, gives it a skin tone.
    """

    text: str
    names: tuple[str, ...]
    words: Mapping[str, str]
    has_tones: bool = False


def emoji_names() -> Mapping[str, str]:
    """The emoji by their names, without colons: those that `emoji_groups` has, and others.

    A name that GitHub has for one and CLDR for another stands for the first, as in other chats. The first call takes
    some 30 ms.
    """
    return _all_names()


def emoji_groups() -> Mapping[str, Sequence[Emoji]]:
    """All that devices draw, by group: smileys, people, nature, food, travel, activities, objects, symbols, flags.

    The first call takes some 50 ms: `await asyncio.to_thread(emoji_groups)`.
    """
    return _all_groups()


def toned(text: str, tone: str) -> str:
    """The emoji with a skin tone, for one that has them."""
    return f"{text[0]}{tone}{text[1:].removeprefix(chr(0xFE0F))}"


@functools.cache
def _all_names() -> Mapping[str, str]:
    import emoji as library

    full = library.STATUS["fully_qualified"]
    all_names = {
        text: _names(known)
        for text, known in library.EMOJI_DATA.items()
        if known["status"] == full and not _ANY_TONE.search(text)
    }
    found = {names[-1]: text for text, names in all_names.items()}
    found |= {name: text for text, names in all_names.items() for name in names[:-1]}
    return found | _OTHER_NAMES


@functools.cache
def _all_groups() -> Mapping[str, Sequence[Emoji]]:
    import emoji as library

    library.config.load_language("ja")
    names, data = emoji_names(), library.EMOJI_DATA
    return {
        group: tuple(_emoji(text, names, data) for text in texts.split())
        for group, texts in GROUPS.items()
    }


def _emoji(text: str, names: Mapping[str, str], data: Mapping[str, Mapping[str, Any]]) -> Emoji:
    known = data[text]
    return Emoji(
        text=text,
        names=tuple(name for name in dict.fromkeys(_names(known)) if names[name] == text),
        words={"ja": known["ja"].strip(":").replace("_", " ")},
        has_tones=toned(text, _TONE) in data,
    )


def _names(known: Mapping[str, Any]) -> list[str]:
    """GitHub's names come first: other chats have the same."""
    return [_name(name) for name in (*reversed(known.get("alias", ())), known["en"])]


def _name(given: str) -> str:
    """In small letters of ASCII: `Côte_d’Ivoire` is `cote_divoire`."""
    name = given.strip(":").lower()
    if _PLAIN.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name)
    return re.sub("_{2,}", "_", _ODD.sub("", plain)).strip("_")
