"""Matching is linear whatever people write, and says the same as regular expressions would."""

import re
import sys
import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatserver.errors import ChatError
from chatserver.search.analyser import EMOJI, MARKS, UNIT, UNSPACED, analysed, fold, tokens
from chatserver.search.matching import SIGNS, FoldedText, phrase, piece, words
from chatserver.search.normalisation import nfkc
from chatserver.search.query import parse
from chatserver.service.texts import mentioned_names
from chatserver_plugins.shortcodes.replace import replace_outside_code
from chatserver_plugins.wordfilter.matcher import Matcher
from tests.effort import bound, took

# -- the same by regular expressions: short to say, and slow on texts that are made for it --------

IN_WORD = rf"(?:[^\W_{UNSPACED}{EMOJI}]|[{MARKS}])"
JOINT = rf"(?:(?!{IN_WORD}|[{UNSPACED}])[^\w\s]|_)+"


def whole(body: str, starts: bool, ends: bool) -> re.Pattern[str]:
    before, behind = f"(?<!{IN_WORD})" if starts else "", f"(?!{IN_WORD})" if ends else ""
    return re.compile(before + body + behind)


def words_by_pattern(units: Sequence[str]) -> re.Pattern[str]:
    return whole(JOINT.join(map(re.escape, units)), True, True)


def phrase_by_pattern(folded: str) -> re.Pattern[str]:
    parts = re.split(rf"(?<=[{UNSPACED}])\s+(?=[{UNSPACED}])", folded)
    body = r"\s*".join(r"\s+".join(map(re.escape, part.split())) for part in parts)
    return whole(body, bool(re.match(IN_WORD, folded)), bool(re.match(IN_WORD, folded[-1])))


# Letters, a mark, digits, signs, an underline, an emoji, runs without spaces, spaces of several kinds.
texts = st.text(st.sampled_from("aab\u03011'-_+👍東京ก\u3099 \n\u3000\x1f\0"), max_size=12)


@settings(max_examples=1500)
@given(texts, texts)
def test_words_are_found_as_by_a_pattern(query: str, text: str) -> None:
    folded = analysed(text)
    units = [word for _, _, word in UNIT.findall(fold(query)) if word]
    if units:
        expected = words_by_pattern(units).search(folded)
        assert words((), units).is_in(FoldedText(folded)) is (expected is not None)


@settings(max_examples=1500)
@given(texts, texts)
@example("東 京", "東京")
@example("東 京 東 a", "京東京東 a")
@example("東京 東", "東 京東")
def test_phrases_are_found_as_by_a_pattern(query: str, text: str) -> None:
    folded, asked = analysed(text), fold(query).strip()
    if UNIT.search(asked):
        expected = phrase_by_pattern(asked).search(folded)
        assert phrase((), asked).is_in(FoldedText(folded)) is (expected is not None)


@given(texts, texts, texts)
def test_words_and_phrases_of_a_text_are_found(before: str, query: str, behind: str) -> None:
    folded = fold(query)
    assert piece((), folded).is_in(FoldedText(before + folded + behind))


def test_signs_are_the_same_characters_as_by_a_pattern() -> None:
    joint = re.compile(JOINT)
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if not 0xD800 <= code < 0xE000:
            assert bool(SIGNS.fullmatch(char)) is bool(joint.fullmatch(char)), hex(code)


# -- texts and queries that are made to take long --------------------------------------------------

CHARS = 8000
TEXTS = {
    "joined letters": "a_" * (CHARS // 2),
    "joined words": "ab-" * (CHARS // 3),
    "one word": "a" * CHARS,
    "words": "a " * (CHARS // 2),
    "signs": "_" * CHARS,
    "spaces": " " * CHARS,
    "without spaces": "あ" * CHARS,
    "spaced without spaces": "あ " * (CHARS // 2),
    "marks": "a" + "\u0300" * (CHARS // 2) + "\u0316" * (CHARS // 2),
    "marks in turns": "a" + "\u0300\u0316" * (CHARS // 2),
    "marks that become two": "\u0f73" * CHARS,
    "letters with marks": "a\u0301b\u0323" * (CHARS // 4),
    "eighteen for one": "\ufdfa" * CHARS,
    "emoji": "❤\ufe0f" * (CHARS // 2),
    "mentions": "@a" * (CHARS // 2),
    "dots behind mentions": ("@a" + "." * 30) * (CHARS // 32),
    "at signs": "@" * CHARS,
    "colons": ":" * CHARS,
    "colons and letters": ":a" * (CHARS // 2),
    "backticks": "".join("`" * (n % 90 + 1) + "a" for n in range(CHARS // 46)),
}
QUERIES = (
    "_".join("a" * 99) + "_b",
    "a_" * 66 + "b",
    "ab-" * 66,
    '"' + "a " * 98 + 'b"',
    '"' + "あ " * 98 + 'い"',
    "あ" * 99 + "い",
    "a" * 100 + "b" + "a" * 99,
    '"' + "a" * 99 + "+" + "a" * 99 + '"',
    " ".join("abcdefghijklmnopqrstuvwxyz"),
    " ".join(f"あ{char}" for char in "いうえおかきくけこさしすせそ"),
    "_" * 199 + "-",
    '"' + "_a" * 90 + '"',
)
SECONDS = 0.1  # a text takes 0.06 at most, and took up to 0.18


@pytest.mark.parametrize("name", TEXTS)
def test_no_query_takes_long_on_any_text(name: str) -> None:
    folded = analysed(TEXTS[name])
    most = bound(SECONDS)
    for query in QUERIES:
        asked = parse(query[:200])
        assert took(lambda asked=asked: asked.matches(folded)) < most, query


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_takes_long_to_be_looked_through(name: str) -> None:
    text = TEXTS[name]
    matcher = Matcher(
        [
            "bad",
            "worse words",
            "悪い言葉",
            "悪口",
            "あい",
            "صلى",
            *("و" * n + "x" for n in range(30)),
        ]
    )
    table = {f"name{number}": "👍" for number in range(1000)}
    calls: dict[str, Callable[[], object]] = {
        "analysed": lambda: analysed(text),
        "tokens": lambda: tokens(analysed(text)),
        "mentions": lambda: mentioned_names(text),
        "words": lambda: matcher.finds(text),
        "shortcodes": lambda: replace_outside_code(text, table),
    }
    most = bound(SECONDS)
    for called, call in calls.items():
        assert took(call) < most, called


@given(st.text(st.sampled_from("a\u0300\u0316\u0f73\uff9e\u0344\u093f"), max_size=90))
def test_marks_are_put_in_the_same_order(text: str) -> None:
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("text", ["\ufdfa" * 199, '"' + "\ufdfa" * 100 + '"'])
def test_a_query_that_becomes_much_longer_is_refused(text: str) -> None:
    with pytest.raises(ChatError) as refused:
        parse(text)
    assert refused.value.code == "request.invalid"


def test_a_term_that_is_asked_for_twice_is_one() -> None:
    assert len(parse("a a a 東 東 x-y x_y").terms) == 3
