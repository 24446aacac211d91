"""The folding of texts, and their tokens."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatserver.search.analyser import TEXT_CHARS, TOKEN_CHARS, analysed, fold, tokens
from chatserver.search.query import QUERY_CHARS, parse

KANA = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)]
HAN = [chr(code) for code in range(0x4E00, 0x4E80)] + ["々", "\U00020bb7"]
HALF_WIDTH = [chr(code) for code in range(0xFF66, 0xFF9E)]
CJK = st.sampled_from([*KANA, *HAN, *HALF_WIDTH])
# Text that people write between and around Japanese: words, signs, spaces, other scripts.
MIXED = st.text(st.one_of(CJK, st.sampled_from(string.printable + "。、・「」éßΣçñअकİŁ🎉한국ไทย")))


def found_in(query: str, text: str) -> bool:
    """The index and the comparison of the text must agree, as a message is found by both."""
    asked, folded = parse(query), analysed(text)
    there = tokens(folded)
    by_index = all(token in there for term in asked.terms for token in term.tokens)
    return by_index and asked.matches(folded)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ラーメン", "らーめん"),
        ("ﾗｰﾒﾝ", "らーめん"),
        ("ｶﾞﾊﾟヴ", "がぱゔ"),
        ("ヽヾ", "ゝゞ"),
        ("ＨＥＬＬＯ １２３", "hello 123"),
        ("Straße", "strasse"),
        ("㌔", "きろ"),
        ("don’t", "don't"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
    ],
)
def test_equal_looking_texts_fold_alike(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_tokens_are_bounded(text: str) -> None:
    folded = analysed(text * 50)
    found = tokens(folded)
    assert len(found) <= 2 * len(folded) <= 2 * TEXT_CHARS
    assert all(0 < len(token) <= TOKEN_CHARS for token in found)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("東京都", {"東", "京", "都", "東京", "京都"}),
        ("Python入門", {"python", "入", "門", "入門"}),
        ("don't stop", {"don", "t", "stop"}),
        ("foo_bar-baz@x.org 3.12", {"foo", "bar", "baz", "x", "org", "3", "12"}),
        ("हिन्दी", {"हिन्दी"}),
        ("Ünï cafe\u0301", {"ünï", "café"}),
        ("한국", {"한", "국", "한국"}),
        ("ไทย", {"ไ", "ท", "ย", "ไท", "ทย"}),
        ("🎉🎊 ok", {"🎉", "🎊", "ok"}),
        ("!?… ()", set()),
        ("東京。大阪", {"東", "京", "東京", "大", "阪", "大阪"}),
        ("x" * 100, {"x" * TOKEN_CHARS}),
    ],
)
def test_tokens_of_a_text(text: str, cut: set[str]) -> None:
    assert tokens(analysed(text)) == cut


@given(MIXED, st.text(CJK, min_size=2, max_size=20), MIXED)
def test_any_part_of_a_run_without_spaces_is_found(before: str, part: str, behind: str) -> None:
    assert found_in(part, before + part + behind)


@given(CJK, st.text(CJK))
def test_one_character_is_found(one: str, text: str) -> None:
    assert found_in(one, text + one)


@example(["Q9", "Q9", "Q"])
@given(
    st.lists(
        st.text(string.ascii_letters + "é한漢カ9", min_size=1, max_size=5), min_size=1, max_size=8
    )
)
def test_any_run_of_words_is_found_as_a_phrase(words: list[str]) -> None:
    text = " ".join(words)
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            assert found_in(f'"{" ".join(words[start:end])}"', text)
            assert found_in(" ".join(reversed(words[start:end])), text)


@given(st.text(max_size=QUERY_CHARS - 2).filter(lambda text: '"' not in fold(text)))
def test_every_text_is_found_by_itself_if_by_anything(text: str) -> None:
    if tokens(analysed(text)):
        assert found_in(f'"{text}"', text)
