"""The reasons of plugins' refusals: which ones can be sent, and the errors that carry them."""

from collections.abc import Mapping

from chatserver.errors import ChatError
from chatserver.hooks.types import Refusal
from chatserver.localized import cut, in_language, is_localized

REASON_CHARS = 500  # shown of a reason in one language


def is_reason(reason: object) -> bool:
    """Whether it is a text, or texts by language of at most REASON_CHARS each, that can be sent."""
    if not isinstance(reason, str):
        return is_localized(reason, REASON_CHARS)
    try:
        return reason.encode() is not None
    except UnicodeEncodeError:  # lone surrogates
        return False


def refused(code: str, refusal: Refusal, **detail: object) -> ChatError:
    """The error of a refusal: its text is English where the reason is given by language, `detail.texts` has all."""
    reason = cut(refusal.reason, REASON_CHARS)
    texts = {"texts": reason} if isinstance(reason, Mapping) else {}
    return ChatError(code, in_language(reason), detail={**detail, **texts})
