"""Texts of other chats as ours: marks, mentions, emoji, and cuts."""

import pytest

from chatserver import emoji_names
from chatserver.copies.foreign.cutting import cut
from chatserver.copies.foreign.marks import named_marks
from chatserver.copies.foreign.model import Person
from chatserver.copies.foreign.people import People
from chatserver.copies.foreign.report import Report
from chatserver.formatting import emoji
from chatserver.formatting.marks import outside_code, single_marks
from chatserver.formatting.mrkdwn import to_markdown


@pytest.mark.parametrize(
    ("slack", "ours"),
    [
        ("*bold* _em_ ~gone~", "**bold** _em_ ~~gone~~"),
        ("2 * 3 * 4, a*b*c, * no *", "2 * 3 * 4, a*b*c, * no *"),
        ("<https://e.org>", "https://e.org"),
        ("<https://e.org|https://e.org>", "https://e.org"),
        ("<https://e.org/a_(b)|a [b]>", "[a \\[b\\]](https://e.org/a_%28b%29)"),
        ("<mailto:a@e.org|a@e.org>", "a@e.org"),
        ("<@U1> and <@U1|ben>", "@U1. and @U1."),
        ("<#C1|general> <#C1>", "#general #C1"),
        ("<!here> <!everyone> <!subteam^S1|@crew> <!subteam^S1>", "@here @room @crew @subteam"),
        ("<!date^1^{date}|1 May>", "1 May"),
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
        ("&gt; quoted", "> quoted"),
        ("a\n&gt;*b* `c`\n>d 1 &gt;2", "a\n> **b** `c`\n> d 1 >2"),
        ("a\n&gt;&gt;&gt;b\n\nc", "a\n> b\n> \n> c"),
        ("```\n&gt;x\n```\n&gt;y", "```\n>x\n```\n> y"),
        (":tada: :unknown_one: 10:30:45", "🎉 :unknown_one: 10:30:45"),
        ("`*x* :tada: &lt;` *y*", "`*x* :tada: <` **y**"),
        ("```a *b*\n<https://e.org>```", "```\na *b*\nhttps://e.org\n```"),
        ("```never *closed*", "```\nnever *closed*\n```"),
        ("<https://e.org?a=1&amp;b=2|*x*>", "[*x*](https://e.org?a=1&b=2)"),
    ],
)
def test_marks_of_slack(slack: str, ours: str) -> None:
    assert to_markdown(slack, lambda user: f"@{user}.") == ours


def people() -> People:
    made = People(Report(), salt="test")
    made.add(Person(id="1", username="ben"))
    made.add(Person(id="2", username="Ben"))
    made.add(Person(id="3", username="ann smith"))
    return made


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Hi @ben, @BEN.", "Hi @ben, @ben."),
        ("@all @channel @here @nobody", "@room @room @here @nobody"),
        ("a@ben.example `@all`", "a@ben.example `@all`"),
        ("![cat](https://e.org/c.png)", "[cat](https://e.org/c.png)"),
        ("**strong** :+1:", "**strong** 👍"),
    ],
)
def test_marks_of_chats_with_user_names(theirs: str, ours: str) -> None:
    assert outside_code(theirs, lambda part: named_marks(part, people())) == ours


def test_a_renamed_user_is_mentioned_by_the_new_name() -> None:
    made = people()
    assert [user.username for user in made] == ["ben", "ben-2", "ann-smith"]
    assert made.mention("3") == "@ann-smith" and made.ours("ann smith") == "ann-smith"


def test_single_marks_leave_ours_alone() -> None:
    assert single_marks("*a* **b** ~c~ ~~d~~ x*y*z") == "**a** **b** ~~c~~ ~~d~~ x*y*z"


def test_emoji_are_those_of_the_plugin_too() -> None:
    assert {name: emoji.character(name) for name in emoji_names()} == emoji_names()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("thumbsup", "👍"),
        (":thumbsup:", "👍"),
        ("+1::skin-tone-6", "👍🏿"),
        ("v::skin-tone-2", "✌🏻"),
        ("heart::skin-tone-2", "❤️"),
        ("flag-jp", "🇯🇵"),
        ("snail", "🐌"),
        ("three", "3️⃣"),
        ("my_own_emoji_with_a_long_long_long_name", ":my_own_emoji_with_a_long_long_:"),
        ("latin_small_letter_a", ":latin_small_letter_a:"),
    ],
)
def test_reactions_are_characters_or_names(name: str, shown: str) -> None:
    assert emoji.reaction(name) == shown and len(shown) <= 32


def test_code_points_are_emoji() -> None:
    assert emoji.of_code("1f1ef-1f1f5") == "🇯🇵"
    assert emoji.of_code("zz") is None and emoji.of_code("ffffffffff") is None


@pytest.mark.parametrize("most", [10, 50, 1000])
@pytest.mark.parametrize("text", ["word " * 300, "x" * 1500, "line\n" * 200, "日本語" * 400])
def test_cut_texts_have_all_words(text: str, most: int) -> None:
    pieces = cut(text, most)
    assert all(0 < len(piece) <= most for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_code_that_is_cut_stays_code() -> None:
    text = "before\n```\n" + "code line\n" * 30 + "```\nafter"
    pieces = cut(text, 100)
    assert all(piece.count("```") % 2 == 0 and len(piece) <= 100 for piece in pieces)
    assert "".join(pieces).count("code line") == 30
    assert pieces[-1].endswith("after")


def test_a_text_that_fits_is_left_alone() -> None:
    assert cut(" x\n", 3) == [" x\n"]
