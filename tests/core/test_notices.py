"""Mails about changes of an account: which there are, to which address, in which language, and how many."""

from typing import Any

import pytest

from chatserver.hooks.login import Identity, LoginClient
from chatserver.hooks.types import Actor, Deed
from chatserver.model import ServerRole, User
from chatserver.service.mail import notices, noticetexts
from chatserver.service.mail.texts import written
from chatserver.service.service import Service
from tests.core.loginmethods import CLIENT
from tests.core.test_mail import URL, Postman, code_in, idle, mailing
from tests.waiting import until

BY = "192.0.2.9"
TEXTS = [
    getattr(noticetexts, name) for name in ("PASSWORD", "EMAIL", "ADDED", "REMOVED", "RECOVERY")
]


async def reachable(service: Service, name: str = "ada") -> User:
    user = await service.accounts.add(name, "x", name.title(), ServerRole.MEMBER)
    await service.emails.set(user.id, f"{name}@example.org")
    return user


async def tell(service: Service, user: User, what: Deed, method: str = "") -> None:
    by = Actor(user=user.id, address=BY)
    service.accounts.tell(what, user, by, method=method, item="1234")
    await idle(service)


@pytest.mark.parametrize(
    ("what", "subject"),
    [
        ("password", "Your password for chatserver was changed"),
        ("password_reset", "Your password for chatserver was changed"),
        ("linked", "Another way to sign in to chatserver"),
        ("method_added", "Another way to sign in to chatserver"),
        ("unlinked", "A way to sign in to chatserver was removed"),
        ("method_removed", "A way to sign in to chatserver was removed"),
        ("recovery_codes", "New recovery codes for chatserver"),
    ],
)
async def test_a_change_of_how_one_signs_in_is_told(what: Deed, subject: str) -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada = await reachable(service)
        await tell(service, ada, what, method="reset")
        (mail,) = postman.mails
        assert (mail.to, mail.subject) == ("ada@example.org", subject)
        assert "Hello Ada," in mail.text and f"from the network address {BY}." in mail.text
        assert f"{URL}/\n" in mail.text and "1234" not in mail.text


async def test_other_changes_and_users_without_an_address_get_no_mail() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, bob = await reachable(service), await service.accounts.add("bob", "x")
        await tell(service, ada, "renamed")
        await tell(service, ada, "method_renamed")
        await tell(service, bob, "password")
        assert postman.mails == []


async def test_changes_by_the_real_ways_are_told() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, accounts = await reachable(service), service.accounts
        await accounts.passwords.set("ada", "a brand new password", Actor(operator="root"))
        identity = Identity(method="company", subject="1")
        await accounts.link(ada, identity, BY)
        await idle(service)
        (linked,) = await accounts.identities.of(ada.id)
        _, token = await accounts.open_session(ada, identity, LoginClient(address=BY))
        await accounts.unlink(ada, token, linked.id, BY)
        await idle(service)
        subjects = [mail.subject.partition(" ")[0] for mail in postman.mails]
        assert sorted(subjects) == ["A", "Another", "Your"]
        assert "An administrator did it." in postman.mails[0].text
        assert all("company" in mail.text for mail in postman.mails[1:])


async def test_the_former_address_hears_of_a_new_one() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, token = await service.accounts.register("ada", "x", client=CLIENT)
        own = service.own_emails
        for language, email in (("ja", "old@example.org"), ("en", "new@example.org")):
            await own.set(ada, token, email, language=language)
            await idle(service)
            await own.confirm(code_in(postman.mails[-1]), BY)
            await idle(service)
        confirm_old, confirm_new, told = postman.mails
        assert (confirm_old.to, confirm_new.to, told.to) == (
            *("old@example.org", "new@example.org"),
            "old@example.org",
        )
        assert "new@example.org" not in told.text and BY in told.text
        await own.set(ada, token, None, address=BY)
        await idle(service)
        assert [mail.to for mail in postman.mails[3:]] == ["new@example.org"]


async def test_an_administrator_who_changes_the_address_is_told_of_to_the_former_one() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        await reachable(service)
        staff = service.staff
        by = Actor(operator="root")
        for email in ("ada@example.org", "other@example.org", None):
            await staff.email_by_operator("ada", email, by, change=True)
            await idle(service)
        assert [mail.to for mail in postman.mails] == ["ada@example.org", "other@example.org"]
        assert "An administrator did it." in postman.mails[0].text


async def test_a_mail_is_in_the_language_of_the_account() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada = await reachable(service)
        await tell(service, ada, "password")
        shown = Identity(method="password", subject=ada.id)
        await service.accounts.open_session(ada, shown, LoginClient(language="ja-JP,en;q=0.5"))
        await tell(service, ada, "password")
        await service.store.put("email", f"language/{ada.id}", b"en")
        await tell(service, ada, "password")
        subjects = [mail.subject for mail in postman.mails]
        assert ["変更" in subject for subject in subjects] == [False, True, False]


async def test_the_language_of_the_page_that_gave_the_address_stays() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        await service.accounts.add("boss", "x")
        ada, token = await service.accounts.register("ada", "x", client=CLIENT)
        await service.own_emails.set(ada, token, "ada@example.org", language="ja,en;q=0.5")
        await idle(service)
        await service.own_emails.confirm(code_in(postman.mails[0]))
        await tell(service, ada, "recovery_codes")
        assert "リカバリーコード" in postman.mails[-1].subject
        await service.removal.delete("ada")
        assert await service.store.scan("email", "") == []


async def test_a_user_gets_a_bounded_number_of_mails_and_others_theirs() -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        ada, bob = await reachable(service), await reachable(service, "bob")
        for _ in range(notices.NOTICES_PER_HOUR + 3):
            await tell(service, ada, "password")
        await tell(service, bob, "password")
        to = [mail.to for mail in postman.mails]
        assert to == ["ada@example.org"] * notices.NOTICES_PER_HOUR + ["bob@example.org"]


async def test_a_full_queue_or_a_closed_one_keeps_no_change_from_happening(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    postman = Postman()
    async with mailing(postman) as (service,):
        await reachable(service)
        monkeypatch.setattr("chatserver.service.mail.outbox.WAITING_MOST", 0)
        await service.accounts.passwords.set("ada", "a brand new password")
        monkeypatch.undo()
        await service.accounts.passwords.set("ada", "another new password")
        await until(lambda: len(postman.mails) == 1)
    await service.accounts.passwords.set("ada", "the newest password")
    assert service.outbox._waiting == 0


@pytest.mark.parametrize("words", TEXTS)
def test_both_languages_say_the_same(words: Any) -> None:
    names = {"name": "N", "username": "U", "server": "S", "at": "T", "by": "B", "method": "M"}
    assert set(words) == {"en", "ja"}
    said = [written(words, "a@example.org", URL, language, **names).text for language in words]
    shown = [{name for name in names.values() if name in text} for text in said]
    assert "{" not in "".join(said) and shown[0] >= shown[1] >= {"N", "U", "S", "T", "B"}
