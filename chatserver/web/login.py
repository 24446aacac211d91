"""Signing in by any method, and the sessions and password of the user who is signed in.

Each handler parses, calls the service, and replies; `ROUTES` is the table of addresses.
"""

from typing import Annotated
from urllib.parse import parse_qsl, urlencode

import msgspec
from msgspec import Meta

from chatserver.errors import ChatError
from chatserver.hooks.login import LoginDone, LoginField, LoginForm, LoginRedirect
from chatserver.localized import Localized
from chatserver.model import User
from chatserver.service.login.identities import Linked
from chatserver.service.login.logins import Begun, Finished, MethodView, Progress, SignedIn
from chatserver.service.login.sessions import OwnSession
from chatserver.service.login.steps import RETURN_PATH, VALUES_MOST
from chatserver.web.api import CREDENTIALS_BYTES, GivenEmail, SessionHandler
from chatserver.web.base import BaseHandler

PURPOSES: dict[str, Begun] = {"sign_in": "sign_in", "link": "link", "confirm": "confirm"}
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Token = Annotated[str, Meta(max_length=200)]


class LoginBegin(msgspec.Struct, frozen=True):
    """With `secret` the answer has the secret that binds the steps to the client; without it, a cookie has it."""

    method: Name
    purpose: Begun = "sign_in"
    back: Annotated[str, Meta(max_length=1000)] = "/"
    secret: bool = False


class LoginAnswer(msgspec.Struct, frozen=True):
    """Without `answer` and `method` the waiting step comes once more; `method` takes an alternative."""

    flow: Token
    answer: dict[str, str] | None = None
    method: Name | None = None
    secret: Token | None = None


class FormStep(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", tag="form"):
    """Fields to fill in; `error` says what was wrong with the last answer."""

    fields: list[LoginField]
    text: Localized = ""
    error: Localized = ""


class RedirectStep(msgspec.Struct, frozen=True, tag_field="kind", tag="redirect"):
    """The address of another server, to which the browser goes."""

    url: str


class LoginProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is next: a step; or a user and a token; or `done`, with the purpose."""

    flow: str | None = None
    method: str | None = None
    step: FormStep | RedirectStep | None = None
    alternatives: list[str] = []
    secret: str | None = None
    user: User | None = None
    token: str | None = None
    done: str | None = None


class LoginMethods(msgspec.Struct, frozen=True):
    methods: list[MethodView]


class OwnSessions(msgspec.Struct, frozen=True):
    sessions: list[OwnSession]


class OwnIdentities(msgspec.Struct, frozen=True):
    identities: list[Linked]
    has_password: bool


class EmailCode(msgspec.Struct, frozen=True):
    code: Token


class PasswordChange(msgspec.Struct, frozen=True):
    old: str
    new: str


class LoginHandler(SessionHandler):
    """Answers anybody, so it reads no more than credentials take."""

    json_methods = frozenset(("POST",))
    most_bytes = CREDENTIALS_BYTES

    async def tell(self, progress: Progress, *, with_secret: bool = False) -> None:
        """Answer with what is next. A program gets its secret in the answer, a browser in a cookie."""
        if isinstance(progress, SignedIn):
            await self.signed_in(progress.user, progress.token, 200)
        elif isinstance(progress, Finished):
            self.reply(LoginProgress(done=progress.purpose))
        else:
            if not with_secret:
                self.keep_secret(progress.secret)
            self.reply(
                LoginProgress(
                    flow=progress.flow,
                    method=progress.pending.method,
                    step=_shown(progress.step),
                    alternatives=progress.alternatives,
                    secret=progress.secret if with_secret else None,
                )
            )


class Methods(BaseHandler):
    async def get(self) -> None:
        self.service.rates.take(None, self.address)
        purpose = PURPOSES.get(self.get_query_argument("purpose", "sign_in"))
        if purpose is None:
            raise ChatError("request.invalid", "purpose: expected sign_in, link or confirm.")
        self.reply(LoginMethods(self.service.logins.listed(purpose)))


class Begin(LoginHandler):
    async def post(self) -> None:
        given = self.body(LoginBegin)
        user = None
        if given.purpose == "sign_in":
            self.service.rates.take(None, self.address)
        else:
            user = await self.user()
        # With a secret of its own, a program's sign-in is no other's of the same browser.
        client = self.client()
        if given.secret:
            client = msgspec.structs.replace(client, secret="")
        progress = await self.service.logins.begin(
            given.method, client, given.purpose, user=user, token=self.token, back=given.back
        )
        await self.tell(progress, with_secret=given.secret)


class Proceed(LoginHandler):
    async def post(self) -> None:
        given = self.body(LoginAnswer)
        self.service.rates.take(None, self.address)
        client, logins = self.client(), self.service.logins
        secret = client.secret if given.secret is None else given.secret
        progress: Progress
        if given.answer is not None:
            progress = await logins.proceed(given.flow, secret, given.answer, client)
        elif given.method is not None:
            progress = await logins.switch(given.flow, secret, given.method, client)
        else:
            progress = await logins.look(given.flow, secret)
        await self.tell(progress, with_secret=given.secret is not None)


class Return(LoginHandler):
    """A browser comes back from another server. It is led into the page, which asks for what is next."""

    json_methods = frozenset()
    answers_any_origin = True  # `post` does nothing that `get` does not

    async def post(self) -> None:
        """The other server's page posts a form (OAuth 2.0 Form Post Response Mode).

        A browser sends no cookies with a form of another site, but it does when it is sent on with a GET.
        """
        self.service.rates.take(None, self.address)
        try:
            values = parse_qsl(
                self.request.body.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=VALUES_MOST,
            )
        except ValueError as error:
            raise ChatError("request.invalid", "The form cannot be read.") from error
        self.set_status(303)
        self.set_header("Location", f"{RETURN_PATH}?{urlencode(values)}")
        self.finish()

    async def get(self) -> None:
        self.service.rates.take(None, self.address)
        back, place = "/", "failed"
        client = self.client()
        try:
            found = await self.service.logins.come_back(client.secret, self._query(), client)
        except ChatError as error:
            if error.code != "auth.flow":
                raise
        else:
            progress, back = found
            place = await self._place(progress)
        self.set_status(303)
        self.set_header("Location", f"{back}#login={place}" if place else back)
        # The address that was left has a code in it.
        self.set_header("Referrer-Policy", "no-referrer")
        self.finish()

    async def _place(self, progress: Progress | str) -> str:
        """What the page finds behind `#login=`: the id of a step, or the purpose that is reached."""
        if isinstance(progress, str):
            return progress
        if isinstance(progress, Finished):
            return progress.purpose
        if isinstance(progress, SignedIn):
            await self.keep_session(progress.user, progress.token)
            return ""
        self.keep_secret(progress.secret)
        return progress.flow

    def _query(self) -> dict[str, str]:
        try:
            return dict(parse_qsl(self.request.query, keep_blank_values=True, errors="strict"))
        except ValueError as error:
            raise ChatError("request.invalid", "The query string cannot be read.") from error


class Sessions(BaseHandler):
    async def get(self) -> None:
        user = await self.user()
        found = await self.service.accounts.own_sessions(user, self.token or "")
        self.reply(OwnSessions(found))


class OneSession(BaseHandler):
    needs_user = True

    async def delete(self, session: str) -> None:
        user = await self.user()
        await self.service.accounts.end_session(user, session, self.address)
        self.reply({})


class Identities(BaseHandler):
    async def get(self) -> None:
        user, identities = await self.user(), self.service.accounts.identities
        self.reply(
            OwnIdentities(await identities.of(user.id), await identities.has_password(user.id))
        )


class OneIdentity(BaseHandler):
    needs_user = True

    async def delete(self, linked: str) -> None:
        user = await self.user()
        await self.service.accounts.unlink(user, self.token, linked, self.address)
        self.reply({})


class Email(SessionHandler):
    json_methods = frozenset(("PUT",))
    needs_user = True

    async def get(self) -> None:
        self.reply(await self.service.own_emails.get(await self.user()))

    async def put(self) -> None:
        user, given = await self.user(), self.body(GivenEmail)
        self.reply(
            await self.service.own_emails.set(
                user, self.token, given.email, language=self.language, address=self.address
            )
        )


class ConfirmEmail(LoginHandler):
    async def post(self) -> None:
        given = self.body(EmailCode)
        self.service.rates.take(None, self.address)
        await self.service.own_emails.confirm(given.code, self.address)
        self.reply({})


class Password(SessionHandler):
    json_methods = frozenset(("PUT",))
    needs_user = True

    async def put(self) -> None:
        user, given = await self.user(), self.body(PasswordChange)
        await self.service.accounts.passwords.change(
            user, self.token or "", given.old, given.new, self.address, self.client().device
        )
        self.reply({})


def _shown(step: LoginForm | LoginRedirect | LoginDone) -> FormStep | RedirectStep:
    """A step without what its method keeps."""
    if isinstance(step, LoginRedirect):
        return RedirectStep(step.url)
    assert isinstance(step, LoginForm)
    return FormStep(list(step.fields), step.text, step.error)


ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    (r"/api/v1/login/methods", Methods, "/api/v1/login/methods"),
    (r"/api/v1/login/begin", Begin, "/api/v1/login/begin"),
    (r"/api/v1/login/proceed", Proceed, "/api/v1/login/proceed"),
    (RETURN_PATH, Return, RETURN_PATH),
    (r"/api/v1/me/sessions", Sessions, "/api/v1/me/sessions"),
    (r"/api/v1/me/sessions/([^/]+)", OneSession, "/api/v1/me/sessions/ID"),
    (r"/api/v1/me/identities", Identities, "/api/v1/me/identities"),
    (r"/api/v1/me/identities/([^/]+)", OneIdentity, "/api/v1/me/identities/ID"),
    (r"/api/v1/me/email", Email, "/api/v1/me/email"),
    (r"/api/v1/email/confirm", ConfirmEmail, "/api/v1/email/confirm"),
    (r"/api/v1/me/password", Password, "/api/v1/me/password"),
]
