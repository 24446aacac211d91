"""Unwanted words are found in every disguise that is not another word."""

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from chatserver import DetailsChange, Draft, Register, RoomChange, RoomCreate, RoomKind
from chatserver_plugins.wordfilter import WordFilterPlugin
from chatserver_plugins.wordfilter.matcher import Matcher, fold
from tests.effort import bound, took

WORDS = ("Bad", "very rude thing", "馬鹿", "ばか", "Straße", "c++", "🖕", "바보", "naïve")


def refused(body: str, words: tuple[str, ...] = WORDS) -> bool:
    plugin = WordFilterPlugin(WordFilterPlugin.Config(words=words))
    refusal = plugin.check_message(Draft(room="r1", body=body))
    if refusal is None:
        return False
    assert not any(word.casefold() in refusal.reason.casefold() for word in words)
    return True


@pytest.mark.parametrize(
    "body",
    [
        "bad",
        "so BAD!",
        "_bad_ `bad`",
        "ｂａｄ",
        "b\u200bad",
        "ba\u00add",
        "これはbadです",
        "a Very  rude\nthing.",
        "この馬鹿者",
        "おばかさん",
        "STRASSE",
        "I like C++",
        "so🖕there",
        "바보야",
        "nai\u0308ve",
    ],
)
def test_a_message_with_an_unwanted_word_is_refused(body: str) -> None:
    assert refused(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "badge",
        "forbad3",
        "not b a d",
        "very rude",
        "rude thing very",
        "馬と鹿",
        "c",
        "c+",
        "naive",
    ],
)
def test_other_words_pass(body: str) -> None:
    assert not refused(body)


def test_without_words_no_message_is_looked_at() -> None:
    plugin = WordFilterPlugin(WordFilterPlugin.Config())
    assert plugin.check_message(Draft(room="r1", body=None)) is None


def test_an_entry_that_is_nothing_refuses_nothing() -> None:
    assert not refused("a b", (" ", "\u200b"))


def test_the_operator_chooses_the_reason() -> None:
    plugin = WordFilterPlugin(WordFilterPlugin.Config(words=("bad",), reason="No."))
    refusal = plugin.check_message(Draft(room="r1", body="bad"))
    assert refusal is not None
    assert refusal.reason == "No."


@given(st.text(), st.text(min_size=1), st.text())
def test_a_word_is_found_wherever_it_stands_alone(before: str, word: str, after: str) -> None:
    if fold(word).strip():
        assert Matcher([word]).finds(f"{before} {word} {after}")


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_long_list_does_not_slow_a_long_message() -> None:
    matcher = Matcher([f"word{number}" for number in range(20_000)] + ["馬鹿", "a b c"])
    text = "wort 馬 " * 2000
    assert not matcher.finds(text)
    assert took(lambda: matcher.finds(text)) < bound(0.3)


def made(name: str | None, topic: str) -> RoomCreate:
    return RoomCreate(kind=RoomKind.PUBLIC, name=name, topic=topic, members=())


@pytest.mark.parametrize(
    ("action", "is_refused"),
    [
        (made("bad company", ""), True),
        (made("tea", "a very rude thing"), True),
        (made(None, ""), False),
        (RoomChange(room="r", name=None, topic="b\u200bad"), True),
        (RoomChange(room="r", name="BAD", topic=None), True),
        (RoomChange(room="r", name=None, topic=None), False),
        (RoomChange(room="r", name=None, topic=None, description="so\nbad"), True),
        (msgspec.structs.replace(made("tea", ""), description="a very rude thing"), True),
        (Register(username="bad", name=None, address=""), True),
        (Register(username="ada", name="Bad", address=""), True),
        (Register(username="ada", name="Badger", address=""), False),
        (DetailsChange(account="a", title="Bad cook"), True),
        (DetailsChange(account="a", pronouns="bad"), True),
        (DetailsChange(account="a", title="Cook", about="so\ngood"), False),
        (DetailsChange(account="a", about="so\nbad"), True),
    ],
)
def test_names_that_all_see_are_checked(
    action: RoomCreate | RoomChange | Register | DetailsChange, is_refused: bool
) -> None:
    plugin = WordFilterPlugin(WordFilterPlugin.Config(words=WORDS))
    assert (plugin.check_action(action) is not None) == is_refused


def test_a_list_can_be_tried_on_the_command_line() -> None:
    plugin = WordFilterPlugin(WordFilterPlugin.Config(words=("casino",)))
    command = plugin.register_cli(lambda action: None)  # type: ignore[arg-type, return-value]
    done = CliRunner().invoke(command, ["Hello", "The CASINO"])
    assert (done.exit_code, done.stdout) == (1, "passes  Hello\nrefused  The CASINO\n")
    done = CliRunner().invoke(command, input="one\ntwo casinos\n")
    assert (done.exit_code, done.stdout) == (0, "passes  one\npasses  two casinos\n")
