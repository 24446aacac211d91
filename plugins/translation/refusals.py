"""Why there is no translation: errors with a stable code, and their text by language."""

from typing import NamedTuple

from chatserver import ChatError, Meaning


class _Reason(NamedTuple):
    meaning: Meaning
    ja: str


_REASONS = {
    "translation.empty": _Reason(
        Meaning(422, "never", "There is nothing to translate in this message."),
        "このメッセージには翻訳する文章がありません。",
    ),
    "translation.private": _Reason(
        Meaning(403, "never", "Messages of this room are not sent to a translation service."),
        "このルームのメッセージは翻訳サービスに送られません。",
    ),
    "translation.refused": _Reason(
        Meaning(422, "never", "The service does not translate this into this language."),
        "翻訳サービスは、この文章をこの言語に翻訳できません。",
    ),
    "translation.spent": _Reason(
        Meaning(429, "later", "As much as may be translated in a day has been translated."),
        "今日翻訳できる量の上限に達しました。",
    ),
    "translation.too_long": _Reason(
        Meaning(413, "never", "This message is too long to be translated."),
        "このメッセージは長すぎるため、翻訳できません。",
    ),
    "translation.unavailable": _Reason(
        Meaning(503, "later", "The translation service is not available at the moment."),
        "翻訳サービスは現在利用できません。",
    ),
}


def refusal(code: str, *, seconds: float | None = None, **detail: object) -> ChatError:
    """The error of this code. `seconds` is the time to wait before another try."""
    meaning, ja = _REASONS[code]
    return ChatError(
        code,
        after_ms=None if seconds is None else int(seconds * 1000) + 1,
        detail={**detail, "texts": {"en": meaning.text, "ja": ja}},
        meaning=meaning,
    )
