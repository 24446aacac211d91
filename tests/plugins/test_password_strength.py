"""New passwords that would be guessed at once are refused, with the reason; others are not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver import ChatError
from chatserver_plugins.password import strength
from chatserver_plugins.password.strength import weakness

WORDS = ("ada.lovelace", "Ada Lovelace", "Lounge", "chatserver")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "short"),
        ("7 chars", "short"),
        ("a" * 1025, "long"),
        ("é" * 513, "long"),
        ("a b?" * 64 + "!", "long"),
        ("e\u0301ao\u0301e\u0301", "short"),
        ("password", "common"),
        ("Password1", "common"),
        ("P@ssw0rd!", "common"),
        ("ｐａｓｓｗｏｒｄ", "common"),
        ("passwordpassword", "common"),
        ("!!sunshine", "common"),
        ("summer2024!", "common"),
        ("Welcome123", "common"),
        ("1qaz2wsx", "common"),
        ("qwertyuiop", "common"),
        ("iloveyou", "common"),
        ("sakura2024", "common"),
        ("trustno1", "common"),
        ("chatserver", "context"),
        ("ChatServer1!", "context"),
        ("revrestahc", "context"),
        ("AdaLovelace99", "context"),
        ("4d4l0v3l4c3", "context"),
        ("lounge-chatserver", "context"),
        ("aaaaaaaaaaaa", "simple"),
        ("\ud800" * 8, "simple"),
        ("abababababab", "simple"),
        ("aaaabbbbcccc", "simple"),
        ("4567890123", "simple"),
        ("hgfedcba", "simple"),
        ("fghjklfghjkl", "simple"),
        ("ああああああああ", "simple"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    assert weakness(password, WORDS) == reason
    with pytest.raises(ChatError) as refused:
        strength.check(password, WORDS)
    assert refused.value.code == "request.invalid"
    assert refused.value.detail["field"] == "password"
    assert refused.value.detail["reason"] == reason
    assert password in ("", "password") or password not in refused.value.text


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "a long password",
        "another good password",
        "8 chars!",
        "パスワードです。",
        "吾輩は猫である。",
        "password of my first bicycle",
        "max8472639572",
        "kV7#mQ2x",
        "e\u0301 a b?" * 42,
        "the lounge has blue chairs",
        "adagio con brio",
    ],
)
def test_a_password_of_ones_own_passes(password: str) -> None:
    assert weakness(password, WORDS) is None


def test_the_bounds_on_the_length_are_settings() -> None:
    long = strength.Length(12, 64)
    assert weakness("8 chars!", WORDS, long) == "short"
    assert weakness("12 characters", WORDS, long) is None
    assert weakness("a b?" * 16, WORDS, long) is None
    assert weakness("a b?" * 16 + "x", WORDS, long) == "long"
    with pytest.raises(ChatError, match="at least 12 characters") as refused:
        strength.check("8 chars!", WORDS, long)
    assert refused.value.detail["least"] == 12


def test_the_list_is_one_that_can_be_looked_through() -> None:
    lines = Path(strength.__file__).with_name("common.txt").read_text("ascii").splitlines()
    assert len(lines) > 1000
    assert lines == sorted(set(lines))
    assert all(line == line.casefold().strip() and len(line) >= 3 for line in lines)


@given(st.text(max_size=1100), st.lists(st.text(max_size=40), max_size=4))
def test_any_password_gets_an_answer(password: str, words: list[str]) -> None:
    weakness(password, words)
