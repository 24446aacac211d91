"""Mails in the background: how many wait, what is tried again, and what nobody learns from an answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.errors import AddressRefused, ChatError, Undeliverable
from chatserver.hooks.login import LoginClient
from chatserver.hooks.mail import Mail
from chatserver.model import ServerRole
from chatserver.runtime.clock import Clock
from chatserver.runtime.measure import Measures
from chatserver.service.login.logins import SignedIn
from chatserver.service.login.steps import Turn
from chatserver.service.mail import outbox as outboxes
from chatserver.service.mail.emails import clean_email
from chatserver.service.mail.meter import SPACE as METERED
from chatserver.service.mail.outbox import Outbox
from chatserver.service.mail.texts import CONFIRM, RESET, language_of, written
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from tests.core.loginmethods import CLIENT, answered, begun
from tests.core.nodes import NoPasswords, config, hook_calls, running
from tests.waiting import until

URL = "https://chat.example.org"
NEW = "a brand new password"
LETTER = Mail(to="ada@example.org", subject="s", text="t")


class Postman:
    """Keeps mails; raises the errors of `errors` first."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.errors: list[Exception] = []
        self.attempts = 0

    async def send(self, mail: Mail) -> None:
        self.attempts += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        self.mails.append(mail)


class NoWait(Clock):
    """Waits for nothing, and notes for how long it should have."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    async def sleep(
        self, seconds: float, woken: asyncio.Event | None = None, poll: float | None = None
    ) -> None:
        self.waited.append(seconds)


async def letter() -> Mail:
    return LETTER


@asynccontextmanager
async def outbox(postman: Postman) -> AsyncIterator[tuple[Outbox, NoWait, Measures]]:
    measures, clock = Measures(), NoWait()
    found = Outbox(postman, measures, clock)
    found.start()
    try:
        yield found, clock, measures
    finally:
        await found.stop()


def outcomes(measures: Measures) -> dict[Any, float]:
    return next(dict(each.values) for each in measures if each.name == "mails_total")


async def test_what_failed_is_tried_again_and_given_up_at_last() -> None:
    postman = Postman()
    postman.errors = [ConnectionError("away"), TimeoutError()]
    async with outbox(postman) as (box, clock, measures):
        box.put(letter)
        await until(lambda: postman.mails == [LETTER])
        assert clock.waited == [5.0, 30.0]
        postman.errors = [ConnectionError()] * 5
        box.put(letter)
        await until(lambda: outcomes(measures).get(("given up",)) == 1)
        assert clock.waited[2:] == list(outboxes.RETRY_SECONDS)
        assert postman.attempts == 8
        box.put(letter)
        await until(lambda: len(postman.mails) == 2)


async def test_whoever_keeps_a_mail_has_one_attempt_and_learns_its_outcome() -> None:
    postman = Postman()
    async with outbox(postman) as (found, clock, measures):
        refused = AddressRefused("plugin.failed", "unknown")
        postman.errors = [ConnectionError("busy"), refused]
        for error in (ConnectionError, AddressRefused):
            with pytest.raises(error):
                await found.send(LETTER)
        await found.send(LETTER)
        assert (postman.mails, postman.attempts, clock.waited) == ([LETTER], 3, [])
        assert outcomes(measures) == {("refused",): 1, ("sent",): 1}
    with pytest.raises(ChatError) as none:
        await Outbox(None, Measures()).send(LETTER)
    assert none.value.code == "mail.none"


async def test_what_is_refused_for_good_is_tried_once() -> None:
    postman = Postman()
    postman.errors = [Undeliverable("plugin.failed", "refused with 550")]
    async with outbox(postman) as (box, clock, measures):
        box.put(letter)
        await until(lambda: outcomes(measures).get(("refused",)) == 1)
        assert (postman.attempts, clock.waited) == (1, [])


async def test_the_queue_has_a_bound_and_a_broken_letter_takes_no_place_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outboxes, "WAITING_MOST", 3)
    postman = Postman()

    async def broken() -> Mail:
        raise RuntimeError

    async def none() -> None:
        return None

    async with outbox(postman) as (box, _, _):
        for compose in (broken, none, letter):
            box.put(compose)
        with pytest.raises(ChatError, match=r"limit\.rate"):
            box.put(letter)
        await until(lambda: len(postman.mails) == 1)
        for _ in range(3):
            box.put(letter)
        await until(lambda: len(postman.mails) == 4)


async def test_a_server_without_mail_takes_none() -> None:
    box = Outbox(None, Measures())
    with pytest.raises(ChatError, match=r"mail\.none"):
        box.put(letter)


@pytest.mark.parametrize(
    ("email", "is_good"),
    [
        ("ada@example.org", True),
        (" ada.l+x@mail.example.co.jp ", True),
        *((each, False) for each in ("", "ada", "@example.org", "ada@", "ada@localhost", "a b@example.org")),
        *((each, False) for each in ("a@-x.org", "a@x..org", "a@example.org\nBcc: b@x.org", "あ@example.org")),
        *((each, False) for each in ("<a@example.org>", "a@b@example.org", f"{'x' * 65}@example.org")),
        (f"a@{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.{'x' * 60}.org", False),
    ],
)  # fmt: skip
def test_addresses(email: str, is_good: bool) -> None:
    if is_good:
        assert clean_email(email) == email.strip()
        return
    with pytest.raises(ChatError) as refused:
        clean_email(email)
    assert refused.value.detail == {"field": "email", "reason": "form"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("ja", "ja"), ("ja-JP,en;q=0.5", "ja"), ("fr,en-GB;q=0.8,ja", "en"), ("", "en"), ("*;", "en")],
)
def test_the_language_is_the_readers(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


@pytest.mark.parametrize("words", [RESET, CONFIRM])
def test_both_languages_say_the_same_and_names_are_no_markup(words: Any) -> None:
    assert set(words) == {"en", "ja"}
    for language in words:
        mail = written(
            words, "a@example.org", f"{URL}/#x=1", language,
            name="<b>Ada</b>\r\nBcc: x", username="ada", server="Lounge {0}",
        )  # fmt: skip
        assert "\n" not in mail.subject and "Lounge {0}" in mail.subject
        assert "<b>Ada</b> Bcc: x" in mail.text and f"{URL}/#x=1" in mail.text
        assert "<b>Ada" not in mail.html and "&lt;b&gt;Ada" in mail.html
        assert "ada" in mail.text


@asynccontextmanager
async def mailing(
    postman: Postman, count: int = 1, authenticator: Any = None
) -> AsyncIterator[list[Service]]:
    store, measures = MemoryStore(), Measures()
    settings = config(**{"server.public_url": URL})
    made = [
        Service(
            settings,
            store,
            authenticator or NoPasswords(),
            hook_calls(settings, measures, None),
            measures,
            mailer=postman,
        )
        for _ in range(count)
    ]
    async with running(made[0]):
        yield made


async def asked(service: Service, username: str, client: LoginClient = CLIENT) -> Turn:
    """The step after asking for a mail."""
    turn = await service.logins.begin("forgotten", client)
    assert isinstance(turn, Turn)
    found = await service.logins.proceed(turn.flow, turn.secret, {"username": username}, client)
    assert isinstance(found, Turn)
    return found


def code_in(mail: Mail) -> str:
    return mail.text.partition("/#")[2].partition("=")[2].split()[0]


async def idle(service: Service) -> None:
    await until(lambda: service.outbox._waiting == 0)


async def test_a_mail_leads_to_a_new_password() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada = await service.accounts.add("ada", "x", "Ada")
        await service.emails.set(ada.id, "ada@example.org")
        await asked(service, "ADA", LoginClient(address="192.0.2.1", language="ja"))
        await until(lambda: postman.mails)
        (mail,) = postman.mails
        assert mail.to == "ada@example.org" and "再設定" in mail.subject
        turn = await answered(service, await begun(service, "reset"), code=code_in(mail))
        done = await answered(service, turn, password=NEW)
        assert isinstance(done, SignedIn) and done.user.id == ada.id


async def test_the_code_of_the_mail_may_be_typed_where_it_was_asked_for() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada = await service.accounts.add("ada", "x")
        await service.emails.set(ada.id, "ada@example.org")
        turn = await asked(service, "ada")
        await until(lambda: postman.mails)
        again = await answered(service, turn, code="wrong")
        assert "not valid" in again.step.error
        following = await answered(service, again, code=code_in(postman.mails[0]))
        assert isinstance(await answered(service, following, password=NEW), SignedIn)


async def test_nobody_learns_who_has_an_account_or_an_address() -> None:
    """The same answer after the same work: the store is asked for nothing before it."""
    postman = Postman()
    async with mailing(postman) as (service,):
        for name, email, locked in (
            ("ada", "ada@example.org", False),
            ("bob", None, False),
            ("carol", "carol@example.org", True),
        ):
            user = await service.accounts.add(name, "x", role=ServerRole.MEMBER)
            await service.emails.set(user.id, email)
            if locked:
                await service.accounts.lock(name, True)
        calls: dict[str, list[tuple[str, str]]] = {}
        real = service.store

        class Watched:
            def __getattr__(self, name: str) -> Any:
                method = getattr(real, name)

                def call(*given: Any, **named: Any) -> Any:
                    seen.append((name, given[0] if given else ""))
                    return method(*given, **named)

                return call

        answers = set()
        for name in ("ada", "bob", "carol", "nobody"):
            seen: list[tuple[str, str]] = []
            service.logins._steps.flows._store = Watched()  # type: ignore[assignment]
            service.logins._steps._users._store = Watched()  # type: ignore[assignment]
            service.accounts._store = Watched()  # type: ignore[assignment]
            service.emails._store = Watched()  # type: ignore[assignment]
            turn = await asked(service, name)
            calls[name] = list(seen)
            answers.add((turn.step.text, len(turn.flow)))  # type: ignore[union-attr]
            await idle(service)
        assert len(answers) == 1
        assert calls["ada"] == calls["bob"] == calls["carol"] == calls["nobody"]
        assert [mail.to for mail in postman.mails] == ["ada@example.org"]


async def test_mails_to_a_user_and_questions_from_an_address_are_counted() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada = await service.accounts.add("ada", "x")
        await service.emails.set(ada.id, "ada@example.org")
        for _ in range(5):
            await asked(service, "ada")
            await idle(service)
        assert len(postman.mails) == 3
        with pytest.raises(ChatError, match=r"limit\.rate"):
            for number in range(30):
                await asked(service, f"nobody{number}")
        await asked(service, "ada", LoginClient(address="198.51.100.7"))  # not for others


async def test_an_address_counts_once_its_link_is_opened() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, token = await service.accounts.register("ada", "x", client=CLIENT)
        own = service.own_emails
        shown = await own.set(ada, token, "ada@example.org", language="en")
        assert (shown.email, shown.pending) == (None, "ada@example.org")
        await until(lambda: postman.mails)
        code = code_in(postman.mails[0])
        secret = code.partition(".")[2]
        assert secret not in str(await service.store.scan("email", ""))
        for wrong in ("", "x", f"{ada.id}.x", f"nobody.{secret}", code + "x", "\ud800"):
            with pytest.raises(ChatError, match=r"auth\.refused"):
                await own.confirm(wrong)
        await own.confirm(code)
        shown = await own.get(ada)
        assert (shown.email, shown.pending) == ("ada@example.org", None)
        with pytest.raises(ChatError, match=r"auth\.refused"):
            await own.confirm(code)
        assert (await own.set(ada, token, None)).email is None


async def test_a_link_to_confirm_ends_in_time_and_with_another_one() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, token = await service.accounts.register("ada", "x", client=CLIENT)
        own = service.own_emails
        await own.set(ada, token, "old@example.org")
        await own.set(ada, token, "new@example.org")
        await until(lambda: len(postman.mails) == 2)
        old, new = (
            code_in(next(mail for mail in postman.mails if mail.to.startswith(name)))
            for name in ("old", "new")
        )
        with pytest.raises(ChatError, match=r"auth\.refused"):
            await own.confirm(old)
        service.emails._clock = lambda: time.time() + 86401
        with pytest.raises(ChatError, match=r"auth\.refused"):
            await own.confirm(new)
        assert (await own.get(ada)).pending is None
        await service.emails.sweep()
        assert await service.store.scan("email", "") == []


async def test_mails_to_confirm_are_counted_by_user_and_by_address() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, token = await service.accounts.register("ada", "x", client=CLIENT)
        for number in range(5):
            await service.own_emails.set(ada, token, f"x{number}@example.org")
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await service.own_emails.set(ada, token, "y@example.org")
        for number in range(6):
            user, mine = await service.accounts.register(f"u{number}", "x", client=CLIENT)
            try:
                await service.own_emails.set(user, mine, "victim@example.org")
            except ChatError as error:
                assert (error.code, number) == ("limit.rate", 5)
        service.emails._meter._clock = lambda: time.time() + 3601
        await service.emails.sweep()
        assert await service.store.scan(METERED, "") == []


async def test_an_address_goes_with_its_account() -> None:
    async with mailing(Postman()) as (service,):
        await service.accounts.add("owner", "x")
        ada = await service.accounts.add("ada", "x", role=ServerRole.MEMBER)
        await service.emails.set(ada.id, "ada@example.org")
        await service.removal.delete("ada")
        assert await service.store.scan("email", "") == []
