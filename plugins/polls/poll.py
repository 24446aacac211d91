"""What a poll is: the data `polls` of a message, and the text that says the same in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import ChatError, Message, clean_line, time_text

NAME = "polls"
QUESTION_CHARS, OPTION_CHARS = 300, 100
LEAST_OPTIONS, MOST_OPTIONS = 2, 10
LONGEST_SECONDS = 366 * 86_400.0  # from now to the end

Choices = tuple[int, ...]  # places of options, from 0 on, ascending


class Poll(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question with options. `several` may be chosen, and of an `anonymous` one nobody is told who chose what.

    From `ends_at` (RFC 3339) on no vote is taken; None: until somebody ends it.
    """

    question: Annotated[str, Meta(min_length=1, max_length=QUESTION_CHARS)]
    options: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=OPTION_CHARS)], ...],
        Meta(min_length=LEAST_OPTIONS, max_length=MOST_OPTIONS),
    ]
    several: bool = False
    anonymous: bool = False
    ends_at: str | None = None

    def is_over(self, now: float) -> bool:
        """Whether the time of its end has come, at the Unix time `now`."""
        return self.ends_at is not None and datetime.fromisoformat(self.ends_at).timestamp() <= now


def text_of(poll: Poll) -> str:
    """The poll in words, for clients that do not know what a poll is."""
    lines = [f"{place}. {option}" for place, option in enumerate(poll.options, 1)]
    return "\n".join([poll.question, *lines])


def poll_in(message: Message) -> Poll | None:
    """The poll of a message, None if it has none."""
    data: Mapping[str, Any] = message.data
    return msgspec.convert(data[NAME], Poll) if NAME in data else None


def clean_poll(poll: Poll, now: float) -> Poll:
    """The poll with its texts trimmed, at the Unix time `now`. Raises `ChatError` request.invalid."""
    question = clean_line(poll.question, QUESTION_CHARS, "question", "A question")
    if not question:
        raise _refused("question", "empty", "A poll needs a question.")
    options = tuple(clean_line(each, OPTION_CHARS, "options", "An option") for each in poll.options)
    if not all(options):
        raise _refused("options", "empty", "Each option needs a text.")
    if len({option.casefold() for option in options}) < len(options):
        raise _refused("options", "same", "Each option can be there only once.")
    if not LEAST_OPTIONS <= len(options) <= MOST_OPTIONS:
        wanted = f"{LEAST_OPTIONS} to {MOST_OPTIONS}"
        raise _refused("options", "count", f"A poll has {wanted} options.")
    end = None if poll.ends_at is None else _clean_end(poll.ends_at, now)
    return msgspec.structs.replace(poll, question=question, options=options, ends_at=end)


def clean_choices(poll: Poll, choices: Sequence[int]) -> Choices:
    """The choices, ascending, each once. Raises `ChatError` request.invalid."""
    chosen = tuple(sorted(set(choices)))
    if chosen and not 0 <= chosen[0] <= chosen[-1] < len(poll.options):
        raise _refused("choices", "range", "choices: the poll has no such option.")
    if len(chosen) > 1 and not poll.several:
        raise _refused("choices", "count", "In this poll one option can be chosen.")
    return chosen


def _clean_end(text: str, now: float) -> str:
    try:
        found = datetime.fromisoformat(text)
        end = found.timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise _refused("ends_at", "form", "ends_at: expected a time with its zone.") from error
    if found.tzinfo is None:
        raise _refused("ends_at", "form", "ends_at: expected a time with its zone.")
    if not now < end <= now + LONGEST_SECONDS:
        raise _refused("ends_at", "time", "A poll ends in the future, within 366 days.")
    return time_text(end)


def _refused(field: str, reason: str, text: str) -> ChatError:
    return ChatError("request.invalid", text, detail={"field": field, "reason": reason})
