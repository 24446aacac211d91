"""What people are told when a sign-in at a provider fails. The log says more."""

from chatserver import ChatError


def unavailable() -> ChatError:
    """The provider is away, or its settings are wrong: nothing that the person can mend."""
    return ChatError("auth.unavailable", after_ms=5000)


def cancelled() -> ChatError:
    return _refused("provider", "cancelled", "The sign-in was cancelled at the provider.")


def unusable() -> ChatError:
    return _refused("provider", "answer", "The provider's answer is not valid. Sign in again.")


def not_in_group() -> ChatError:
    return _refused("provider", "group", "You are in no group that may sign in here.")


def not_anew() -> ChatError:
    return _refused("provider", "anew", "The provider did not ask you to sign in anew.")


def _refused(field: str, reason: str, text: str) -> ChatError:
    return ChatError("auth.refused", text, detail={"field": field, "reason": reason})
