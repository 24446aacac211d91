"""Everything that users do, by the names and arguments with which each door knows it."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec

from chatserver import (
    AccountDelete,
    AccountLock,
    Action,
    BotChange,
    BotCreate,
    BotRemove,
    BotTokenCreate,
    DetailsChange,
    EmojiAdd,
    EmojiRemove,
    GroupChange,
    GroupCreate,
    GroupRemove,
    Interact,
    InviteCreate,
    InviteRemove,
    JoinAnswer,
    JoinAsk,
    LinkPreviewRemove,
    LoginMethodAdd,
    LoginMethodRemove,
    MessageDelete,
    MessageEdit,
    MessageReport,
    MessageSchedule,
    MessageSend,
    PasswordChange,
    PasswordReset,
    PictureChange,
    Pin,
    PollEnd,
    PollVote,
    ProfileChange,
    React,
    Register,
    ReportSettle,
    RoleChange,
    RoomAppoint,
    RoomArchive,
    RoomBan,
    RoomChange,
    RoomCreate,
    RoomDelete,
    RoomInvite,
    RoomJoin,
    RoomKind,
    RoomLeave,
    RoomLiftBan,
    RoomPictureChange,
    RoomRemove,
    RoomRole,
    RunCommand,
    ServerRole,
    Service,
    SignIn,
    UploadBegin,
    UploadFinish,
    User,
    WebhookPost,
)
from chatserver.hooks.login import Identity
from chatserver_plugins.bots.book import Bot
from chatserver_plugins.emoji.book import PREFIX, Entry
from chatserver_plugins.groups.book import PREFIX as GROUPS
from chatserver_plugins.groups.book import Group
from chatserver_plugins.join_requests.book import Kept as Asked
from chatserver_plugins.polls.poll import Poll
from tests.plugins.samples import png
from tests.protocol.running import PASSWORD, Person, Running

HOOK_ROOM = "0123456789abcdefghjk"
HOOK_TOKEN = "the token of the hook"
TUS = {"Tus-Resumable": "1.0.0"}
ADDING = TUS | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
PICTURE = "R0lGODlhAQABAAAAADs="  # the head of a GIF, and its end
THERE = Entry(
    blob="0" * 32,
    media_type="image/gif",
    width=1,
    height=1,
    by="",
    at="2026-01-02T03:04:05Z",
)
POLL = Poll(question="?", options=("a", "b"))
LINK = "https://example.org/"
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")

Actor = Literal["member", "owner", "admin", "bot"]
Needs = Literal["anybody", "moderator", "staff"]


class Scene(NamedTuple):
    """A room with the actor, its host and a member; messages of the actor's; and a room of somebody else."""

    actor: Person
    member: Person
    outsider: Person
    room: str
    elsewhere: str
    message: str
    pinned: str  # a message that is pinned, and has a reaction of the actor's
    asking: str  # a message with a button
    upload: str = "-"  # the path of an upload of one byte
    identity: str = "-"  # a way to sign in to the actor's account
    theirs: str = "-"  # a message of the member's
    report: str = "-"  # the outsider's report of it
    poll: str = "-"  # a message with a poll
    hidden: str = "-"  # a private room of the outsider's that takes requests to join


Http = tuple[str, str, Any] | tuple[str, str, Any, dict[str, Any]]
Inside = Callable[[Scene, Service, User], Awaitable[Any]]


class Case(NamedTuple):
    """One way to ask for an action. `inside` is what a plugin calls on behalf of the user."""

    kind: type[Action]
    op: Callable[[Scene], tuple[str, dict[str, Any]]] | None = None
    http: Callable[[Scene], Http] | None = None
    mutation: Callable[[Scene], tuple[str, dict[str, Any]]] | None = None
    inside: Inside | None = None
    needs: Needs = "anybody"
    via: str = "http"  # of the address


def in_room(act: Callable[[Scene, Service, User, Any], Awaitable[Any]], elsewhere: bool = False) -> Inside:  # fmt: skip
    async def inside(scene: Scene, service: Service, user: User) -> None:
        room = await service.rooms.get(scene.elsewhere if elsewhere else scene.room, user)
        await act(scene, service, user, room)

    return inside


async def _one_byte() -> Any:
    yield b"x"


async def _upload(scene: Scene, service: Service, user: User) -> None:
    await service.blobs.take(user.id, _one_byte(), name="a.txt", media_type="text/plain", size=1)


CASES = {
    "register": Case(
        Register,
        http=lambda s: ("POST", "/api/v1/register", {"username": "newcomer", "password": PASSWORD}),
        mutation=lambda s: ("register", {"username": "newcomer", "password": PASSWORD}),
    ),
    "login": Case(
        SignIn,
        http=lambda s: (
            "POST", "/api/v1/login", {"username": s.actor.username, "password": PASSWORD},
        ),
        mutation=lambda s: ("login", {"username": s.actor.username, "password": PASSWORD}),
    ),
    "password": Case(
        PasswordChange,
        http=lambda s: (
            "PUT", "/api/v1/me/password", {"old": PASSWORD, "new": "another long password"},
        ),
        mutation=lambda s: ("changePassword", {"old": PASSWORD, "new": "another long password"}),
    ),
    "add a way to sign in": Case(
        LoginMethodAdd,
        http=lambda s: ("POST", "/api/v1/login/begin", {"method": "totp", "purpose": "link"}),
        mutation=lambda s: ("beginLogin", {"method": "totp", "purpose": "LINK"}),
    ),
    "remove a way to sign in": Case(
        LoginMethodRemove,
        http=lambda s: ("DELETE", f"/api/v1/me/identities/{s.identity}", None),
        mutation=lambda s: ("unlinkIdentity", {"identityId": s.identity}),
    ),
    "remove one-time codes": Case(
        LoginMethodRemove,
        http=lambda s: ("DELETE", "/api/v1/me/totp", None),
        mutation=lambda s: ("removeOneTimeCodes", {}),
        via="totp",
    ),
    "remove a passkey": Case(
        LoginMethodRemove,
        http=lambda s: ("DELETE", "/api/v1/me/passkeys/0123456789abcdef", None),
        mutation=lambda s: ("removePasskey", {"passkeyId": "0123456789abcdef"}),
        via="passkeys",
    ),
    "lock": Case(
        AccountLock,
        http=lambda s: ("PUT", f"/api/v1/users/{s.outsider.username}", {"disabled": True}),
        mutation=lambda s: (
            "setUserDisabled", {"username": s.outsider.username, "disabled": True},
        ),
        needs="staff",
    ),
    "add a user": Case(
        Register,
        http=lambda s: ("POST", "/api/v1/users", {"username": "made", "password": PASSWORD}),
        mutation=lambda s: (
            "addUser", {"username": "made", "password": PASSWORD, "mustChange": True},
        ),
        needs="staff",
    ),
    "set a password": Case(
        PasswordReset,
        http=lambda s: (
            "PUT", f"/api/v1/users/{s.outsider.username}/password", {"password": PASSWORD},
        ),
        mutation=lambda s: (
            "setUserPassword", {"username": s.outsider.username, "password": PASSWORD},
        ),
        needs="staff",
    ),
    "set an e-mail address": Case(
        PasswordReset,
        http=lambda s: (
            "PUT", f"/api/v1/users/{s.outsider.username}/email", {"email": "a@example.org"},
        ),
        mutation=lambda s: (
            "setUserEmail", {"username": s.outsider.username, "email": "a@example.org"},
        ),
        needs="staff",
    ),
    "make a link for a password": Case(
        PasswordReset,
        http=lambda s: ("POST", f"/api/v1/users/{s.outsider.username}/reset-link", None),
        mutation=lambda s: ("makeResetLink", {"username": s.outsider.username}),
        needs="staff",
    ),
    "appoint on the server": Case(
        RoleChange,
        http=lambda s: ("PUT", f"/api/v1/users/{s.outsider.username}", {"role": "guest"}),
        mutation=lambda s: ("setUserRole", {"username": s.outsider.username, "role": "GUEST"}),
        needs="staff",
    ),
    "rename oneself": Case(
        ProfileChange,
        http=lambda s: ("PATCH", "/api/v1/me", {"name": "Another"}),
        mutation=lambda s: ("changeProfile", {"name": "Another"}),
    ),
    "set a status": Case(
        ProfileChange,
        op=lambda s: ("status", {"emoji": "🍜", "text": "at lunch"}),
        http=lambda s: ("PUT", "/api/v1/me/status", {"text": "away"}),
        mutation=lambda s: ("setStatus", {"text": "back soon"}),
    ),
    "clear a status": Case(
        ProfileChange,
        http=lambda s: ("DELETE", "/api/v1/me/status", None),
        mutation=lambda s: ("setStatus", {"text": ""}),
    ),
    "set a picture": Case(
        PictureChange,
        http=lambda s: ("PUT", "/api/v1/me/picture", None, {"content": png()}),
        via="pictures",
    ),
    "remove one's own picture": Case(
        PictureChange,
        op=lambda s: ("pictures.remove", {}),
        http=lambda s: ("DELETE", "/api/v1/me/picture", None),
        mutation=lambda s: ("removePicture", {"userId": s.actor.id}),
        via="pictures",
    ),
    "remove the picture of another": Case(
        PictureChange,
        op=lambda s: ("pictures.remove", {"user": s.outsider.id}),
        http=lambda s: ("DELETE", f"/api/v1/users/{s.outsider.id}/picture", None),
        mutation=lambda s: ("removePicture", {"userId": s.outsider.id}),
        needs="staff",
        via="pictures",
    ),
    "set the picture of a room": Case(
        RoomPictureChange,
        http=lambda s: ("PUT", f"/api/v1/rooms/{s.room}/picture", None, {"content": png()}),
        needs="moderator",
        via="pictures",
    ),
    "remove the picture of a room": Case(
        RoomPictureChange,
        op=lambda s: ("pictures.remove", {"room": s.room}),
        http=lambda s: ("DELETE", f"/api/v1/rooms/{s.room}/picture", None),
        mutation=lambda s: ("removeRoomPicture", {"roomId": s.room}),
        needs="moderator",
        via="pictures",
    ),
    "begin a call": Case(
        MessageSend,
        op=lambda s: ("calls.begin", {"room": s.room}),
        http=lambda s: ("POST", "/api/v1/calls", {"room": s.room}),
        mutation=lambda s: ("beginCall", {"roomId": s.room}),
        via="calls",
    ),
    "make a poll": Case(
        MessageSend,
        op=lambda s: ("polls.create", {"room": s.room, "question": "?", "options": ["a", "b"]}),
        http=lambda s: (
            "POST", "/api/v1/polls", {"room": s.room, "question": "?", "options": ["a", "b"]},
        ),
        mutation=lambda s: (
            "createPoll", {"roomId": s.room, "question": "?", "options": ["a", "b"]},
        ),
        via="polls",
    ),
    "vote in a poll": Case(
        PollVote,
        op=lambda s: ("polls.vote", {"message": s.poll, "choices": [0]}),
        http=lambda s: ("PUT", f"/api/v1/polls/{s.poll}/vote", {"choices": [1]}),
        mutation=lambda s: ("votePoll", {"messageId": s.poll, "choices": []}),
        via="polls",
    ),
    "end a poll": Case(
        PollEnd,
        op=lambda s: ("polls.end", {"message": s.poll}),
        http=lambda s: ("POST", f"/api/v1/polls/{s.poll}/end", None),
        mutation=lambda s: ("endPoll", {"messageId": s.poll}),
        via="polls",
    ),
    "remove the preview of a link": Case(
        LinkPreviewRemove,
        op=lambda s: ("link_previews.remove", {"message": s.message, "url": LINK}),
        http=lambda s: ("POST", f"/api/v1/link-previews/{s.message}/remove", {"url": LINK}),
        mutation=lambda s: ("removeLinkPreview", {"messageId": s.message, "url": LINK}),
        via="link_previews",
    ),
    "say more about oneself": Case(
        DetailsChange,
        op=lambda s: ("profiles.change", {"title": "Cook"}),
        http=lambda s: ("PATCH", "/api/v1/me/profile", {"title": "Gardener"}),
        mutation=lambda s: ("updateProfileDetails", {"title": "Painter"}),
        via="profiles",
    ),
    "clear one's own profile": Case(
        DetailsChange,
        op=lambda s: ("profiles.clear", {"user": s.actor.id}),
        http=lambda s: ("DELETE", f"/api/v1/users/{s.actor.id}/profile", None),
        mutation=lambda s: ("clearProfileDetails", {"userId": s.actor.id}),
        via="profiles",
    ),
    "clear the profile of another": Case(
        DetailsChange,
        op=lambda s: ("profiles.clear", {"user": s.outsider.id}),
        http=lambda s: ("DELETE", f"/api/v1/users/{s.outsider.id}/profile", None),
        mutation=lambda s: ("clearProfileDetails", {"userId": s.outsider.id}),
        needs="staff",
        via="profiles",
    ),
    "delete one's account": Case(
        AccountDelete,
        http=lambda s: ("POST", "/api/v1/me/deletion", {"username": s.actor.username}),
        mutation=lambda s: ("deleteMyAccount", {"username": s.actor.username}),
        via="account_deletion",
    ),
    "ask to join a private room": Case(
        JoinAsk,
        op=lambda s: ("join_requests.ask", {"room": s.hidden}),
        http=lambda s: ("POST", "/api/v1/join-requests", {"room": s.hidden}),
        mutation=lambda s: ("askToJoin", {"roomId": s.hidden}),
        via="join_requests",
    ),
    "let somebody in who asks": Case(
        JoinAnswer,
        op=lambda s: ("join_requests.answer", answer_of(s, "room", "user")),
        http=lambda s: ("POST", "/api/v1/join-requests/answers", answer_of(s, "room", "user")),
        mutation=lambda s: ("answerJoinRequest", answer_of(s, "roomId", "userId")),
        needs="moderator",
        via="join_requests",
    ),
    "make an invitation": Case(
        InviteCreate,
        http=lambda s: ("POST", "/api/v1/invites", {"rooms": [s.room]}),
        mutation=lambda s: ("createInvite", {"rooms": [s.room]}),
        needs="staff",
        via="invites",
    ),
    "remove an invitation": Case(
        InviteRemove,
        http=lambda s: ("DELETE", "/api/v1/invites/0123456789abcdef", None),
        mutation=lambda s: ("removeInvite", {"inviteId": "0123456789abcdef"}),
        needs="staff",
        via="invites",
    ),
    "make a bot": Case(
        BotCreate,
        op=lambda s: ("bots.make", {"username": "robo"}),
        http=lambda s: ("POST", "/api/v1/bots", {"username": "robo"}),
        mutation=lambda s: ("makeBot", {"username": "robo"}),
        via="bots",
    ),
    "change a bot": Case(
        BotChange,
        op=lambda s: ("bots.change", {"bot": s.member.id, "locked": True}),
        http=lambda s: ("PATCH", f"/api/v1/bots/{s.member.id}", {"locked": True}),
        mutation=lambda s: ("changeBot", {"botId": s.member.id, "locked": True}),
        via="bots",
    ),
    "delete a bot": Case(
        BotRemove,
        op=lambda s: ("bots.remove", {"bot": s.member.id}),
        http=lambda s: ("DELETE", f"/api/v1/bots/{s.member.id}", None),
        mutation=lambda s: ("removeBot", {"botId": s.member.id}),
        via="bots",
    ),
    "make a token of a bot": Case(
        BotTokenCreate,
        op=lambda s: ("bots.token", {"bot": s.member.id, "label": "x", "scopes": ["read"]}),
        http=lambda s: (
            "POST", f"/api/v1/bots/{s.member.id}/tokens", {"label": "x", "scopes": ["read"]},
        ),
        mutation=lambda s: (
            "makeBotToken", {"botId": s.member.id, "label": "x", "scopes": ["READ"]},
        ),
        via="bots",
    ),
    "add an emoji": Case(
        EmojiAdd,
        op=lambda s: ("emoji.add", {"name": "new", "picture": PICTURE}),
        http=lambda s: ("POST", "/api/v1/emoji", {"name": "new", "picture": PICTURE}),
        mutation=lambda s: ("addEmoji", {"name": "new", "picture": PICTURE}),
        needs="staff",
        via="emoji",
    ),
    "remove an emoji": Case(
        EmojiRemove,
        op=lambda s: ("emoji.remove", {"name": "there"}),
        http=lambda s: ("DELETE", "/api/v1/emoji/there", None),
        mutation=lambda s: ("removeEmoji", {"name": "there"}),
        needs="staff",
        via="emoji",
    ),
    "make a group": Case(
        GroupCreate,
        op=lambda s: ("groups.make", {"name": "new", "title": "New", "members": [s.member.id]}),
        http=lambda s: ("POST", "/api/v1/groups", {"name": "new", "members": [s.member.id]}),
        mutation=lambda s: ("makeUserGroup", {"name": "new", "memberIds": [s.member.id]}),
        needs="staff",
        via="groups",
    ),
    "change a group": Case(
        GroupChange,
        op=lambda s: ("groups.change", {"name": group_of(s.actor), "add": [s.member.id]}),
        http=lambda s: ("PATCH", f"/api/v1/groups/{group_of(s.actor)}", {"title": "Other"}),
        mutation=lambda s: (
            "changeUserGroup", {"name": group_of(s.actor), "removeIds": [s.actor.id]},
        ),
        needs="staff",
        via="groups",
    ),
    "leave a group": Case(
        GroupChange,
        op=lambda s: ("groups.leave", {"name": group_of(s.actor)}),
        http=lambda s: ("POST", f"/api/v1/groups/{group_of(s.actor)}/leave", None),
        mutation=lambda s: ("leaveUserGroup", {"name": group_of(s.actor)}),
        via="groups",
    ),
    "remove a group": Case(
        GroupRemove,
        op=lambda s: ("groups.remove", {"name": group_of(s.actor)}),
        http=lambda s: ("DELETE", f"/api/v1/groups/{group_of(s.actor)}", None),
        mutation=lambda s: ("removeUserGroup", {"name": group_of(s.actor)}),
        needs="staff",
        via="groups",
    ),
    "report a message": Case(
        MessageReport,
        op=lambda s: (
            "reports.report", {"room": s.room, "message": s.theirs, "reason": "spam"},
        ),
        http=lambda s: (
            "POST", "/api/v1/reports", {"room": s.room, "message": s.theirs, "reason": "spam"},
        ),
        mutation=lambda s: (
            "reportMessage", {"roomId": s.room, "messageId": s.theirs, "reason": "SPAM"},
        ),
        via="reports",
    ),
    "settle a report": Case(
        ReportSettle,
        op=lambda s: ("reports.settle", {"report": s.report}),
        http=lambda s: ("POST", f"/api/v1/reports/{s.report}/settle", {}),
        mutation=lambda s: ("settleReport", {"reportId": s.report}),
        needs="moderator",
        via="reports",
    ),
    "create": Case(
        RoomCreate,
        op=lambda s: ("create", {"name": "new"}),
        http=lambda s: ("POST", "/api/v1/rooms", {"name": "new"}),
        mutation=lambda s: ("createRoom", {"name": "new", "kind": "PUBLIC"}),
        inside=lambda s, service, user: service.rooms.create(user, RoomKind.PUBLIC, "new"),
    ),
    "create a direct room": Case(
        RoomCreate,
        op=lambda s: ("create", {"kind": "direct", "members": [s.outsider.id]}),
        http=lambda s: ("POST", "/api/v1/rooms", {"kind": "direct", "members": [s.outsider.id]}),
        mutation=lambda s: ("createRoom", {"kind": "DIRECT", "members": [s.outsider.id]}),
        inside=lambda s, service, user: service.rooms.create(
            user, RoomKind.DIRECT, None, members=[s.outsider.id]
        ),
    ),
    "change": Case(
        RoomChange,
        op=lambda s: ("change", {"room": s.room, "topic": "new"}),
        http=lambda s: ("PATCH", f"/api/v1/rooms/{s.room}", {"topic": "new"}),
        mutation=lambda s: ("changeRoom", {"roomId": s.room, "topic": "new"}),
        inside=in_room(lambda s, service, user, room: service.rooms.change(user, room, None, "new")),
        needs="moderator",
    ),
    "archive": Case(
        RoomArchive,
        op=lambda s: ("archive", {"room": s.room}),
        http=lambda s: ("PUT", f"/api/v1/rooms/{s.room}/archived", {"archived": True}),
        mutation=lambda s: ("setRoomArchived", {"roomId": s.room, "archived": True}),
        inside=in_room(lambda s, service, user, room: service.rooms.archive(user, room, True)),
        needs="moderator",
    ),
    "delete_room": Case(
        RoomDelete,
        op=lambda s: ("delete_room", {"room": s.room}),
        http=lambda s: ("DELETE", f"/api/v1/rooms/{s.room}", None),
        mutation=lambda s: ("deleteRoom", {"roomId": s.room}),
        inside=in_room(lambda s, service, user, room: service.rooms.delete(user, room)),
        needs="moderator",
    ),
    "join": Case(
        RoomJoin,
        op=lambda s: ("join", {"room": s.elsewhere}),
        http=lambda s: ("POST", f"/api/v1/rooms/{s.elsewhere}/join", {}),
        mutation=lambda s: ("joinRoom", {"roomId": s.elsewhere}),
        inside=in_room(lambda s, service, user, room: service.rooms.join(user, room), True),
    ),
    "leave": Case(
        RoomLeave,
        op=lambda s: ("leave", {"room": s.room}),
        http=lambda s: ("POST", f"/api/v1/rooms/{s.room}/leave", {}),
        mutation=lambda s: ("leaveRoom", {"roomId": s.room}),
        inside=in_room(lambda s, service, user, room: service.rooms.leave(user, room)),
    ),
    "invite": Case(
        RoomInvite,
        op=lambda s: ("invite", {"room": s.room, "user": s.outsider.id}),
        http=lambda s: ("POST", f"/api/v1/rooms/{s.room}/members", {"user": s.outsider.id}),
        mutation=lambda s: ("inviteMember", {"roomId": s.room, "userId": s.outsider.id}),
        inside=in_room(lambda s, service, user, room: service.rooms.invite(user, room, s.outsider.id)),
    ),
    "kick": Case(
        RoomRemove,
        op=lambda s: ("kick", {"room": s.room, "user": s.member.id}),
        http=lambda s: ("DELETE", f"/api/v1/rooms/{s.room}/members/{s.member.id}", None),
        mutation=lambda s: ("removeMember", {"roomId": s.room, "userId": s.member.id}),
        inside=in_room(lambda s, service, user, room: service.rooms.kick(user, room, s.member.id)),
        needs="moderator",
    ),
    "ban": Case(
        RoomBan,
        op=lambda s: ("ban", {"room": s.room, "user": s.member.id}),
        http=lambda s: ("PUT", f"/api/v1/rooms/{s.room}/bans/{s.member.id}", {"reason": "spam"}),
        mutation=lambda s: ("banMember", {"roomId": s.room, "userId": s.member.id}),
        inside=in_room(
            lambda s, service, user, room: service.rooms.bans.add(user, room, s.member.id)
        ),
        needs="moderator",
    ),
    "lift a ban": Case(
        RoomLiftBan,
        op=lambda s: ("unban", {"room": s.room, "user": s.outsider.id}),
        http=lambda s: ("DELETE", f"/api/v1/rooms/{s.room}/bans/{s.outsider.id}", None),
        mutation=lambda s: ("liftBan", {"roomId": s.room, "userId": s.outsider.id}),
        inside=in_room(
            lambda s, service, user, room: service.rooms.bans.lift(user, room, s.outsider.id)
        ),
        needs="moderator",
    ),
    "role": Case(
        RoomAppoint,
        op=lambda s: ("role", {"room": s.room, "user": s.member.id, "role": "admin"}),
        http=lambda s: (
            "PUT", f"/api/v1/rooms/{s.room}/members/{s.member.id}", {"role": "admin"},
        ),
        mutation=lambda s: (
            "setMemberRole", {"roomId": s.room, "userId": s.member.id, "role": "ADMIN"},
        ),
        inside=in_room(
            lambda s, service, user, room: service.rooms.appoint(
                user, room, s.member.id, RoomRole.ADMIN
            )
        ),
        needs="moderator",
    ),
    "send": Case(
        MessageSend,
        op=lambda s: ("send", {"room": s.room, "client_id": "n", "body": "new"}),
        http=lambda s: (
            "POST", f"/api/v1/rooms/{s.room}/messages", {"client_id": "n", "body": "new"},
        ),
        mutation=lambda s: ("sendMessage", {"roomId": s.room, "clientId": "n", "body": "new"}),
        inside=in_room(lambda s, service, user, room: service.messages.post(user, room, "n", "new")),
    ),
    "edit": Case(
        MessageEdit,
        op=lambda s: ("edit", {"room": s.room, "message": s.message, "body": "new"}),
        http=lambda s: ("PATCH", f"/api/v1/rooms/{s.room}/messages/{s.message}", {"body": "new"}),
        mutation=lambda s: (
            "editMessage", {"roomId": s.room, "messageId": s.message, "body": "new"},
        ),
        inside=in_room(
            lambda s, service, user, room: service.messages.edit(user, room, s.message, "new")
        ),
    ),
    "schedule": Case(
        MessageSchedule,
        http=lambda s: (
            "POST", "/api/v1/scheduled",
            {"client_id": "n", "room": s.room, "body": "new", "at": LATER},
        ),
        mutation=lambda s: (
            "scheduleMessage", {"clientId": "n", "roomId": s.room, "body": "new", "at": LATER},
        ),
        via="scheduled",
    ),
    "change what is scheduled": Case(
        MessageSchedule,
        http=lambda s: ("PATCH", "/api/v1/scheduled?client_id=waiting", {"body": "new"}),
        mutation=lambda s: ("changeScheduledMessage", {"clientId": "waiting", "body": "new"}),
        via="scheduled",
    ),
    "delete": Case(
        MessageDelete,
        op=lambda s: ("delete", {"room": s.room, "message": s.message}),
        http=lambda s: ("DELETE", f"/api/v1/rooms/{s.room}/messages/{s.message}", None),
        mutation=lambda s: ("deleteMessage", {"roomId": s.room, "messageId": s.message}),
        inside=in_room(lambda s, service, user, room: service.messages.delete(user, room, s.message)),
    ),
    "react": Case(
        React,
        op=lambda s: ("react", {"room": s.room, "message": s.message, "emoji": "🙂"}),
        http=lambda s: (
            "POST", f"/api/v1/rooms/{s.room}/messages/{s.message}/reactions", {"emoji": "🙂"},
        ),
        mutation=lambda s: (
            "addReaction", {"roomId": s.room, "messageId": s.message, "emoji": "🙂"},
        ),
        inside=in_room(
            lambda s, service, user, room: service.messages.react(user, room, s.message, "🙂")
        ),
    ),
    "unreact": Case(
        React,
        op=lambda s: ("unreact", {"room": s.room, "message": s.pinned, "emoji": "🙂"}),
        http=lambda s: (
            "DELETE", f"/api/v1/rooms/{s.room}/messages/{s.pinned}/reactions?emoji=🙂", None,
        ),
        mutation=lambda s: (
            "removeReaction", {"roomId": s.room, "messageId": s.pinned, "emoji": "🙂"},
        ),
        inside=in_room(
            lambda s, service, user, room: service.messages.unreact(user, room, s.pinned, "🙂")
        ),
    ),
    "pin": Case(
        Pin,
        op=lambda s: ("pin", {"room": s.room, "message": s.message}),
        http=lambda s: ("PUT", f"/api/v1/rooms/{s.room}/messages/{s.message}/pin", None),
        mutation=lambda s: ("pinMessage", {"roomId": s.room, "messageId": s.message}),
        inside=in_room(
            lambda s, service, user, room: service.messages.pin(user, room, s.message, True)
        ),
        needs="moderator",
    ),
    "unpin": Case(
        Pin,
        op=lambda s: ("unpin", {"room": s.room, "message": s.pinned}),
        http=lambda s: ("DELETE", f"/api/v1/rooms/{s.room}/messages/{s.pinned}/pin", None),
        mutation=lambda s: ("unpinMessage", {"roomId": s.room, "messageId": s.pinned}),
        inside=in_room(
            lambda s, service, user, room: service.messages.pin(user, room, s.pinned, False)
        ),
        needs="moderator",
    ),
    "interact": Case(
        Interact,
        op=lambda s: ("interact", {"room": s.room, "message": s.asking, "part": "yes"}),
        http=lambda s: (
            "POST", f"/api/v1/rooms/{s.room}/messages/{s.asking}/interactions", {"part": "yes"},
        ),
        mutation=lambda s: (
            "interact", {"roomId": s.room, "messageId": s.asking, "part": "yes"},
        ),
        inside=in_room(
            lambda s, service, user, room: service.interactions.interact(
                user, room, s.asking, "yes", {}
            )
        ),
    ),
    "command": Case(
        RunCommand,
        op=lambda s: ("command", {"room": s.room, "text": "/shrug", "client_id": "c"}),
        http=lambda s: (
            "POST", f"/api/v1/rooms/{s.room}/commands", {"text": "/shrug", "client_id": "c"},
        ),
        mutation=lambda s: (
            "runCommand", {"roomId": s.room, "text": "/shrug", "clientId": "c"},
        ),
        inside=in_room(
            lambda s, service, user, room: service.commands.run(user, room, "/shrug", "c")
        ),
    ),
    "begin an upload": Case(
        UploadBegin,
        http=lambda s: (
            "POST", "/api/v1/uploads", None, {"headers": TUS | {"Upload-Length": "1"}},
        ),
        inside=_upload,
        via="uploads",
    ),
    "finish an upload": Case(
        UploadFinish,
        http=lambda s: ("PATCH", s.upload, None, {"headers": ADDING, "content": b"x"}),
        via="uploads",
    ),
    "webhook": Case(
        WebhookPost,
        http=lambda s: (
            "POST", "/hooks/ci", {"text": "done"},
            {"headers": {"Authorization": f"Bearer {HOOK_TOKEN}"}},
        ),
        via="webhooks",
    ),
}  # fmt: skip

SETTINGS = {
    "plugins.enabled": [
        "memory",
        "password",
        "graphql",
        "slash_commands",
        "scheduled",
        "saved",
        "reminders",
        "drafts",
        "receipts",
        "invites",
        "reports",
        "announcements",
        "emoji",
        "groups",
        "pictures",
        "profiles",
        "directory",
        "polls",
        "link_previews",
        "calls",
        "translation",
        "inbox",
        "push",
        "mail_notifications",
        "bots",
        "totp",
        "passkeys",
        "account_deletion",
        "my_data",
        "join_requests",
        "disk_blobs",
        "uploads",
        "webhooks",
        "judge",
    ],
    "server.public_url": "http://localhost",
    "plugin.bots.makers": "members",
    "plugin.calls.page": "https://calls.example.org",
    "plugin.translation.url": "http://127.0.0.1:9",  # nobody answers there
    "plugin.webhooks.incoming.ci.room": HOOK_ROOM,
    "plugin.webhooks.incoming.ci.name": "CI",
    "plugin.webhooks.incoming.ci.token_sha256": sha256(HOOK_TOKEN.encode()).hexdigest(),
}


def needed(actor: Actor, case: Case) -> bool:
    """Whether the actor has the rights for it."""
    if case.needs == "staff":
        return actor == "admin"
    return case.needs == "anybody" or actor != "member"


async def built(judged: Running, actor: Actor) -> Scene:
    """A new scene, with what `Scene` says, while nothing is refused."""
    host, member, outsider = await judged.people("host", "member", "outsider")
    if actor == "bot":
        name = member.id  # another one each time
        bot = await judged.run(lambda server: server.context("judge").bot(name, "Robot"))
        acting = Person(judged, {"id": bot.id, "username": bot.username}, "")
    else:
        (acting,) = await judged.people("actor")
    if actor == "admin":
        await judged.run(
            lambda server: server.service.accounts.set_role(acting.username, ServerRole.ADMIN)
        )

    async def made(server: Any) -> Scene:
        service: Service = server.service
        get, rooms, messages = service.accounts.get, service.rooms, service.messages
        user = await get(acting.id)
        room = await rooms.create(
            await get(host.id), RoomKind.PUBLIC, "room", members=[member.id, acting.id]
        )
        if actor != "member":
            await rooms.appoint(await get(host.id), room, acting.id, RoomRole.OWNER)
        elsewhere = await rooms.create(await get(outsider.id), RoomKind.PUBLIC, "elsewhere")
        hidden = await rooms.create(await get(outsider.id), RoomKind.PRIVATE, "hidden")
        message, _ = await messages.post(user, room, f"message {room.id}", "message")
        poll, _ = await messages.post(
            user, room, f"poll {room.id}", "poll", data={"polls": POLL}, plugin="polls"
        )
        pinned, _ = await messages.post(user, room, f"pinned {room.id}", "pinned")
        await messages.pin(await get(host.id), room, pinned.id, True)
        await messages.react(user, room, pinned.id, "🙂")
        theirs, _ = await messages.post(await get(member.id), room, f"theirs {room.id}", "theirs")
        identity = Identity(method="totp", subject=acting.id)
        await service.accounts.link(user, identity)
        (linked,) = await service.accounts.identities.of(user.id)
        return Scene(
            acting, member, outsider, room.id, elsewhere.id, message.id, pinned.id, "", "",
            linked.id, theirs.id, poll=poll.id, hidden=hidden.id,
        )  # fmt: skip

    scene: Scene = await judged.run(made)
    asked = await judged.http("POST", "/judge/ask", {"user": acting.id, "room": scene.room})
    scene = scene._replace(asking=asked.json())
    reported = {"room": scene.room, "message": scene.theirs, "reason": "other"}
    assert (await outsider.http("POST", "/api/v1/reports", reported)).is_success
    rows = await judged.run(
        lambda server: server.service.store.scan("plugin/reports", f"open/{scene.room}/")
    )
    scene = scene._replace(report=json.loads(rows[0][1])["id"])
    await judged.run(
        lambda server: server.service.store.put(
            "plugin/emoji", f"{PREFIX}there", msgspec.json.encode(THERE)
        )
    )
    group = Group(title="", members=(acting.id,), by="", at=THERE.at)
    await judged.run(
        lambda server: server.service.store.put(
            "plugin/groups", f"{GROUPS}{group_of(acting)}", msgspec.json.encode(group)
        )
    )
    for key, record in (
        (f"open/{scene.hidden}", b""),
        (f"room/{scene.room}/{outsider.id}", msgspec.json.encode(Asked(at=0.0))),
    ):
        await judged.run(
            lambda server, key=key, record=record: server.service.store.put(
                "plugin/join_requests", key, record
            )
        )
    # The member stands for a bot of the actor's: nothing is done to either, as everything is refused.
    bots = Bot(id=member.id, owner=acting.id)
    await judged.run(
        lambda server: server.service.store.put(
            "plugin/bots", f"bot/{member.id}", msgspec.json.encode(bots)
        )
    )
    if actor != "bot":
        waiting = {"client_id": "waiting", "room": scene.room, "body": "later", "at": LATER}
        assert (await acting.http("POST", "/api/v1/scheduled", waiting)).is_success
        headers = TUS | {"Upload-Length": "1"}
        upload = await acting.http("POST", "/api/v1/uploads", headers=headers)
        scene = scene._replace(upload=upload.headers["Location"])
    return scene


def answer_of(scene: Scene, room: str, user: str) -> dict[str, Any]:
    """The answer to the outsider's request to join, with these names of fields."""
    return {room: scene.room, user: scene.outsider.id, "accept": True}


def group_of(actor: Person) -> str:
    """The name of a group in which the actor is."""
    return f"of-{actor.id}"


def document(mutation: str, fields: dict[str, Any]) -> str:
    """The document that asks for a mutation; one without fields has no input."""
    given = f"(input: {literal(fields)})" if fields else ""
    return f"mutation {{ {mutation}{given} {{ __typename }} }}"


def literal(value: Any) -> str:
    """A value in GraphQL's own notation; names in capitals are those of enumerations."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    is_enumeration = isinstance(value, str) and value.isupper() and value.isalpha()
    return value if is_enumeration else json.dumps(value, ensure_ascii=False)


def stub_scene() -> Scene:
    person: Any = _Stub()
    return Scene(
        person, person, person, "{room}", "{room}", "{message}", "{message}", "{message}",
        "/api/v1/uploads/{upload}", "{identity}", "{message}", "{report}", poll="{message}", hidden="{room}",
    )  # fmt: skip


class _Stub:
    """Stands for a person in an address."""

    id, username = "{member}", "{user}"
