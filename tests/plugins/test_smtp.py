"""Mails reach a real mail server, by TLS alone where that is asked for; what can't be sent is told apart."""

import asyncio
import os
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatserver import AddressRefused, Mail, StartupError, Undeliverable
from chatserver_plugins.smtp import SmtpPlugin
from tests.plugins.mailserver import PASSWORD, mail_server

MAIL = Mail(
    to="ada@example.org", subject="パスワード", text="日本語 text\n", html="<p>日本語 html</p>\n"
)


def mailer(port: int, security: str = "none", **settings: Any) -> Any:
    config = SmtpPlugin.Config(
        host="localhost",
        port=port,
        security=security,  # type: ignore[arg-type]
        sender="chat@example.org",
        timeout_seconds=5,
        **settings,
    )
    return SmtpPlugin(config).provide_mail()


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_a_mail_arrives_as_it_was_written(tmp_path: Path, security: str) -> None:
    with mail_server(tmp_path, security) as server:
        authority = str(tmp_path / "ca.pem") if security != "none" else ""
        await mailer(server.port, security, ca_file=authority).send(MAIL)
        (mail,), (envelope,) = server.mails, server.envelopes
        assert server.was_tls == [security != "none"]
        assert (envelope.mail_from, envelope.rcpt_tos) == ("chat@example.org", ["ada@example.org"])
        assert (mail["From"], mail["To"]) == ("chat@example.org", "ada@example.org")
        assert mail["Subject"] == MAIL.subject and mail["Auto-Submitted"] == "auto-generated"
        assert mail["Message-ID"].endswith("@example.org>") and mail["Date"].datetime
        plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
        assert plain is not None and _lines(plain) == MAIL.text
        assert html is not None and _lines(html) == MAIL.html


async def test_mails_about_messages_have_their_ids_and_a_way_to_turn_them_off(
    tmp_path: Path,
) -> None:
    given = {
        "id": "m.1",
        "thread": "t.2",
        "unsubscribe": "https://chat.example.org/off/" + "x" * 80,
    }
    with mail_server(tmp_path) as server:
        for mail in (MAIL, replace(MAIL, **given)):
            await mailer(server.port).send(mail)
        usual, found = server.mails
        names = ("References", "In-Reply-To", "List-Unsubscribe", "Precedence")
        assert [usual[name] for name in names] == [None] * 4
        assert found["Message-ID"] == "<m.1@example.org>"
        assert found["References"] == found["In-Reply-To"] == "<t.2@example.org>"
        assert found["List-Unsubscribe"] == f"<{given['unsubscribe']}>"
        assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert found["Precedence"] == "list"


def _lines(part: EmailMessage) -> str:
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_nothing_is_sent_to_a_server_whose_certificate_is_not_trusted(
    tmp_path: Path, security: str
) -> None:
    with mail_server(tmp_path, security, needs_password=True) as server:
        with pytest.raises(Exception, match=r"(?i)certificate"):
            await mailer(server.port, security, username="chat", password=PASSWORD).send(MAIL)
        assert server.mails == [] and server.users == []


async def test_nothing_is_sent_without_tls_where_it_is_asked_for(tmp_path: Path) -> None:
    with mail_server(tmp_path, "none") as server:
        with pytest.raises(Exception, match=r"(?i)starttls"):
            await mailer(server.port, "starttls").send(MAIL)
        assert server.mails == []


async def test_it_signs_in(tmp_path: Path) -> None:
    with mail_server(tmp_path, "starttls", needs_password=True) as server:
        given = {"username": "chat", "ca_file": str(tmp_path / "ca.pem")}
        await mailer(server.port, "starttls", password=PASSWORD, **given).send(MAIL)
        assert len(server.mails) == 1 and server.users == ["chat"]
        with pytest.raises(ConnectionError, match="answered 535"):
            await mailer(server.port, "starttls", password="wrong", **given).send(MAIL)


async def test_a_refusal_for_good_is_told_apart_and_names_no_address(tmp_path: Path) -> None:
    with mail_server(tmp_path) as server:
        for answers, answer, expected in (
            (server.refuse, "550 5.1.1 <ada@example.org> is unknown", AddressRefused),
            (server.refuse, "450 4.2.1 <ada@example.org> is busy", ConnectionError),
            (server.fail, "554 5.7.1 ada@example.org wants none", Undeliverable),
            (server.fail, "451 4.3.0 later, ada@example.org", ConnectionError),
        ):
            answers.append(answer)
            with pytest.raises(expected, match=answer[:3]) as refused:
                await mailer(server.port).send(MAIL)
            assert "ada@" not in str(refused.value)
            assert type(refused.value) is expected
        assert server.mails == []
        await mailer(server.port).send(MAIL)
        assert len(server.mails) == 1


@pytest.mark.parametrize("to", ["ada@example.org\r\nBcc: eve@example.org", "", "ada", "<>"])
async def test_no_address_adds_a_header(tmp_path: Path, to: str) -> None:
    with mail_server(tmp_path) as server:
        with pytest.raises(Undeliverable):
            await mailer(server.port).send(Mail(to=to, subject="s", text="t"))
        assert server.envelopes == []


async def test_a_server_that_is_away_or_silent_is_an_error_in_time() -> None:
    with pytest.raises(OSError):
        await mailer(9).send(MAIL)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "localhost", 0)
    port = server.sockets[0].getsockname()[1]
    config = SmtpPlugin.Config(
        host="localhost", port=port, security="none", sender="a@b", timeout_seconds=0.2
    )
    with pytest.raises(Exception, match=r"(?i)timed out"):
        await SmtpPlugin(config).provide_mail().send(MAIL)
    server.close()
    await server.wait_closed()


def test_wrong_settings_are_refused_at_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"plugin\.smtp\.ca_file"):
        mailer(25, "tls", ca_file=os.fspath(tmp_path / "none.pem"))
    with pytest.raises(ValueError, match="by TLS alone"):
        mailer(25, "none", password="x")
