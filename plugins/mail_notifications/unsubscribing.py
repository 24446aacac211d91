"""Links by which the reader of a mail turns such mails off, without signing in: in one click (RFC 8058).

A link has the user's id and a signature of it. It never ends, as mails are kept for long, and all that it does is to turn
mails off. Programs that open each link of a mail (GET) change nothing; mail programs and the page's button POST.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Sequence
from html import escape

from chatserver import ChatError, Context, Reply, Request, Route, mail_language
from chatserver_plugins.mail_notifications.refusals import CHANGED
from chatserver_plugins.mail_notifications.texts import TEXTS
from chatserver_plugins.mail_notifications.wish import KEY as PREFERENCE
from chatserver_plugins.mail_notifications.wish import Mode

PATH = "/mail-notifications/unsubscribe"
KEY = "signing"  # the record with the key of the signatures
KEY_BYTES, SIGNATURE_BYTES = 32, 16
CODE_CHARS = 200
PURPOSE = b"unsubscribe\0"


class Links:
    """Makes and checks links."""

    def __init__(self, context: Context) -> None:
        self._records, self._url = context.records, context.public_url
        self._key = b""

    async def unsubscribe(self, user: str) -> str:
        """The address that turns mails to the user (id) off."""
        return f"{self._url}{PATH}/{user}.{await self._signature(user)}"

    async def user(self, code: str) -> str | None:
        """The user (id) that a code was made for; None for any other text."""
        if len(code) > CODE_CHARS or not code.isascii():
            return None
        user, _, signature = code.rpartition(".")
        return user if hmac.compare_digest(signature, await self._signature(user)) else None

    async def _signature(self, user: str) -> str:
        if not self._key:
            await self._records.add(KEY, secrets.token_bytes(KEY_BYTES))
            self._key = await self._records.get(KEY) or b""
            assert self._key
        digest = hmac.digest(self._key, PURPOSE + user.encode(), "sha256")[:SIGNATURE_BYTES]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Unsubscribing:
    """Answers those links."""

    def __init__(self, context: Context, links: Links) -> None:
        self._service, self._tell, self._links = context.service, context.tell, links

    async def ask(self, request: Request) -> Reply:
        """A page with a button."""
        language = mail_language(request.header("Accept-Language") or "")
        texts = TEXTS[language]
        code = request.parameters["code"]
        if await self._links.user(code) is None:
            return _page(language, texts.wrong, "", status=404)
        button = f'<form method="post"><button>{escape(texts.stop)}</button></form>'
        return _page(language, texts.ask, texts.ask_more, button)

    async def stop(self, request: Request) -> Reply:
        """Turn mails off, whatever the body says: mail programs send it in two forms, and the path says all."""
        language = mail_language(request.header("Accept-Language") or "")
        texts = TEXTS[language]
        user = await self._links.user(request.parameters["code"])
        if user is None:
            return _page(language, texts.wrong, "", status=404)
        try:
            found = await self._service.accounts.get(user)
        except ChatError as error:
            if error.code != "user.not_found":
                raise
        else:
            await self._service.preferences.account.change(found, {PREFERENCE: Mode.OFF.value})
            self._tell(CHANGED, user=user)
        return _page(language, texts.stopped, texts.stopped_more)


def routes(unsubscribing: Callable[[], Unsubscribing]) -> Sequence[Route]:
    """The address of the links, for what exists once requests come."""

    async def ask(request: Request) -> Reply:
        return await unsubscribing().ask(request)

    async def stop(request: Request) -> Reply:
        return await unsubscribing().stop(request)

    return [Route(path=f"{PATH}/{{code}}", get=ask, post=stop, body_bytes=4096)]


def _page(language: str, title: str, text: str, more: str = "", status: int = 200) -> Reply:
    head = f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    body = f"<h1>{escape(title)}</h1><p>{escape(text)}</p>{more}"
    html = f'<!doctype html><html lang="{language}"><head>{head}</head><body>{body}</body></html>'
    return Reply(body=html.encode(), content_type="text/html; charset=utf-8", status=status)
