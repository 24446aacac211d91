"""The head of a receiver's answer, which is all that counts of it."""

import time
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 86400.0  # of a Retry-After


class ResponseHead:
    """The head of an answer. The body is ignored, as it may be of any length or never end.

    `HTTPRequest(…, header_callback=head.read)` of Tornado fills it; `status` stays 0 without an answer.
    """

    def __init__(self) -> None:
        self.status = 0
        self._retry_after = ""

    def read(self, line: str) -> None:
        """Parse the next line of the head."""
        name, _, value = line.partition(":")
        if line.startswith("HTTP/"):
            self.status = int(line.split()[1])
        elif name.lower() == "retry-after":
            self._retry_after = value.strip()

    @property
    def is_yes(self) -> bool:
        """Whether the receiver has accepted the request."""
        return 200 <= self.status < 300

    @property
    def after_ms(self) -> int | None:
        """Milliseconds of the Retry-After, given in seconds or as a date (RFC 9110, 10.2.3), a day at most."""
        text = self._retry_after
        try:
            if text.isdecimal():
                seconds = float(text)
            else:
                seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
        return round(1000 * min(max(0.0, seconds), LONGEST_SECONDS))
