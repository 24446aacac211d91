"""Translations of messages, at every door: who gets one, what is sent for it, and what becomes of a broken service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import pytest
from translator import Translator

from chatserver import ChatError, Context, RoomKind, StartupError
from chatserver import Room as RoomState
from chatserver.config.settings import convert
from chatserver.hooks.expiring import ExpiringSpace
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.translation import desk
from chatserver_plugins.translation.asking import (
    FAILURES,
    LONGEST_REST_SECONDS,
    REST_SECONDS,
    Rest,
)
from chatserver_plugins.translation.budget import Budget
from chatserver_plugins.translation.config import TranslationConfig
from chatserver_plugins.translation.desk import Desk
from chatserver_plugins.translation.provider import Provider
from tests.waiting import until

PATH = "/api/v1/translations"
DAY = 86_400.0


class Scene:
    """Ada owns a private room that Ben is in; Eve is in none of hers."""

    def __init__(
        self, chat: Chat, desk: Desk, people: list[Person], room: RoomState, service: Translator
    ) -> None:
        self.chat, self.desk, self.room, self.service = chat, desk, room, service
        self.ada, self.ben, self.eve = people

    async def asks(self, by: Person, message: str, language: str = "en") -> Answer:
        return await by.http("POST", PATH, {"message": message, "language": language})

    async def text(self, body: str) -> str:
        """A new message in English, as Ben gets it."""
        posted = await self.ada.post(self.room, body)
        answer = await self.asks(self.ben, posted.id)
        assert answer.status == 200, answer.body
        found: str = answer.json["text"]
        return found

    async def refusal(self, message: str, by: Person | None = None) -> Any:
        answer = await self.asks(by or self.ben, message)
        assert answer.status >= 400, answer.body
        return answer.json["error"]

    def counted(self) -> dict[str, float]:
        """What became of messages, by result."""
        measures = {each.name: each for each in self.chat._server.measures}
        values = measures["chatserver_translations_total"].values
        return {labels[0]: count for labels, count in values.items()}  # type: ignore[union-attr,misc]


@asynccontextmanager
async def scene(clock: FakeClock | None = None, **settings: object) -> AsyncIterator[Scene]:
    service = Translator()
    given = {"url": service.url} | settings
    named = {f"plugin.translation.{name}": value for name, value in given.items()}
    more = {"clock": clock} if clock else {}
    desks: list[Desk] = []

    def opened(context: Context, config: TranslationConfig, provider: Provider) -> Desk:
        desks.append(Desk(context, config, provider))
        return desks[-1]

    with mock.patch("chatserver_plugins.translation.Desk", opened):
        async with (
            service.serving(),
            running("translation", "graphql", settings=named, **more) as chat,
        ):  # type: ignore[arg-type]
            ada, ben, eve = [await chat.user(name) for name in ("ada", "ben", "eve")]
            room = await ada.create_room("Garden", kind=RoomKind.PRIVATE, members=[ben])
            yield Scene(chat, desks[0], [ada, ben, eve], room, service)


def code(answer: Answer) -> str:
    found: str = answer.json["error"]["code"]
    return found


async def test_a_reader_gets_a_message_in_another_language_at_every_door() -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "Guten **Morgen**")
        answer = await here.asks(here.ben, posted.id)
        assert (answer.status, answer.json) == (
            200,
            {
                "message": posted.id,
                "language": "en",
                "source": "de",
                "provider": "LibreTranslate",
                "text": "GUTEN **MORGEN**",
            },
        )
        called = await here.ben.call("translation.translate", message=posted.id, language="en")
        assert called == answer.json
        query = (
            "mutation T($input: TranslateMessageInput!) "
            "{ translateMessage(input: $input) { language source provider text } }"
        )
        said = await here.ben.http(
            "POST",
            "/graphql",
            {"query": query, "variables": {"input": {"messageId": posted.id, "language": "en"}}},
        )
        assert said.json["data"]["translateMessage"] == {
            name: answer.json[name] for name in ("language", "source", "provider", "text")
        }


async def test_the_service_is_asked_as_libretranslate_wants_it() -> None:
    async with scene(key="a-key") as here:
        await here.text("Eins\nzwei")
        await here.text("Das *ist* es")
        assert here.service.paths == ["/translate", "/translate"]
        assert here.service.asked == [
            {
                "q": ["Eins", "zwei"],
                "source": "auto",
                "target": "en",
                "format": "text",
                "api_key": "a-key",
            },
            {
                "q": ['Das <span id="0">ist</span> es'],
                "source": "auto",
                "target": "en",
                "format": "html",
                "api_key": "a-key",
            },
        ]


async def test_the_service_is_asked_as_deepl_wants_it() -> None:
    async with scene(provider="deepl", key="a-key:fx") as here:
        posted = await here.ada.post(here.room, "Guten *Morgen*")
        answer = await here.asks(here.ben, posted.id, "pt-BR")
        assert [answer.json[each] for each in ("text", "source", "provider")] == [
            "GUTEN *MORGEN*",
            "de",
            "DeepL",
        ]
        assert here.service.paths == ["/v2/translate"]
        assert here.service.headers["Authorization"] == "DeepL-Auth-Key a-key:fx"
        assert here.service.asked == [
            {
                "text": ['Guten <span id="0">Morgen</span>'],
                "target_lang": "PT-BR",
                "tag_handling": "html",
            }
        ]
        here.service.asked.clear()
        await here.text("\n".join(f"Zeile {number}" for number in range(60)))
        assert sorted(len(each["text"]) for each in here.service.asked) == [10, 50]
        assert "tag_handling" not in here.service.asked[0]


async def test_nothing_is_sent_that_is_no_prose() -> None:
    async with scene() as here:
        body = (
            "Ruf @ben.ny: `rm -rf /` auf https://intern.example/x 😀 :party: <b>\n```\ngeheim\n```"
        )
        assert await here.text(body) == body.replace("Ruf", "RUF").replace(
            " auf ", " AUF "
        ).replace(">\n```", ">\n\n```").replace("<b>", "<B>")
        sent = here.service.asked[0]["q"][0]
        for kept in ("ben", "rm -rf", "intern", "😀", "party", "geheim"):
            assert kept not in sent


async def test_who_may_not_read_a_message_gets_no_translation() -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "Geheim")
        await here.asks(here.ben, posted.id)  # it is known from now on
        for answer in (
            await here.asks(here.eve, posted.id),
            await here.asks(here.ben, "nothing-1"),
        ):
            assert (answer.status, code(answer)) == (404, "message.not_found")
        with pytest.raises(ChatError, match=r"message\.not_found"):
            await here.eve.call("translation.translate", message=posted.id, language="en")
        await here.chat.service.messages.delete(here.ada.user, here.room, posted.id)
        assert code(await here.asks(here.ben, posted.id)) == "message.not_found"
        assert len(here.service.asked) == 1


async def test_messages_of_rooms_that_are_not_public_stay_here_if_the_operator_wants_that() -> None:
    async with scene(rooms="public") as here:
        private = await here.ada.post(here.room, "Intern")
        assert (await here.refusal(private.id))["code"] == "translation.private"
        assert here.service.asked == []
        public = await here.ada.create_room("Lounge", kind=RoomKind.PUBLIC)
        posted = await here.ada.post(public, "Offen")
        assert (await here.asks(here.ben, posted.id)).json["text"] == "OFFEN"


async def test_a_text_is_asked_once_and_an_edit_is_another_text() -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "Eins")
        for person in (here.ada, here.ben, here.ben):
            assert (await here.asks(person, posted.id)).json["text"] == "EINS"
        assert await here.text("Eins") == "EINS"  # another message with this text
        assert len(here.service.asked) == 1
        assert here.counted() == {"translated": 1, "known": 3}
        assert (await here.asks(here.ben, posted.id, "fr")).json["language"] == "fr"
        assert len(here.service.asked) == 2
        await here.chat.service.messages.edit(here.ada.user, here.room, posted.id, "Zwei")
        assert (await here.asks(here.ben, posted.id)).json["text"] == "ZWEI"


async def test_those_who_ask_at_the_same_time_share_one_request() -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "Eins")
        here.service.held.clear()
        asking = [asyncio.create_task(here.asks(who, posted.id)) for who in (here.ada, here.ben)]
        await until(lambda: len(here.service.asked) == 1)
        here.service.held.set()
        assert [answer.json["text"] for answer in await asyncio.gather(*asking)] == ["EINS"] * 2
        assert len(here.service.asked) == 1


async def test_a_request_goes_on_without_those_who_asked_and_they_pay_once() -> None:
    async with scene(FakeClock(), characters_per_user=4) as here:
        posted = await here.ada.post(here.room, "Eins")
        here.service.held.clear()
        asking = asyncio.create_task(here.desk.translate(here.ben.user, posted.id, "en"))
        await until(lambda: len(here.service.asked) == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        here.service.held.set()
        assert (await here.asks(here.ben, posted.id)).json["text"] == "EINS"
        assert len(here.service.asked) == 1


async def test_who_joins_a_request_pays_nothing() -> None:
    async with scene(FakeClock(), characters_per_day=8) as here:
        posted = await here.ada.post(here.room, "Eins")
        here.service.held.clear()
        first = asyncio.create_task(here.desk.translate(here.ada.user, posted.id, "en"))
        await until(lambda: len(here.service.asked) == 1)
        second = asyncio.create_task(here.desk.translate(here.ben.user, posted.id, "en"))
        here.service.held.set()
        assert (await first).text == (await second).text == "EINS"
        assert await here.text("Zwei") == "ZWEI"


async def test_two_who_begin_at_the_same_time_share_a_request_and_its_costs() -> None:
    async with scene(FakeClock(), characters_per_day=8) as here:
        posted = await here.ada.post(here.room, "Eins")
        both = [here.desk.translate(who.user, posted.id, "en") for who in (here.ada, here.ben)]
        assert [found.text for found in await asyncio.gather(*both)] == ["EINS"] * 2
        assert len(here.service.asked) == 1
        assert await here.text("Zwei") == "ZWEI"


async def test_a_server_that_stops_ends_what_is_under_way() -> None:
    async with scene(timeout_seconds=25) as here:
        posted = await here.ada.post(here.room, "Eins")
        here.service.held.clear()
        asking = asyncio.create_task(here.desk.translate(here.ben.user, posted.id, "en"))
        await until(lambda: len(here.service.asked) == 1)
        await here.desk.close()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_nodes_count_together() -> None:
    records, clock = ExpiringSpace(MemoryStore(), "translation", FakeClock()), FakeClock()
    nodes = [Budget(records, clock, of_user=10, of_all=25) for _ in range(2)]
    await asyncio.gather(*(node.take("ada", 5) for node in nodes))
    for node in nodes:
        with pytest.raises(ChatError, match=r"translation\.spent"):
            await node.take("ada", 1)
    await nodes[0].give_back("ada", 20)  # more than there was: below nothing it does not go
    await nodes[1].take("ada", 10)
    await nodes[0].take("ben", 10)
    with pytest.raises(ChatError, match=r"translation\.spent"):
        await nodes[1].take("cleo", 6)
    await nodes[1].take("cleo", 5)


async def test_the_oldest_translations_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "KNOWN", 2)
    async with scene() as here:
        messages = [await here.ada.post(here.room, body) for body in ("Eins", "Zwei", "Drei")]
        for place in (0, 1, 0, 2, 0, 1):  # the second was asked longest ago when the third comes
            await here.asks(here.ben, messages[place].id)
        assert [each["q"] for each in here.service.asked] == [
            ["Eins"],
            ["Zwei"],
            ["Drei"],
            ["Zwei"],
        ]


async def test_a_message_without_words_is_not_sent() -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "`nur Code` 42 😀 https://a.example @ben")
        error = await here.refusal(posted.id)
        assert error["code"] == "translation.empty"
        long = await here.ada.post(here.room, "\n".join("ab" for _ in range(desk.LINES + 1)))
        assert (await here.refusal(long.id))["code"] == "translation.too_long"
        assert here.service.asked == []


async def test_the_language_is_a_code() -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "Eins")
        for wrong in ("", "english", "EN", "e", "en\n", "en-", "../en", "de-" + "a" * 9, 7, None):
            answer = await here.ben.http("POST", PATH, {"message": posted.id, "language": wrong})
            assert code(answer) == "request.invalid", wrong
        for right in ("en", "zh-Hans", "pt-BR", "yue"):
            assert (await here.asks(here.ben, posted.id, right)).status == 200


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b"<html>Sign in</html>"),
        (200, b""),
        (200, b"[" * 10_000),
        (200, b"\xff"),
        (200, b"[]"),
        (200, b'{"translatedText": "one"}'),
        (200, b'{"translatedText": []}'),
        (200, b'{"translatedText": [7]}'),
        (200, b'{"translatedText": ["A", "B"]}'),
        (200, b'{"translatedText": ["' + b"A" * 6000 + b'"]}'),
        (200, b'{"translatedText": ["' + b"A" * 10_000_000 + b'"]}'),
        (302, b""),
        (401, b"{}"),
        (403, b'{"error": "Invalid API key"}'),
        (404, b"nothing"),
        (500, b'{"error": "Cannot translate text"}'),
    ],
)
async def test_a_service_that_answers_with_something_else_is_not_available(
    status: int, answer: bytes
) -> None:
    async with scene() as here:
        posted = await here.ada.post(here.room, "Eins")
        here.service.status, here.service.answer = status, answer
        error = await here.refusal(posted.id)
        assert (error["code"], error["retry"]) == ("translation.unavailable", "later")
        here.service.status, here.service.answer = 200, None
        assert (await here.asks(here.ben, posted.id)).json["text"] == "EINS"
        assert here.counted() == {"unavailable": 1, "translated": 1}


async def test_what_the_service_does_not_translate_is_no_failure_of_it() -> None:
    async with scene() as here:
        here.service.status, here.service.answer = 400, b'{"error": "xx is not supported"}'
        for number in range(FAILURES + 1):
            posted = await here.ada.post(here.room, f"Eins {'x' * number}")
            assert (await here.refusal(posted.id))["code"] == "translation.refused"
        assert len(here.service.asked) == FAILURES + 1


async def test_a_service_that_is_away_or_slow_is_left_alone_for_a_while() -> None:
    async with scene(timeout_seconds=0.2) as here:
        here.service.held.clear()
        posted = await here.ada.post(here.room, "Eins")
        for _ in range(FAILURES):
            assert (await here.refusal(posted.id))["code"] == "translation.unavailable"
        error = await here.refusal(posted.id)
        assert error["code"] == "translation.unavailable"
        assert REST_SECONDS * 500 < error["after_ms"] <= REST_SECONDS * 1000 + 1
        assert len(here.service.asked) == FAILURES


async def test_a_service_that_wants_a_rest_gets_it() -> None:
    async with scene() as here:
        here.service.status, here.service.retry_after = 429, "120"
        posted = await here.ada.post(here.room, "Eins")
        for _ in range(2):
            error = await here.refusal(posted.id)
            assert error["code"] == "translation.unavailable"
            assert 60_000 < error["after_ms"] <= 120_001
        assert len(here.service.asked) == 1


@pytest.mark.parametrize("said", ["", "soon", "-5", "1e9", "9" * 400])
async def test_a_rest_without_a_right_length_is_short(said: str) -> None:
    async with scene() as here:
        here.service.status, here.service.retry_after = 503, said
        error = await here.refusal((await here.ada.post(here.room, "Eins")).id)
        assert 0 < error["after_ms"] <= REST_SECONDS * 1000 + 1


async def test_a_quota_that_is_used_up_is_looked_at_hourly() -> None:
    async with scene(provider="deepl", key="k") as here:
        here.service.status, here.service.answer = 456, b'{"message": "Quota exceeded"}'
        error = await here.refusal((await here.ada.post(here.room, "Eins")).id)
        assert REST_SECONDS * 1000 < error["after_ms"] <= LONGEST_REST_SECONDS * 1000 + 1


def test_a_rest_ends_and_one_more_failure_begins_the_next() -> None:
    now = 100.0
    rest = Rest(lambda: now)
    for _ in range(FAILURES - 1):
        rest.note(failed=True)
    assert rest.seconds == 0
    rest.note(failed=True)
    assert rest.seconds == REST_SECONDS
    now += REST_SECONDS
    assert rest.seconds == 0
    rest.note(failed=True)
    assert rest.seconds == REST_SECONDS
    now += REST_SECONDS
    rest.note(failed=False)
    rest.note(failed=True)
    assert rest.seconds == 0


async def test_a_user_has_so_many_characters_a_day() -> None:
    clock = FakeClock()
    async with scene(clock, characters_per_user=10) as here:
        assert await here.text("Sechs!") == "SECHS!"
        posted = await here.ada.post(here.room, "Fünf.")
        error = await here.refusal(posted.id)
        assert (error["code"], error["detail"]["of"]) == ("translation.spent", "user")
        assert 0 < error["after_ms"] <= DAY * 1000 + 1
        assert (await here.asks(here.ada, posted.id)).status == 200  # the budget of another
        assert (await here.asks(here.ben, posted.id)).status == 200  # it costs nothing now
        await clock.advance(DAY)
        assert await here.text("Neuer Tag.") == "NEUER TAG."


async def test_all_together_have_so_many_characters_a_day() -> None:
    async with scene(FakeClock(), characters_per_day=10, characters_per_user=10) as here:
        assert await here.text("Sechs!") == "SECHS!"
        posted = await here.ada.post(here.room, "Fünf.")
        error = await here.refusal(posted.id, here.ada)
        assert (error["code"], error["detail"]["of"]) == ("translation.spent", "all")
        small = await here.ada.post(here.room, "Vier")
        assert (await here.asks(here.ada, small.id)).status == 200  # the refused ones do not count
        assert len(here.service.asked) == 2


async def test_what_brought_nothing_does_not_count() -> None:
    async with scene(FakeClock(), characters_per_user=5, characters_per_day=5) as here:
        posted = await here.ada.post(here.room, "Fünf.")
        here.service.status = 500
        for _ in range(2):
            assert (await here.refusal(posted.id))["code"] == "translation.unavailable"
        here.service.status = 200
        assert (await here.asks(here.ben, posted.id)).status == 200


async def test_a_user_asks_for_so_many_translations_a_minute() -> None:
    async with scene(per_minute=2) as here:
        for body in ("Eins", "Zwei"):
            await here.text(body)
        posted = await here.ada.post(here.room, "Drei")
        assert (await here.refusal(posted.id))["code"] == "limit.rate"
        assert (await here.asks(here.ada, posted.id)).status == 200


async def test_whether_the_service_answers_stands_in_the_health_and_never_fails_it() -> None:
    async with scene() as here:
        answer = await here.ada.http("GET", "/health")
        assert answer.status == 200
        assert answer.json["checks"]["translation"]["answers"] is True
        assert here.service.paths == ["/languages"]
        here.service.status = 500
        posted = await here.ada.post(here.room, "Eins")
        await here.refusal(posted.id)

        async def is_known() -> bool:  # the answer is kept for a moment
            answer = await here.ada.http("GET", "/health")
            assert answer.status == 200
            return answer.json["checks"]["translation"]["answers"] is False

        await until(is_known)
        assert here.service.paths.count("/languages") == 1  # it is not asked each time


async def test_a_service_that_is_not_there_at_the_start_stops_nothing() -> None:
    settings = {"plugin.translation.url": "http://127.0.0.1:9"}
    async with running("translation", settings=settings) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Garden")
        posted = await ada.post(room, "Eins")
        answer = await ada.http("POST", PATH, {"message": posted.id, "language": "en"})
        assert (answer.status, code(answer)) == (503, "translation.unavailable")
        assert (await ada.http("GET", "/health")).status == 200


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"url": "ftp://a.example"}, "url"),
        ({"url": "https://user@a.example"}, "url"),
        ({"url": "https://a.example/?x=1"}, "url"),
        ({"url": "https://[a"}, "url"),
        ({"url": "https://a.example/ b"}, "url"),
        ({"url": "https://a.example", "provider": "deepl"}, "key"),
        ({"url": "https://a.example", "key": "a\nb"}, "key"),
        ({"url": "https://a.example", "provider": "google"}, "provider"),
        ({}, "url"),
    ],
)
def test_settings_that_cannot_work_are_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(StartupError, match=named):
        convert(given, TranslationConfig, "plugin.translation")


async def test_a_file_of_authorities_that_is_none_is_named() -> None:
    settings = {
        "plugin.translation.url": "https://127.0.0.1:9",
        "plugin.translation.ca_file": "/nowhere",
    }
    with pytest.raises(StartupError, match=r"plugin\.translation\.ca_file"):
        async with running("translation", settings=settings):
            pass
