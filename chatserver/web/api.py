"""The HTTP API of docs/protocol.md: each handler parses, calls the service, and replies.

First the bodies of requests, then a handler for each address, last the table of addresses, ROUTES.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver.errors import ChatError
from chatserver.hooks.login import LoginClient
from chatserver.model import EditHistory, Posting, RoomKind, RoomRole, ServerRole, User
from chatserver.protocol import (
    BanSeconds,
    ClientId,
    Data,
    Id,
    Preferred,
    Reason,
    Sent,
    SlowMode,
    Values,
)
from chatserver.roomlog.room import NEWEST_PAGE, Room
from chatserver.service.bans import PAGE as BAN_PAGE
from chatserver.service.login.flows import FLOW_SECONDS
from chatserver.service.login.steps import Challenged
from chatserver.service.preferences import PAGE as PREFERENCES_PAGE
from chatserver.service.preferences import PreferencesChange
from chatserver.service.switches import SettingsChange, SwitchDo
from chatserver.service.views import MEMBER_PAGE, RoomView
from chatserver.web.access import (
    DEVICE_COOKIE,
    DEVICE_SECONDS,
    HOST_LOGIN_COOKIE,
    LOGIN_COOKIE,
    bearer_token,
    device_token,
    login_secret,
)
from chatserver.web.base import BaseHandler

CREDENTIALS_BYTES = 65536  # of a body before sign-in; signed-in users may send larger ones


class Credentials(msgspec.Struct, frozen=True):
    username: Annotated[str, Meta(max_length=200)]
    password: str


class NewAccount(Credentials, frozen=True):
    name: str | None = None


class NewRoom(msgspec.Struct, frozen=True):
    name: str | None = None
    kind: RoomKind = RoomKind.PUBLIC
    topic: Annotated[str, Meta(max_length=1000)] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    members: list[Id] = []


class RoomChange(msgspec.Struct, frozen=True):
    name: str | None = None
    topic: Annotated[str, Meta(max_length=1000)] | None = None
    description: Annotated[str, Meta(max_length=4000)] | None = None
    posting: Posting | None = None
    slow_mode: SlowMode | None = None
    edit_history: EditHistory | None = None
    kind: RoomKind | None = None


class Archiving(msgspec.Struct, frozen=True):
    archived: bool


class NewMessage(msgspec.Struct, frozen=True):
    client_id: ClientId
    body: str
    reply_to: Id | None = None
    thread: Id | None = None
    broadcast: bool = False
    data: Data | None = None


class NewBody(msgspec.Struct, frozen=True):
    body: str
    data: Data | None = None


class NewInteraction(msgspec.Struct, frozen=True):
    part: Id
    values: Values = {}


class Invitation(msgspec.Struct, frozen=True):
    user: Id


class Appointment(msgspec.Struct, frozen=True):
    role: RoomRole


class NewBan(msgspec.Struct, frozen=True):
    reason: Reason = ""
    seconds: BanSeconds | None = None


class Emoji(msgspec.Struct, frozen=True):
    emoji: Annotated[str, Meta(min_length=1, max_length=32)]


class NewCommand(msgspec.Struct, frozen=True):
    text: str
    client_id: ClientId


class TypedCommand(msgspec.Struct, frozen=True):
    text: str


class PluginOrder(SettingsChange, frozen=True, kw_only=True):
    """A switch; the other fields are for `set`: settings to change, names of those to reset, and whether to try only."""

    do: SwitchDo


class UserReply(msgspec.Struct, frozen=True):
    user: User
    token: str


class AccountChange(msgspec.Struct, frozen=True):
    """What is null stays as it is."""

    disabled: bool | None = None
    role: ServerRole | None = None


class ProfileChange(msgspec.Struct, frozen=True):
    name: str


class AddedAccount(NewAccount, frozen=True):
    """With `must_change` the user chooses another password at the first sign-in."""

    must_change: bool = True


class NewPreferences(msgspec.Struct, frozen=True):
    """Texts by key; null removes one."""

    values: Preferred


class GivenPassword(msgspec.Struct, frozen=True):
    """With `must_change` the user chooses another password at the next sign-in."""

    password: str
    must_change: bool = True


class GivenEmail(msgspec.Struct, frozen=True):
    """null removes the address."""

    email: str | None


class SessionHandler(BaseHandler):
    """A handler that signs in or out: a token goes out in the body for bots and as a cookie for pages."""

    async def signed_in(self, user: User, token: str, status: int) -> None:
        await self.keep_session(user, token)
        self.reply(UserReply(user, token), status)

    async def keep_session(self, user: User, token: str) -> None:
        """Have a browser keep the session, and that somebody signed in here."""
        self.give_cookie(token)
        held = device_token(self.request)
        device = await self.service.accounts.remember_device(user, held)
        if device:
            self._give(DEVICE_COOKIE, device, DEVICE_SECONDS)

    def client(self) -> LoginClient:
        """The client that signs in."""
        is_secure = self.access.is_secure(self.request)
        return LoginClient(
            address=self.address,
            agent=self.request.headers.get("User-Agent", ""),
            device=device_token(self.request),
            secret=login_secret(self.request, secure=is_secure),
            is_secure=is_secure,
            language=self.language,
        )

    def keep_secret(self, secret: str) -> None:
        """Have a browser keep the secret of a sign-in that is under way."""
        secure = self.access.is_secure(self.request)
        self._give(HOST_LOGIN_COOKIE if secure else LOGIN_COOKIE, secret, int(FLOW_SECONDS))

    def challenged(self, error: Challenged) -> Challenged:
        """The error of a sign-in that another step must follow, which the browser may continue."""
        self.keep_secret(error.turn.secret)
        return error

    def _give(self, name: str, value: str, seconds: int) -> None:
        self.set_cookie(
            name,
            value,
            max_age=seconds,
            httponly=True,
            samesite="Lax",
            secure=self.access.is_secure(self.request),
            path="/",
        )


class CredentialsHandler(SessionHandler):
    """Answers anybody, so it reads no more than credentials take."""

    json_methods = frozenset(("POST",))
    most_bytes = CREDENTIALS_BYTES


class Register(CredentialsHandler):
    async def post(self) -> None:
        given = self.body(NewAccount)
        try:
            user, token = await self.service.accounts.register(
                given.username, given.password, given.name, self.address, self.client()
            )
        except Challenged as error:
            raise self.challenged(error) from None
        await self.signed_in(user, token, 201)


class Login(CredentialsHandler):
    async def post(self) -> None:
        given = self.body(Credentials)
        self.service.rates.take(None, self.address)
        client = self.client()
        try:
            user, token = await self.service.accounts.login(
                given.username, given.password, self.address, client.device, client
            )
        except Challenged as error:
            raise self.challenged(error) from None
        await self.signed_in(user, token, 200)


class LoggedOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """With a `redirect` a browser goes on to this address, where it signs out at another server, too."""

    redirect: str = ""


class Logout(SessionHandler):
    needs_user = True

    async def post(self) -> None:
        await self.user()
        redirect = await self.service.accounts.logout(self.token or "", self.address)
        self.take_cookie()
        self.reply(LoggedOut(redirect=redirect))


class Me(SessionHandler):
    """A page's first request. A use prolongs the session, so it prolongs the cookie as well."""

    json_methods = frozenset(("PATCH",))

    async def get(self) -> None:
        user = await self.user()
        if bearer_token(self.request) is None and self.token is not None:
            self.give_cookie(self.token)
        self.reply(user)

    async def patch(self) -> None:
        given, user = self.body(ProfileChange), await self.user()
        self.reply(await self.service.accounts.change_name(user, given.name, self.address))


class SignedIn(BaseHandler):
    """An address that answers only signed-in users and reads JSON."""

    json_methods = frozenset(("PUT", "PATCH"))
    needs_user = True


class Users(SignedIn):
    """One user by name, to invite or write to. There is no list of users."""

    async def get(self, username: str) -> None:
        asker = await self.user()
        if asker.role is ServerRole.GUEST:
            raise ChatError("user.forbidden")
        found = await self.service.accounts.found(asker, username)
        if found is None:
            raise ChatError("user.not_found")
        self.reply(found)

    async def put(self, username: str) -> None:
        given, actor, accounts = self.body(AccountChange), await self.user(), self.service.accounts
        changed = None
        if given.role is not None:
            changed = await self.service.staff.appoint(
                actor, self.token, username, given.role, self.address
            )
        if given.disabled is not None:
            changed = await accounts.set_disabled(actor, username, given.disabled, self.address)
        if changed is None:
            raise ChatError("request.invalid", "Expected disabled, role, or both.")
        self.reply(changed)


class NewUsers(SignedIn):
    json_methods = frozenset(("POST",))

    async def post(self) -> None:
        user, given = await self.user(), self.body(AddedAccount)
        made = await self.service.staff.add(
            user,
            given.username,
            given.password,
            given.name,
            must_change=given.must_change,
            address=self.address,
        )
        self.reply(made, 201)


class PasswordOfUser(SignedIn):
    async def put(self, username: str) -> None:
        user, given = await self.user(), self.body(GivenPassword)
        changed = await self.service.staff.set_password(
            user,
            self.token,
            username,
            given.password,
            must_change=given.must_change,
            address=self.address,
        )
        self.reply(changed)


class ResetLinks(SignedIn):
    async def post(self, username: str) -> None:
        user = await self.user()
        made = await self.service.staff.reset_link(user, self.token, username, self.address)
        self.reply(made, 201)


class EmailOfUser(SignedIn):
    async def get(self, username: str) -> None:
        user = await self.user()
        self.reply(await self.service.staff.email(user, username, self.address))

    async def put(self, username: str) -> None:
        user, given = await self.user(), self.body(GivenEmail)
        self.reply(
            await self.service.staff.set_email(
                user, self.token, username, given.email, self.address
            )
        )


class Rooms(SignedIn):
    json_methods = frozenset(("POST",))

    async def get(self) -> None:
        user = await self.user()
        after, limit = self.get_query_argument("after", ""), self.number("limit", None, 1)
        archived = self.get_query_argument("archived", "") == "true"
        self.reply_packed(
            await self.service.rooms.visible(
                user, after, limit, self.looked_for(), archived=archived
            )
        )

    async def post(self) -> None:
        user, given = await self.user(), self.body(NewRoom)
        room = await self.service.rooms.create(
            user, given.kind, given.name, given.topic, given.members, given.description
        )
        self.reply(await self.service.rooms.view(user, room), 201)


class RoomHandler(SignedIn):
    """An address under one room."""

    async def asked(self, room: str) -> tuple[User, Room]:
        """The user who asks, and the room."""
        user = await self.user()
        return user, await self.service.rooms.get(room, user)

    async def view(self, user: User, room: Room) -> RoomView:
        return await self.service.rooms.view(user, room)


class OneRoom(RoomHandler):
    async def get(self, room: str) -> None:
        self.reply(await self.view(*await self.asked(room)))

    async def patch(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(RoomChange)
        await self.service.rooms.change(
            user,
            found,
            given.name,
            given.topic,
            given.posting,
            given.description,
            given.kind,
            slow_mode=given.slow_mode,
            edit_history=given.edit_history,
        )
        self.reply(await self.view(user, found))

    async def delete(self, room: str) -> None:
        self.reply({"seq": await self.service.rooms.delete(*await self.asked(room))})


class Archived(RoomHandler):
    async def put(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(Archiving)
        await self.service.rooms.archive(user, found, given.archived)
        self.reply(await self.view(user, found))


class Join(RoomHandler):
    async def post(self, room: str) -> None:
        user, found = await self.asked(room)
        await self.service.rooms.join(user, found)
        self.reply(await self.view(user, found))


class Leave(RoomHandler):
    async def post(self, room: str) -> None:
        user, found = await self.asked(room)
        await self.service.rooms.leave(user, found)
        self.reply({})


class Members(RoomHandler):
    json_methods = frozenset(("POST",))

    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        after = self.get_query_argument("after", "")
        limit = self.number("limit", MEMBER_PAGE, 1)
        self.reply(await self.service.rooms.members(user, found, after, limit, self.looked_for()))

    async def post(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(Invitation)
        await self.service.rooms.invite(user, found, given.user)
        self.reply({}, 201)


class OneMember(RoomHandler):
    async def put(self, room: str, member: str) -> None:
        (user, found), given = await self.asked(room), self.body(Appointment)
        seq = await self.service.rooms.appoint(user, found, member, given.role)
        self.reply({"seq": seq})

    async def delete(self, room: str, member: str) -> None:
        user, found = await self.asked(room)
        await self.service.rooms.kick(user, found, member)
        self.reply({})


class BansOfRoom(RoomHandler):
    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        after, limit = self.get_query_argument("after", ""), self.number("limit", BAN_PAGE, 1)
        self.reply(self.service.rooms.bans.page(user, found, after, limit))


class OneBan(RoomHandler):
    async def put(self, room: str, member: str) -> None:
        (user, found), given = await self.asked(room), self.body(NewBan)
        add = self.service.rooms.bans.add(user, found, member, given.reason, given.seconds)
        self.reply({"seq": await add})

    async def delete(self, room: str, member: str) -> None:
        user, found = await self.asked(room)
        self.reply({"seq": await self.service.rooms.bans.lift(user, found, member)})


class OwnPreferences(SignedIn):
    async def get(self) -> None:
        user = await self.user()
        after, limit = (
            self.get_query_argument("after", ""),
            self.number("limit", PREFERENCES_PAGE, 1),
        )
        self.reply(await self.service.preferences.page(user, after, limit))

    async def patch(self) -> None:
        user, given = await self.user(), self.body(NewPreferences)
        await self.service.preferences.account.change(user, given.values)
        self.reply({})


class PreferencesOfRoom(RoomHandler):
    async def patch(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(PreferencesChange)
        self.reply(await self.service.preferences.set(user, found, given))


class Messages(RoomHandler):
    json_methods = frozenset(("POST",))

    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        before, around, after = (self.number(name, None) for name in ("before", "around", "after"))
        limit = self.number("limit", NEWEST_PAGE, 1)
        is_newest = before is None and around is None and after is None
        if is_newest and limit == NEWEST_PAGE <= self.gate.config.limits.history_page:
            self.reply_encoded(await self.service.history.newest_encoded(user, found))
        else:
            page = self.service.history.page(user, found, before, limit, around=around, after=after)
            self.reply(await page)

    async def post(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(NewMessage)
        event, repeated = await self.service.messages.post(
            user,
            found,
            given.client_id,
            given.body,
            given.reply_to,
            thread=given.thread,
            broadcast=given.broadcast,
            data=given.data,
        )
        self.reply(Sent(event.id, event.seq, event.at), 200 if repeated else 201)


class OneMessage(RoomHandler):
    async def patch(self, room: str, message: str) -> None:
        (user, found), given = await self.asked(room), self.body(NewBody)
        seq = await self.service.messages.edit(user, found, message, given.body, data=given.data)
        self.reply({"seq": seq})

    async def delete(self, room: str, message: str) -> None:
        user, found = await self.asked(room)
        self.reply({"seq": await self.service.messages.delete(user, found, message)})


class Reactions(RoomHandler):
    json_methods = frozenset(("POST",))

    async def post(self, room: str, message: str) -> None:
        (user, found), given = await self.asked(room), self.body(Emoji)
        seq = await self.service.messages.react(user, found, message, given.emoji)
        self.reply({"seq": seq})

    async def delete(self, room: str, message: str) -> None:
        user, found = await self.asked(room)
        emoji = self.get_query_argument("emoji", "")
        self.reply({"seq": await self.service.messages.unreact(user, found, message, emoji)})


class Interactions(RoomHandler):
    json_methods = frozenset(("POST",))

    async def post(self, room: str, message: str) -> None:
        (user, found), given = await self.asked(room), self.body(NewInteraction)
        self.reply(
            await self.service.interactions.interact(user, found, message, given.part, given.values)
        )


class Events(RoomHandler):
    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        after = self.number("after", 0)
        limit = self.number("limit", 500, 1)
        self.reply(await self.service.history.events(user, found, after, limit))


class Commands(RoomHandler):
    json_methods = frozenset(("POST",))

    async def get(self, room: str) -> None:
        user, found = await self.asked(room)
        self.reply({"commands": self.service.commands.available(user, found)})

    async def post(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(NewCommand)
        run = self.service.commands.run(user, found, given.text, given.client_id)
        self.reply(await run)


class CommandSuggestions(RoomHandler):
    """Asked by POST, so that nothing that is typed gets into the log of a proxy."""

    json_methods = frozenset(("POST",))

    async def post(self, room: str) -> None:
        (user, found), given = await self.asked(room), self.body(TypedCommand)
        suggestions = await self.service.commands.complete(user, found, given.text)
        self.reply({"suggestions": suggestions})


class OnePlugin(SignedIn):
    json_methods = frozenset(("POST",))

    async def post(self, name: str) -> None:
        user = await self.user()
        given = self.body(PluginOrder)
        await self.service.accounts.demand_recent(user, self.token)
        change = SettingsChange(settings=given.settings, reset=given.reset, dry_run=given.dry_run)
        self.reply(await self.service.switches.switch(user, given.do, name, self.address, change))


_ROOM = r"/api/v1/rooms/([^/]+)"
ROUTES: list[tuple[str, type[BaseHandler], str]] = [
    # Tornado tries the addresses in order, so the commonest one comes first.
    (_ROOM + "/messages", Messages, "/api/v1/rooms/ID/messages"),
    (_ROOM + "/events", Events, "/api/v1/rooms/ID/events"),
    (r"/api/v1/register", Register, "/api/v1/register"),
    (r"/api/v1/login", Login, "/api/v1/login"),
    (r"/api/v1/logout", Logout, "/api/v1/logout"),
    (r"/api/v1/me", Me, "/api/v1/me"),
    (r"/api/v1/me/preferences", OwnPreferences, "/api/v1/me/preferences"),
    (r"/api/v1/users", NewUsers, "/api/v1/users"),
    (r"/api/v1/users/([^/]+)", Users, "/api/v1/users/NAME"),
    (r"/api/v1/users/([^/]+)/password", PasswordOfUser, "/api/v1/users/NAME/password"),
    (r"/api/v1/users/([^/]+)/reset-link", ResetLinks, "/api/v1/users/NAME/reset-link"),
    (r"/api/v1/users/([^/]+)/email", EmailOfUser, "/api/v1/users/NAME/email"),
    (r"/api/v1/rooms", Rooms, "/api/v1/rooms"),
    (_ROOM, OneRoom, "/api/v1/rooms/ID"),
    (_ROOM + "/archived", Archived, "/api/v1/rooms/ID/archived"),
    (_ROOM + "/join", Join, "/api/v1/rooms/ID/join"),
    (_ROOM + "/leave", Leave, "/api/v1/rooms/ID/leave"),
    (_ROOM + "/members", Members, "/api/v1/rooms/ID/members"),
    (_ROOM + "/members/([^/]+)", OneMember, "/api/v1/rooms/ID/members/ID"),
    (_ROOM + "/bans", BansOfRoom, "/api/v1/rooms/ID/bans"),
    (_ROOM + "/bans/([^/]+)", OneBan, "/api/v1/rooms/ID/bans/ID"),
    (_ROOM + "/preferences", PreferencesOfRoom, "/api/v1/rooms/ID/preferences"),
    (_ROOM + "/commands", Commands, "/api/v1/rooms/ID/commands"),
    (
        _ROOM + "/commands/suggestions",
        CommandSuggestions,
        "/api/v1/rooms/ID/commands/suggestions",
    ),
    (r"/api/v1/plugins/([^/]+)", OnePlugin, "/api/v1/plugins/NAME"),
    (_ROOM + "/messages/([^/]+)", OneMessage, "/api/v1/rooms/ID/messages/ID"),
    (_ROOM + "/messages/([^/]+)/reactions", Reactions, "/api/v1/rooms/ID/messages/ID/reactions"),
    (
        _ROOM + "/messages/([^/]+)/interactions",
        Interactions,
        "/api/v1/rooms/ID/messages/ID/interactions",
    ),
]
