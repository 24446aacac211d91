"""When somebody wants mails: texts that say it, texts that say nothing, and the time of the next mail."""

from datetime import datetime

import pytest

from chatserver_plugins.mail_notifications.wish import Mode, Wish, parsed, wish_of


@pytest.mark.parametrize(
    "text",
    [
        *("off", "hourly", "immediate 1", "immediate 15", "immediate 1440", "daily 00:00"),
        *("daily 23:59 Asia/Tokyo", "hourly Europe/Berlin", "immediate 5 UTC"),
    ],
)
def test_a_wish_says_what_its_text_says(text: str) -> None:
    found = parsed(text)
    assert found is not None and found.text() == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "never", "immediate", "immediate 0", "immediate 1441", "immediate 99999"),
        *("daily", "daily 24:00", "daily 8:00", "daily 08:60", "hourly 5 UTC", "hourly "),
        *("daily 08:00 " + "x" * 65, "off off off", "immediate -5", "immediate \u0665"),
    ],
)
def test_a_text_that_makes_no_sense_is_none(text: str) -> None:
    assert parsed(text) is None
    assert wish_of({"page.notify.mail": text}, "daily") == Wish(Mode.DAILY)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    "text, since, zone, due",
    [
        ("immediate 5", "2023-11-14T12:00Z", "UTC", "2023-11-14T12:05Z"),
        ("hourly", "2023-11-14T12:00Z", "UTC", "2023-11-14T13:00Z"),
        ("daily 08:00", "2023-11-14T07:59Z", "UTC", "2023-11-14T08:00Z"),
        ("daily 08:00", "2023-11-14T08:00Z", "UTC", "2023-11-15T08:00Z"),
        ("daily 08:00", "2023-11-14T22:59Z", "Asia/Tokyo", "2023-11-14T23:00Z"),
        ("daily 08:00", "2024-03-30T12:00Z", "Europe/Berlin", "2024-03-31T06:00Z"),  # summer begins
        ("daily 02:30", "2024-10-26T12:00Z", "Europe/Berlin", "2024-10-27T00:30Z"),  # it ends
    ],
)
def test_the_time_of_the_next_mail(text: str, since: str, zone: str, due: str) -> None:
    found = parsed(text)
    assert found is not None and found.due(at(since), zone) == at(due)
