"""What users ask the server to do, as plugins see it before it is done.

One struct for each action, whichever door it came by. Messages have hooks of their own as well, which are older.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from chatserver.blobs.model import Blob
from chatserver.model import EditHistory, Posting, RoomKind, RoomRole, Scope, ServerRole, Status


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all actions. `changeable` names the fields that a plugin may replace; all others stay."""

    changeable: ClassVar[tuple[str, ...]] = ()


class Register(Action, frozen=True, kw_only=True):
    """Somebody makes an account; there is no user yet, unless a member of the staff makes it for them.

    `name` is the shown name, None if it was not given. With another `method` of signing in than a password, `username`
    is only where the search for a free name begins.
    """

    changeable = ("name",)

    username: str
    name: str | None
    address: str
    method: str = "password"


class SignIn(Action, frozen=True, kw_only=True):
    """The user, whom the sign-in method has shown to be there, begins a session from this address."""

    address: str
    method: str = "password"


class PasswordChange(Action, frozen=True, kw_only=True):
    """The user gives their account another password, or its first one."""


class LoginMethodAdd(Action, frozen=True, kw_only=True):
    """The user begins to add a way to sign in, or a second step, by the name of its method."""

    method: str


class LoginMethodRemove(Action, frozen=True, kw_only=True):
    """The user removes a way to sign in, or a second step, by the name of its method."""

    method: str


class ProfileChange(Action, frozen=True, kw_only=True):
    """The user chooses another shown name, or sets or clears their status.

    Both are as they are to be, so one of them is as it was before; None is no status. Only a change of what the user
    changes is taken over.
    """

    changeable = ("name", "status")

    name: str
    status: Status | None = None


class PictureChange(Action, frozen=True, kw_only=True):
    """The user sets or removes the profile picture of an account (id): their own, or, removing it, another's."""

    account: str
    removes: bool


class RoomPictureChange(Action, frozen=True, kw_only=True):
    """The user sets or removes the picture of a room (id)."""

    room: str
    removes: bool


class DetailsChange(Action, frozen=True, kw_only=True):
    """The user says more about an account (id) in its profile: their own, or, clearing it all, another's.

    The texts are as they are to be, and empty for none; `about` may have several lines.
    """

    changeable = ("title", "pronouns", "about")

    account: str
    title: str = ""
    pronouns: str = ""
    about: str = ""


class RoomCreate(Action, frozen=True, kw_only=True):
    """The user makes a room with these members (ids) besides. A direct room has no name."""

    changeable = ("name", "topic", "description")

    kind: RoomKind
    name: str | None
    topic: str
    members: tuple[str, ...]
    description: str = ""


class RoomChange(Action, frozen=True, kw_only=True):
    """The user changes a room's name, topic or description, who may write there, or its kind; None leaves it as it is."""

    changeable = ("name", "topic", "description")

    room: str
    name: str | None
    topic: str | None
    posting: Posting | None = None
    description: str | None = None
    kind: RoomKind | None = None
    slow_mode: int | None = None
    edit_history: EditHistory | None = None


class RoomArchive(Action, frozen=True, kw_only=True):
    """The user archives a room, so that it can only be read, or restores it."""

    room: str
    archived: bool


class RoomDelete(Action, frozen=True, kw_only=True):
    """The user deletes a room for good, with all its contents."""

    room: str


class RoomJoin(Action, frozen=True, kw_only=True):
    """The user joins a public room."""

    room: str


class RoomLeave(Action, frozen=True, kw_only=True):
    """The user leaves a room."""

    room: str


class RoomInvite(Action, frozen=True, kw_only=True):
    """The user puts another user (id) into a room."""

    room: str
    member: str


class RoomRemove(Action, frozen=True, kw_only=True):
    """The user removes a member (id) from a room."""

    room: str
    member: str


class RoomBan(Action, frozen=True, kw_only=True):
    """The user keeps another one (id) out of a room, for `seconds` or for good (None); a member is removed."""

    room: str
    member: str
    reason: str
    seconds: int | None


class RoomLiftBan(Action, frozen=True, kw_only=True):
    """The user lets somebody (id) come back who was banned from a room."""

    room: str
    member: str


class RoomAppoint(Action, frozen=True, kw_only=True):
    """The user gives a member (id) another role in a room."""

    room: str
    member: str
    role: RoomRole


class MessageSend(Action, frozen=True, kw_only=True):
    """The user sends a message; with a `thread`, the reply to a message (id), shown in the room as well if `broadcast`.

    Of `data`, only the plugin's own namespaces may be changed.
    """

    changeable = ("body", "data")

    room: str
    body: str
    reply_to: str | None
    thread: str | None = None
    broadcast: bool = False
    client_id: str | None
    data: Mapping[str, Any]


class MessageEdit(Action, frozen=True, kw_only=True):
    """The user gives a message (id) of theirs another text, or other data; otherwise like `MessageSend`."""

    changeable = ("body", "data")

    room: str
    message: str
    body: str
    reply_to: str | None
    thread: str | None = None
    broadcast: bool = False
    client_id: str | None
    data: Mapping[str, Any]


class MessageSchedule(Action, frozen=True, kw_only=True):
    """The user has a message posted later, or changes one that waits. `at` is RFC 3339.

    When its time comes, it is a `MessageSend` of the door `scheduled`.
    """

    changeable = ("body",)

    room: str
    client_id: str
    body: str
    at: str


class MessageDelete(Action, frozen=True, kw_only=True):
    """The user deletes a message (id), which somebody else may have written."""

    room: str
    message: str
    author: str


class React(Action, frozen=True, kw_only=True):
    """The user adds a reaction to a message (id), or takes it back."""

    room: str
    message: str
    emoji: str
    added: bool


class Pin(Action, frozen=True, kw_only=True):
    """The user pins a message (id), or unpins it."""

    room: str
    message: str
    pinned: bool


class Interact(Action, frozen=True, kw_only=True):
    """The user uses a button, menu or form (`part`, its id) of a message (id).

    `values` are those of `Interaction`, and `namespace` is the data whose plugin gets them.
    """

    room: str
    message: str
    namespace: str
    part: str
    values: Mapping[str, tuple[str, ...]]


class RunCommand(Action, frozen=True, kw_only=True):
    """The user runs a command in a room; `text` is what stands behind its name."""

    room: str
    command: str
    text: str


class UploadBegin(Action, frozen=True, kw_only=True):
    """The user sends a file; nothing of it was read. Everything here is what the user claims.

    `size` is in bytes, None if it was not said; `room` is the room that the file is meant for, if that was said.
    """

    changeable = ("name", "media_type")

    name: str
    media_type: str
    size: int | None
    room: str | None = None


class UploadFinish(Action, frozen=True, kw_only=True):
    """A file of the user's has arrived, and becomes a blob unless it is refused; then it is removed.

    `context.blobs.read(action.blob)` has its content.
    """

    blob: Blob


class WebhookPost(Action, frozen=True, kw_only=True):
    """Another system posts a message by an incoming webhook, whose bot is the user. It is a `MessageSend`, too."""

    changeable = ("body",)

    hook: str
    room: str
    body: str


class MessageReport(Action, frozen=True, kw_only=True):
    """The user reports a message (id) of somebody else (`author`, id) to those who moderate."""

    room: str
    message: str
    author: str
    reason: str
    text: str


class ReportSettle(Action, frozen=True, kw_only=True):
    """The user, who moderates, settles the reports of a message (id).

    `steps` are what is done with it: `delete`, `ban`, `lock`, each an action of its own as well; or nothing.
    """

    room: str
    message: str
    author: str
    steps: tuple[str, ...]


class InviteCreate(Action, frozen=True, kw_only=True):
    """The user, of the staff, makes an invitation to the server, and to these rooms (ids)."""

    uses: int
    days: float
    rooms: tuple[str, ...]


class InviteRemove(Action, frozen=True, kw_only=True):
    """The user, of the staff, ends an invitation (its id)."""

    invite: str


class BotCreate(Action, frozen=True, kw_only=True):
    """The user makes a bot with this user name; `name` is the shown one, None if it was not given."""

    username: str
    name: str | None


class BotChange(Action, frozen=True, kw_only=True):
    """The user changes a bot (its account's id): locks it or lets it in again, or gives it to another owner (id).

    None leaves it as it is; with both it is its name or description that changes.
    """

    bot: str
    locked: bool | None
    owner: str | None


class BotRemove(Action, frozen=True, kw_only=True):
    """The user deletes a bot (its account's id)."""

    bot: str


class BotTokenCreate(Action, frozen=True, kw_only=True):
    """The user makes a token of a bot (its account's id) with these scopes, valid for `days`, None: for good."""

    bot: str
    scopes: tuple[Scope, ...]
    days: float | None


class EmojiAdd(Action, frozen=True, kw_only=True):
    """The user adds a picture of this media type to the server's own emoji."""

    name: str
    media_type: str


class EmojiRemove(Action, frozen=True, kw_only=True):
    """The user removes one of the server's own emoji."""

    name: str


class GroupCreate(Action, frozen=True, kw_only=True):
    """The user makes a group whose members (ids) are mentioned by its name."""

    changeable = ("title",)

    name: str
    title: str
    members: tuple[str, ...]


class GroupChange(Action, frozen=True, kw_only=True):
    """The user gives a group another title (None leaves it as it is), adds users (ids) and removes others, or leaves it."""

    changeable = ("title",)

    name: str
    title: str | None
    added: tuple[str, ...]
    removed: tuple[str, ...]


class GroupRemove(Action, frozen=True, kw_only=True):
    """The user removes a group."""

    name: str


class PollVote(Action, frozen=True, kw_only=True):
    """The user votes in the poll of a message (id), changes the vote, or withdraws it.

    `choices` has the places of the chosen answers, from 0 on; nothing withdraws the vote.
    """

    room: str
    message: str
    choices: tuple[int, ...]


class PollEnd(Action, frozen=True, kw_only=True):
    """The user ends the poll of a message (id) of `author` (id)."""

    room: str
    message: str
    author: str


class LinkPreviewRemove(Action, frozen=True, kw_only=True):
    """The user removes the preview of a link from a message (id) of `author` (id), for everybody."""

    room: str
    message: str
    author: str
    url: str


class JoinAsk(Action, frozen=True, kw_only=True):
    """The user asks to be let into a private room (id), with a note to those who run it."""

    changeable = ("note",)

    room: str
    note: str


class JoinAnswer(Action, frozen=True, kw_only=True):
    """The user lets another (id), who asked for it, into a private room (id), or refuses that."""

    room: str
    user: str
    accepted: bool


class AccountDelete(Action, frozen=True, kw_only=True):
    """The user wants their own account (id) to be deleted; or without a user, it is being deleted now: by an operator, or
    as somebody has wanted it.
    """

    account: str


class AccountLock(Action, frozen=True, kw_only=True):
    """The user, of the staff, locks an account (id) out, or lets it in again."""

    account: str
    locked: bool


class RoleChange(Action, frozen=True, kw_only=True):
    """The user, of the staff, gives an account (id) another role on the server."""

    account: str
    role: ServerRole


class PasswordReset(Action, frozen=True, kw_only=True):
    """The user, of the staff, sets the password of an account (id), or makes a link to set it (`by_link`), or
    sets the e-mail address to which such links are sent.
    """

    account: str
    by_link: bool


ACTIONS: tuple[type[Action], ...] = tuple(Action.__subclasses__())
