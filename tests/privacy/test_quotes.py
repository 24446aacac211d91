"""Quotes in forwarded messages lose the name of who is gone, and if that is wanted what they said."""

import pytest

from chatserver.privacy.quotes import Quote, quote_in, without_author

MESSAGE = "06h30615rnn3sq8636xs-12"
LINK = f"https://chat.example/m/{MESSAGE}"


def test_a_quote_above_a_link_is_found_and_loses_its_author() -> None:
    quote = quote_in(f"> mine\n\nLook\n\n> **Ada**\n>\n> hello\n> > within\n\n{LINK}")
    lines = ["> **Ada**", ">", "> hello", "> > within"]
    assert quote == Quote("> mine\n\nLook\n\n", lines, LINK, MESSAGE)
    kept = without_author(quote, keeps_text=True)
    assert kept == f"> mine\n\nLook\n\n> **deleted**\n>\n> hello\n> > within\n\n{LINK}"
    gone = without_author(quote, keeps_text=False)
    assert gone == f"> mine\n\nLook\n\n> **deleted**\n\n{LINK}"
    for text, keeps_text in ((kept, True), (gone, False)):
        again = quote_in(text)
        assert again is not None
        assert without_author(again, keeps_text=keeps_text) == text


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        LINK,
        f"look\n\n{LINK}",
        f"> quoted\n{LINK}",
        f"> quoted\n\n{LINK} and more",
        "> quoted\n\nhttps://chat.example/m/06h30615rnn3sq8636xs",
        "> quoted\n\n",
    ],
)
def test_other_texts_forward_nothing(body: str) -> None:
    assert quote_in(body) is None


def test_a_long_text_takes_no_long_time() -> None:
    assert quote_in(">\n" * 100_000 + "\n\nx") is None
    assert quote_in(">\n" * 100_000 + f"\n{LINK}") is not None
