"""Reasons of plugins' refusals: as one text, and by language."""

import pytest

from chatserver import Refusal
from chatserver.hooks.reasons import REASON_CHARS, is_reason, refused

NIGHT = {"en": "It is night.", "ja": "夜です。"}


def test_a_reason_by_language_goes_to_the_client_whole() -> None:
    error = refused("action.refused", Refusal(NIGHT), plugin="night")
    assert error.text == "It is night."
    assert error.detail == {"plugin": "night", "texts": NIGHT}


def test_a_plain_reason_is_the_text_of_the_error_and_is_cut() -> None:
    error = refused("message.refused", Refusal("n" * (REASON_CHARS + 1)), plugin="night")
    assert error.text == "n" * REASON_CHARS
    assert error.detail == {"plugin": "night"}


@pytest.mark.parametrize(
    ("reason", "is_one"),
    [
        ("no", True),
        ("n" * 10_000, True),
        (NIGHT, True),
        ("\ud800", False),
        (5, False),
        ({}, False),
        ({"en": ""}, False),
        ({"en": "\ud800"}, False),
        ({"no tag": "No."}, False),
        ({"en": "n" * (REASON_CHARS + 1)}, False),
    ],
)
def test_only_what_can_be_sent_is_a_reason(reason: object, is_one: bool) -> None:
    assert is_reason(reason) == is_one
