"""Rules for the names of people, so that nobody can imitate another user's name.

After UTS 39 (Unicode Security Mechanisms): NFKC, the Highly Restrictive profile of scripts, no invisible
characters, and a skeleton by which names that look alike are found. The table of characters that look alike
is our own: those of Latin, Cyrillic, Greek, digits and Japanese that matter in names.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterator

from chatserver.errors import ChatError

USERNAME_CHARS, NAME_CHARS = 32, 200
MARKS = 4  # on one letter (UTS 39, 5.4)

_FOREIGN = re.compile(r"[^\w.-]+")  # that no user name has
_USERNAME = re.compile(r"[\w](?:[\w.-]{0,30}[\w])?")
# Each of these sets, together with Latin, counts as one script (UTS 39, 5.2).
_PROFILES = (
    {"LATIN", "HAN", "HIRAGANA", "KATAKANA"},
    {"LATIN", "HAN", "BOPOMOFO"},
    {"LATIN", "HAN", "HANGUL"},
)
_SCRIPTS = {"CJK": "HAN", "IDEOGRAPHIC": "HAN", "HALFWIDTH": "KATAKANA"}
_OF_ALL = ("MODIFIER", "KATAKANA-HIRAGANA", "FEMININE", "MASCULINE", "MICRO")  # begin their names
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
# Letters and symbols that show nothing: fillers, the Braille blank, and characters that only change others.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
_JOINERS = "\u200c\u200d"
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # variation selectors
_EASTERN = ("LATIN", "CYRILLIC", "GREEK", "HAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")

_ALIKE = str.maketrans(
    # Cyrillic capitals and small letters, Greek ones, Latin ones that only look like others.
    "АВЕЅІЈКМНОРСТХУ" + "аеѕіјкорсхуһԁԛԝ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "αβγικνορυχωη" + "ıɩƖɡɑǀ"
    # Digits and signs, dashes, quotes.
    "01|" + "‐‑‒–—−" + "‘’`´"
    # Katakana that look like Han or Hiragana.
    "ニカタエロハーヘリトオ",
    "ABESIJKMHOPCTXY" + "aesijkopcxyhdqw" + "ABEZHIKMNOPTYX" + "abyikvopuxwn" + "iiigal"
    "oll" + "------" + "''''"
    "二力夕工口八一へり卜才",
)
_UPRIGHT = re.compile("[I1|]")
_PAIRS = (("rn", "m"), ("vv", "w"))


def clean_username(text: str) -> str:
    """The name as it is stored: NFKC, case folded. Raises `ChatError` request.invalid."""
    name = _folded(text)
    if not _USERNAME.fullmatch(name):
        raise _refused(
            "username",
            "form",
            "A user name has 1 to 32 letters, digits, dots, dashes or underscores.",
        )
    _check_scripts("username", name)
    return name


def free_names(suggestion: str) -> Iterator[str]:
    """Valid user names like the suggested one, to try in this order."""
    base = _FOREIGN.sub("-", _folded(suggestion))[: USERNAME_CHARS - 8].strip("-.")
    try:
        base = clean_username(base)
    except ChatError:
        base = "user"
    yield base
    yield from (f"{base}-{number}" for number in range(2, 10))
    yield from (f"{base}-{secrets.token_hex(3)}" for _ in range(20))


def clean_person_name(text: str) -> str:
    """A shown name, normalised: NFKC, single blanks. Raises `ChatError` request.invalid."""
    name = " ".join(unicodedata.normalize("NFKC", _SELECTORS.sub("", text)).split())
    if not 1 <= len(name) <= NAME_CHARS or not any(map(_is_visible, name)):
        raise _refused("name", "length", "A name has 1 to 200 printable characters.")
    if any(_is_hidden(name, place) for place in range(len(name))) or _has_piled_marks(name):
        raise _refused("name", "invisible", "A name has no invisible characters.")
    for word in name.split():
        _check_scripts("name", word)
    return name


def skeletons(name: str) -> set[str]:
    """The name's skeletons; names that look alike share one. A capital I, 1 or | may stand for an i or l."""
    return {_skeleton(name), *(_skeleton(_UPRIGHT.sub(letter, name)) for letter in "il")}


def _skeleton(name: str) -> str:
    text = unicodedata.normalize("NFKC", name).translate(_ALIKE)
    text = unicodedata.normalize("NFD", text.casefold()).translate(_ALIKE)
    text = "".join(char for char in text if char not in _JOINERS)
    for pair, alike in _PAIRS:
        text = text.replace(pair, alike)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).strip().casefold()
    return unicodedata.normalize("NFKC", folded)


def _check_scripts(field: str, word: str) -> None:
    """Raise `ChatError` for a word that mixes scripts or systems of digits that are not written together."""
    scripts = {_script(char) for char in word} - {""}
    zeros = {ord(char) - unicodedata.decimal(char) for char in word if char.isdecimal()}
    if len(zeros) > 1 or not (
        len(scripts) <= 1 or any(scripts <= profile for profile in _PROFILES)
    ):
        raise _refused(
            field, "scripts", "A word of a name is written in one script, such as Latin or Greek."
        )


def _script(char: str) -> str:
    """The script of a letter; "" for characters common to all scripts."""
    if unicodedata.category(char)[0] != "L":
        return ""
    first = unicodedata.name(char, "UNKNOWN").split()[0]
    return "" if first in _OF_ALL else _SCRIPTS.get(first, first)


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNS" and char not in _BLANK


def _is_hidden(name: str, place: int) -> bool:
    char = name[place]
    if char in _JOINERS:  # allowed between letters of scripts that need them, and in emoji
        around = name[max(0, place - 1) : place] + name[place + 1 : place + 2]
        return len(around) < 2 or not all(_is_joined(each) for each in around)
    return unicodedata.category(char) in _HIDDEN or char in _BLANK


def _is_joined(char: str) -> bool:
    kind = unicodedata.category(char)[0]
    return kind in "MS" or (kind == "L" and _script(char) not in ("", *_EASTERN))


def _has_piled_marks(name: str) -> bool:
    return any(count > MARKS for count in _piles(name)) or unicodedata.category(name[0])[0] == "M"


def _piles(name: str) -> Iterator[int]:
    count = 0
    for char in name:
        count = count + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        yield count


def _refused(field: str, reason: str, text: str) -> ChatError:
    return ChatError("request.invalid", text, detail={"field": field, "reason": reason})
