"""The result of a round of the probe."""

from typing import Literal, TypeAlias

import msgspec

Step: TypeAlias = Literal["certificate", "sign_in", "connect", "room", "acknowledge", "receive"]
STEPS: tuple[Step, ...] = ("certificate", "sign_in", "connect", "room", "acknowledge", "receive")


class Failure(msgspec.Struct, frozen=True):
    """The step that failed, with a short reason: a code of the server's, `timeout`, or the error's name."""

    step: Step
    reason: str
    text: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One round. `seconds` has the steps that succeeded; acknowledge and receive count from the send."""

    ok: bool
    at: float  # Unix time of the beginning
    seconds: dict[str, float]
    failure: Failure | None = None
    certificate_expiry: float | None = None  # Unix time; None without TLS, or if none was seen
