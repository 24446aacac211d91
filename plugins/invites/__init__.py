"""Invitations: links with which people make an account, also where registration is closed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Annotated

import click
import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    InviteCreate,
    InviteRemove,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
    Powers,
    Reply,
    Request,
    Route,
    RunInServer,
    Settings,
    StoreUnavailable,
    User,
    hookimpl,
    time_text,
)
from chatserver_plugins.invites.book import Book, Invite, id_of, may_invite
from chatserver_plugins.invites.commands import commands

ICON = "M4 6h16v12H4zM4 6l8 7 8-7"
INVALID = "This invitation is not valid any more."
SHOWN_ERRORS = ("user.exists", "request.invalid")  # mistakes that the person can correct


class Wanted(msgspec.Struct, frozen=True):
    """An invitation to make."""

    uses: Annotated[int, Meta(ge=1, le=1000)] = 1
    days: Annotated[float, Meta(gt=0, le=365)] = 7
    rooms: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=50)] = ()  # fmt: skip


class InvitesPlugin:
    """Staff of the server makes invitations; whoever has one makes an account with it."""

    powers = Powers(
        service=(
            "accounts.by_name",
            "accounts.get",
            "accounts.sign_up",
            "administration.demand",
            "rooms.get",
            "rooms.invite",
        )
    )

    def __init__(self, config: Settings) -> None:
        pass

    @hookimpl
    def register_login_methods(self, context: Context) -> Sequence[LoginMethod]:
        self._service, self._public_url = context.service, context.public_url
        self._allow = context.allow
        self.book = Book(context.records)
        return [
            LoginMethod(
                name="invite",
                label={"en": "Invitation", "ja": "招待"},
                icon=ICON,
                begin=self._begin,
                proceed=self._proceed,
                purposes=("sign_in",),
                deadline=60.0,
            )
        ]

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        return [
            Route(path="/api/v1/invites", get=self._list, post=self._make),
            Route(path="/api/v1/invites/{id}", delete=self._remove),
        ]

    @hookimpl
    def register_cli(self, run: RunInServer) -> click.Command:
        return commands(run)

    # -- steps -----------------------------------------------------------------------------------

    async def _begin(self, flow: LoginFlow) -> LoginStep:
        return _form({})

    async def _proceed(self, flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        code = answer["code"].strip()
        invite = await self.book.find(code)
        inviter = None if invite is None else await self._inviter(invite)
        if invite is None or inviter is None or not await self.book.take(code):
            return _form(answer, INVALID)
        try:
            user = await self._service.accounts.sign_up(
                answer["username"],
                answer["password"],
                answer["name"] or None,
                flow.address,
                is_invited=True,
            )
        except ChatError as error:
            # With a store that did not answer the account may be there, so the use is gone.
            if not isinstance(error, StoreUnavailable):
                await self.book.give_back(code)
            if error.code not in SHOWN_ERRORS:
                raise
            return _form(answer, error.text)
        for room in invite.rooms:
            with suppress(ChatError):  # such as a room in which the inviter may not invite any more
                found = await self._service.rooms.get(room, inviter)
                await self._service.rooms.invite(inviter, found, user.id)
        return LoginDone(user=user.id)

    async def _inviter(self, invite: Invite) -> User | None:
        """The user who made an invitation; None if they may not make any now."""
        with suppress(ChatError):
            user = await self._service.accounts.get(invite.by)
            if may_invite(user):
                return user
        return None

    # -- addresses -------------------------------------------------------------------------------

    async def _make(self, request: Request) -> Reply:
        user = await self._staff(request)
        try:
            wanted = msgspec.json.decode(request.body or b"{}", type=Wanted)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        for room in wanted.rooms:
            await self._service.rooms.get(room, user)
        action = InviteCreate(uses=wanted.uses, days=wanted.days, rooms=wanted.rooms)
        await self._allow(action, user)
        code, invite = await self.book.make(user.id, wanted.uses, wanted.days, wanted.rooms)
        shown = _shown(id_of(code), invite)
        link = f"{self._public_url}/#invite={code}"
        return _reply(shown | {"code": code, "link": link}, 201)

    async def _list(self, request: Request) -> Reply:
        await self._staff(request)
        return _reply({"invites": [_shown(*each) for each in await self.book.all()]})

    async def _remove(self, request: Request) -> Reply:
        user, invite = await self._staff(request), request.parameters["id"]
        await self._allow(InviteRemove(invite=invite), user)
        if not await self.book.remove(invite):
            raise ChatError("request.not_found")
        return _reply({})

    async def _staff(self, request: Request) -> User:
        user = await request.user()
        self._service.administration.demand(user, request.address)
        return user


def _form(given: Mapping[str, str], error: str = "") -> LoginForm:
    def kept(name: str) -> str:
        return given.get(name, "")[:200]

    return LoginForm(
        fields=(
            LoginField(
                name="code", label={"en": "Invitation", "ja": "招待コード"}, value=kept("code")
            ),
            LoginField(
                name="username",
                label={"en": "User name", "ja": "ユーザー名"},
                value=kept("username"),
            ),
            LoginField(
                name="password", label={"en": "Password", "ja": "パスワード"}, kind="new_password"
            ),
            LoginField(
                name="name",
                label={"en": "Display name", "ja": "表示名"},
                value=kept("name"),
                required=False,
            ),
        ),
        error=error,
    )


def _shown(name: str, invite: Invite) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(invite)
    times = {"made": time_text(invite.made), "expires": time_text(invite.expires)}
    return {"id": name} | fields | times


def _reply(answer: Mapping[str, object], status: int = 200) -> Reply:
    return Reply(body=msgspec.json.encode(answer), status=status)
