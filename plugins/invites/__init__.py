"""Invitations: links with which people make an account, also where registration is closed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from chatserver import (
    ChatError,
    Context,
    GraphQLPart,
    Localized,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
    PagePart,
    PersonalData,
    Powers,
    Reply,
    Request,
    Route,
    RunInServer,
    Settings,
    StoreUnavailable,
    User,
    hookimpl,
)
from chatserver_plugins.invites.book import Book, Invite, may_invite
from chatserver_plugins.invites.commands import commands
from chatserver_plugins.invites.desk import Desk, Wanted
from chatserver_plugins.invites.graphql import part

ICON = "M4 6h16v12H4zM4 6l8 7 8-7"
INVALID = {
    "en": "This invitation is not valid any more.",
    "ja": "この招待は無効になりました。",
}


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
        self._service = context.service
        self.book = Book(context.records)
        self._desk = Desk(context, self.book)
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
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, staff_modules=("invites.js",))

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(lambda: self._desk)]

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = Book(context.records)
        return [
            PersonalData(
                name="invites",
                title={"en": "Invitations you made", "ja": "作成した招待"},
                export=book.held,
                erase=book.forget,
            )
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
            raise  # what the person can correct is told as it is, and the answer may be given again
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
        user = await request.user()
        try:
            wanted = msgspec.json.decode(request.body or b"{}", type=Wanted)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ChatError("request.invalid", str(error)) from error
        made = await self._desk.make(user, request.address, wanted)
        return Reply(body=msgspec.json.encode(made), status=201)

    async def _list(self, request: Request) -> Reply:
        found = await self._desk.all(await request.user(), request.address)
        return Reply(body=msgspec.json.encode({"invites": found}))

    async def _remove(self, request: Request) -> Reply:
        user = await request.user()
        await self._desk.remove(user, request.address, request.parameters["id"])
        return Reply(body=b"{}")


def _form(given: Mapping[str, str], error: Localized = "") -> LoginForm:
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
                label={"en": "Display name (optional)", "ja": "表示名（任意）"},
                value=kept("name"),
                required=False,
            ),
        ),
        error=error,
    )
