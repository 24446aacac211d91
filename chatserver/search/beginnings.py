"""Names as people look for them: by the beginning of any of their words."""

import re
import unicodedata

from chatserver.search.analyser import UNIT, UNSPACED, fold
from chatserver.search.normalisation import nfkc

NAME_CHARS = 200  # of a name, beyond which nothing is compared

# A blank or a dot between two characters of a script without spaces: people write 佐藤 花子, and look for 佐藤花子.
ACCENTS = re.compile("[\u0300-\u036f]+")  # those of Latin, Greek and Cyrillic letters; not of kana
_BETWEEN = re.compile(f"(?<=[{UNSPACED}])[ ・]+(?=[{UNSPACED}])")


def comparable_name(name: str) -> str:
    """A name as names are compared: folded as search folds texts, without accents, with single blanks.

    At most 200 characters, without blanks between those of scripts without spaces, such as Japanese. Idempotent.
    """
    folded = fold(name[:NAME_CHARS])
    if not folded.isascii():
        folded = nfkc(ACCENTS.sub("", unicodedata.normalize("NFD", folded)))
    return _BETWEEN.sub("", " ".join(folded.split()))[:NAME_CHARS].rstrip()


def name_beginnings(name: str) -> list[str]:
    """The comparable name from each of its words on, the longest first: a name is found by what one of them begins with.

    In scripts without spaces each character may begin a word. A name without any letter or digit is its own beginning.
    """
    found: list[int] = []
    for unit in UNIT.finditer(name):
        found += range(unit.start(), unit.end()) if unit[1] else [unit.start()]
    return [name[start:] for start in found] or [name]
