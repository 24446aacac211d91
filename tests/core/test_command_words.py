"""The text of a command, split into its name and words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.service.commands.words import Word, called, quoted, word_at
from tests.effort import bound, took


def words(text: str) -> list[str]:
    found, place = [], 0
    while (word := word_at(text, place)) is not None:
        assert word.start < word.end <= len(text)
        found.append(word.value)
        place = word.end
    return found


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("/topic", "topic", ""),
        ("/Topic  tea and cake ", "topic", "tea and cake"),
        ("/topic\ntea", "topic", "tea"),
        ("/topic　お茶", "topic", "お茶"),
        ("/me /shrugs", "me", "/shrugs"),
    ],
)
def test_a_call_has_a_name_and_a_text(text: str, name: str, rest: str) -> None:
    call = called(text)
    assert call is not None and (call.name, call.text) == (name, rest)
    assert text[call.start :].startswith(rest)


@pytest.mark.parametrize("text", ["", " ", "/", "/ topic", "topic", " /topic"])
def test_a_text_that_is_no_call(text: str) -> None:
    assert called(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b", ["a", "b"]),
        (' "a b"  c ', ["a b", "c"]),
        ("“a b” c", ["a b", "c"]),
        ('it"s a', ['it"s', "a"]),
        (r'"say \"hi\" \\ now"', [r'say "hi" \ now']),
        ('""', [""]),
        ('"a"b', ["a", "b"]),
        ('"a\nb"', ["a\nb"]),
    ],
)
def test_words_may_stand_in_quotes(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize("text", ['"a b', "“a b", '"a\\"', '"', '"a\\'])
def test_quotes_that_do_not_end_are_noticed(text: str) -> None:
    word = word_at(text, 0)
    assert isinstance(word, Word) and word.is_open


@given(st.lists(st.text()))
def test_what_is_quoted_is_read_again(values: list[str]) -> None:
    assert words(" ".join(map(quoted, values))) == values


@pytest.mark.parametrize("text", ['"' + "\\" * 65_536, '"' * 65_536, " " * 65_536, "“" * 65_536])
def test_the_time_grows_with_the_length_only(text: str) -> None:
    assert took(lambda: (words(text), called("/" + text))) < bound(1.0)
