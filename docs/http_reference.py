"""The generated parts of docs/protocol.md about HTTP, and the OpenAPI file."""

import re
from typing import Any, NamedTuple

import msgspec
from protocol_reference import (
    Changed,
    CommandList,
    Empty,
    MemberList,
    RoomList,
    Suggestions,
    components,
    keys,
    pretty,
)
from wrapping import item, joined

from chatserver.delivery.notices import RoomPreferences
from chatserver.model import Message, User
from chatserver.protocol import Sent
from chatserver.service.bans import BanList
from chatserver.service.blocks import BlockList
from chatserver.service.commands import CommandOutcome
from chatserver.service.edits import VersionPage
from chatserver.service.history import EventPage, Page
from chatserver.service.interactions import Interacted
from chatserver.service.mail.emails import OwnEmail
from chatserver.service.overview import OverviewReport
from chatserver.service.passwords import ResetLink
from chatserver.service.pins import PinList
from chatserver.service.preferences import PreferencesChange, PreferencesPage
from chatserver.service.rooms import RoomView
from chatserver.service.search import Found
from chatserver.service.switches import SettingsOf, Switched
from chatserver.service.threads import ThreadPage
from chatserver.version import __version__
from chatserver.web import administration, api, login, messages, people
from chatserver.web.base import ErrorReply


class Call(NamedTuple):
    """One method of one address."""

    method: str
    path: str
    body: type[msgspec.Struct] | None
    status: int
    answer: type[msgspec.Struct]
    text: str
    query: tuple[str, ...] = ()


_ROOM = "/api/v1/rooms/ID"
_MESSAGE = f"{_ROOM}/messages/ID"
CALLS = [
    Call("POST", "/api/v1/register", api.NewAccount, 201, api.UserReply, "Make an account and sign in. The first user becomes owner."),
    Call("POST", "/api/v1/login", api.Credentials, 200, api.UserReply, "Sign in; also sets the cookie `chat_session`."),
    Call("GET", "/api/v1/login/methods", None, 200, login.LoginMethods, "The ways to sign in, in the order in which to show them; or to `link`, or to `confirm`.", ("purpose",)),
    Call("POST", "/api/v1/login/begin", login.LoginBegin, 200, login.LoginProgress, "Begin a method: the first step."),
    Call("POST", "/api/v1/login/proceed", login.LoginAnswer, 200, login.LoginProgress, "Answer a step: the next one, or a session."),
    Call("GET", "/api/v1/login/return", None, 303, Empty, "Where another server leads the browser back to, which this leads into the page.", ("state",)),
    Call("POST", "/api/v1/login/return", None, 303, Empty, "The same for another server that posts the values as a form."),
    Call("POST", "/api/v1/logout", None, 200, api.LoggedOut, "Revoke the session, and close its connections."),
    Call("GET", "/api/v1/me", None, 200, User, "The signed-in user."),
    Call("PATCH", "/api/v1/me", api.ProfileChange, 200, User, "Choose another shown name."),
    Call("PUT", "/api/v1/me/status", people.NewStatus, 200, User, "Set one's own status: one emoji, a text of one line, or both, until a time or for good."),
    Call("DELETE", "/api/v1/me/status", None, 200, User, "Clear it."),
    Call("GET", "/api/v1/me/blocks", None, 200, BlockList, "Those whom the user blocks, the latest first."),
    Call("PUT", "/api/v1/me/blocks/ID", None, 200, Empty, "Block a user."),
    Call("DELETE", "/api/v1/me/blocks/ID", None, 200, Empty, "Block a user no longer."),
    Call("GET", "/api/v1/me/sessions", None, 200, login.OwnSessions, "The user's sessions, newest first."),
    Call("DELETE", "/api/v1/me/sessions/ID", None, 200, Empty, "End one of them; connections that use it are closed."),
    Call("GET", "/api/v1/me/identities", None, 200, login.OwnIdentities, "What is linked with the account to sign in by other methods."),
    Call("DELETE", "/api/v1/me/identities/ID", None, 200, Empty, "Remove one of them; not the last way to sign in."),
    Call("GET", "/api/v1/me/email", None, 200, OwnEmail, "The user's e-mail address, and one that waits to be confirmed."),
    Call("PUT", "/api/v1/me/email", api.GivenEmail, 200, OwnEmail, "Send a link to an address, which counts once that is opened; null removes the address. `auth.confirm` unless the user confirmed lately."),
    Call("POST", "/api/v1/email/confirm", login.EmailCode, 200, Empty, "Confirm an address by the code behind `#email=` of its link; needs no session."),
    Call("PUT", "/api/v1/me/password", login.PasswordChange, 200, Empty, "Change one's own password; all other sessions end."),
    Call("GET", "/api/v1/users/NAME", None, 200, User, "A user by user name."),
    Call("PUT", "/api/v1/users/NAME", api.AccountChange, 200, User, "Lock an account out or let it in again, or give it another role. Staff only; a role needs a recent confirmation."),
    Call("POST", "/api/v1/users", api.AddedAccount, 201, User, "Make an account for somebody. Staff only."),
    Call("PUT", "/api/v1/users/NAME/password", api.GivenPassword, 200, User, "Set another user's password; their sessions end. Staff only; `auth.confirm` unless they confirmed lately."),
    Call("POST", "/api/v1/users/NAME/reset-link", None, 201, ResetLink, "Make a link by which another user chooses a password, once, within a day. As above."),
    Call("GET", "/api/v1/users/NAME/email", None, 200, OwnEmail, "The e-mail address of another user. Staff only."),
    Call("PUT", "/api/v1/users/NAME/email", api.GivenEmail, 200, OwnEmail, "Set it, or remove it. As above for passwords."),
    Call("POST", "/api/v1/plugins/NAME", api.PluginOrder, 200, Switched, "Turn a plugin on or off, give it the settings of the configuration, or with `set` [change some](plugins/switching.md#changing-settings). For owners of the server, after a recent confirmation."),
    Call("GET", "/api/v1/admin/users", None, 200, administration.UserList, "Accounts with `text` in their user name or shown name. Staff only.", ("text", "after", "limit")),
    Call("GET", "/api/v1/admin/users/NAME/sessions", None, 200, administration.SessionList, "Where another user is signed in. Staff only; the look is recorded."),
    Call("DELETE", "/api/v1/admin/users/NAME/sessions", None, 200, User, "Sign another user out everywhere. Staff only, over lower roles, after a recent confirmation."),
    Call("GET", "/api/v1/admin/rooms", None, 200, administration.AllRoomsList, "Rooms of every kind with `text` in their name, or of this id; nothing of their contents. Staff only.", ("text", "after", "limit")),
    Call("GET", "/api/v1/admin/status", None, 200, OverviewReport, "The store, nodes, jobs, backups and what is wrong with them, as `chatserver status --json` has it, and the disk. Staff only."),
    Call("GET", "/api/v1/admin/plugins", None, 200, administration.PluginList, "The plugins of the node, on or off, with their hooks, their powers, and what they claim; and others that are installed. Staff only."),
    Call("GET", "/api/v1/admin/plugins/NAME/settings", None, 200, SettingsOf, "The settings of a plugin as they are in use, or would be, each with its form; of secrets only whether they are set. For owners of the server."),
    Call("POST", "/api/v1/admin/claims/release", administration.ClaimRelease, 200, administration.ClaimList, "End claims of a plugin. Staff only, after a recent confirmation."),
    Call("GET", "/api/v1/rooms", None, 200, RoomList, "The user's rooms with positions, then public ones to join (`joined` false). With `text`, only public ones that have it in their name or topic. `archived=true` lists public ones that are archived, too.", ("after", "limit", "text", "archived")),
    Call("POST", "/api/v1/rooms", api.NewRoom, 201, RoomView, "Make a room. A direct one is made once."),
    Call("GET", _ROOM, None, 200, RoomView, "One room, with its `description`."),
    Call("PATCH", _ROOM, api.RoomChange, 200, RoomView, "Change name, topic, description, kind, or who may write and how often."),
    Call(
        "PUT",
        f"{_ROOM}/archived",
        api.Archiving,
        200,
        RoomView,
        "Archive the room, so that it can only be read, or restore it. For its owners.",
    ),
    Call(
        "DELETE",
        _ROOM,
        None,
        200,
        Changed,
        "Delete the room for good, with all its contents. For its owners; not for direct rooms.",
    ),
    Call("POST", f"{_ROOM}/join", None, 200, RoomView, "Join a public room."),
    Call("POST", f"{_ROOM}/leave", None, 200, Empty, "Leave a room. The last owner stays while others are in it."),
    Call("GET", "/api/v1/me/preferences", None, 200, PreferencesPage, "What the user prefers of rooms, by ascending id; rooms of which nothing is preferred are left out. The first page has what the user prefers of clients, too.", ("after", "limit")),
    Call("PATCH", "/api/v1/me/preferences", api.NewPreferences, 200, Empty, "Say what the user prefers of clients: new texts by key, null to remove one. Keys that are left out stay."),
    Call("PATCH", f"{_ROOM}/preferences", PreferencesChange, 200, RoomPreferences, "Say what the user prefers of a room; what is left out stays."),
    Call("GET", f"{_ROOM}/members", None, 200, MemberList, "The members of a room, by ascending id. With `text`, those who have it in their names.", ("after", "limit", "text")),
    Call("POST", f"{_ROOM}/members", api.Invitation, 201, Empty, "Add a user to a room."),
    Call("PUT", f"{_ROOM}/members/ID", api.Appointment, 200, Changed, "Give a member another role."),
    Call("DELETE", f"{_ROOM}/members/ID", None, 200, Empty, "Remove a member."),
    Call("GET", f"{_ROOM}/bans", None, 200, BanList, "The bans of a room that are in force, by ascending user id. For those who moderate it.", ("after", "limit")),
    Call("PUT", f"{_ROOM}/bans/ID", api.NewBan, 200, Changed, "Keep a user out of a room for `seconds`, or for good: they are removed, and told the reason."),
    Call("DELETE", f"{_ROOM}/bans/ID", None, 200, Changed, "End a ban."),
    Call("GET", f"{_ROOM}/messages", None, 200, Page, "Messages by ascending seq: the newest page, or the page before, around or after a seq.", ("before", "around", "after", "limit")),
    Call("POST", f"{_ROOM}/messages", api.NewMessage, 201, Sent, "Post a message. The same `client_id` again: 200 and the first answer."),
    Call("GET", "/api/v1/messages/ID", None, 200, Message, "One message as it stands, of any room that the user may read; else `message.not_found`."),
    Call("GET", "/api/v1/search", None, 200, Found, "Messages that match, newest first, of one `room` or of all that the user is in; `before` is the `cursor` of the page before.", ("text", "room", "before", "limit")),
    Call("PATCH", _MESSAGE, api.NewBody, 200, Changed, "Change the text of one of the user's own messages."),
    Call("DELETE", _MESSAGE, None, 200, Changed, "Delete a message."),
    Call("POST", f"{_MESSAGE}/reactions", api.Emoji, 200, Changed, "Add a reaction."),
    Call("DELETE", f"{_MESSAGE}/reactions", None, 200, Changed, "Take a reaction back.", ("emoji",)),
    Call("POST", f"{_MESSAGE}/interactions", api.NewInteraction, 200, Interacted, "Use a button, menu or form of a message."),
    Call("GET", f"{_MESSAGE}/thread", None, 200, ThreadPage, "The thread of a message, or the one that it is a reply of: the newest replies before a seq, at most 50 at once.", ("before", "limit")),
    Call("GET", f"{_MESSAGE}/edits", None, 200, VersionPage, "What a message said before it was edited, the newest first, at most 20 texts at once.", ("before", "limit")),
    Call("PUT", f"{_MESSAGE}/pin", None, 200, Changed, "Pin a message. For those who moderate the room, and both in a direct one."),
    Call("DELETE", f"{_MESSAGE}/pin", None, 200, Changed, "Take a pin away."),
    Call("PUT", f"{_ROOM}/read", messages.Read, 200, Changed, "Say that the room is read up to a seq; the marker only moves forward, and the answer says where it is."),
    Call("GET", f"{_ROOM}/pins", None, 200, PinList, "The pinned messages of a room, the last pinned first, at most 50 at once.", ("after", "limit")),
    Call("GET", f"{_ROOM}/commands", None, 200, CommandList, "The commands that the user may run in the room."),
    Call("POST", f"{_ROOM}/commands", api.NewCommand, 200, CommandOutcome, "Run a command, `/name arguments`."),
    Call("POST", f"{_ROOM}/commands/suggestions", api.TypedCommand, 200, Suggestions, "Suggest how a command that is being typed may go on."),
    Call("GET", f"{_ROOM}/events", None, 200, EventPage, "The room's log after a seq.", ("after", "limit")),
]  # fmt: skip
OPEN = (
    *("/api/v1/register", "/api/v1/login", "/api/v1/login/methods"),
    "/api/v1/email/confirm",
    *("/api/v1/login/begin", "/api/v1/login/proceed", "/api/v1/login/return"),
)
_NUMBERS = ("before", "limit")


def calls() -> str:
    """A list of all calls: address, body, answer, effect."""
    return "\n".join(_item(call) for call in CALLS)


def _item(call: Call) -> str:
    query = "?" + "&".join(f"{name}=…" for name in call.query) if call.query else ""
    body = f"with {keys(call.body)}" if call.body else ""
    answer = f"→ {call.status} {keys(call.answer)}:"
    return item(joined([f"**`{call.method} {call.path}{query}`**", body, answer, call.text]))


def openapi() -> str:
    kinds = [call.answer for call in CALLS] + [call.body for call in CALLS if call.body]
    refs, parts = components([*kinds, ErrorReply], "#/components/schemas/{name}")
    reference = dict(zip([*kinds, ErrorReply], refs, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        path, names = template(call.path)
        paths.setdefault(path, {})[call.method.lower()] = _operation(call, names, reference)
    return pretty(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "chatserver",
                "version": __version__,
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "security": [{"bearer": []}, {"cookie": []}],
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "cookie": {"type": "apiKey", "in": "cookie", "name": "chat_session"},
                },
                "schemas": parts,
            },
        }
    )


def _operation(call: Call, names: list[str], reference: dict[Any, Any]) -> dict[str, Any]:
    def content(kind: type[msgspec.Struct]) -> dict[str, Any]:
        return {"application/json": {"schema": reference[kind]}}

    answer = {"description": "Done.", "content": content(call.answer)}
    operation: dict[str, Any] = {
        "summary": call.text,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
        + [
            {
                "name": name,
                "in": "query",
                "schema": {"type": "integer", "minimum": 0}
                if name in _NUMBERS or (name == "after" and call.answer is EventPage)
                else {"type": "string"},
            }
            for name in call.query
        ],
        "responses": {
            str(call.status): answer,
            **({"200": {**answer, "description": "Done before."}} if call.answer is Sent else {}),
            "default": {"description": "Refused.", "content": content(ErrorReply)},
        },
    }
    if call.body is not None:
        operation["requestBody"] = {"required": True, "content": content(call.body)}
    if call.path in OPEN:
        operation["security"] = []
    return operation


def template(path: str) -> tuple[str, list[str]]:
    """A path with each ID named after what it is of: `/rooms/ID` -> `/rooms/{room}`."""
    names: list[str] = []

    def name(found: re.Match[str]) -> str:
        names.append("identity" if found[1] == "identities" else found[1].removesuffix("s"))
        return f"/{found[1]}/{{{names[-1]}}}"

    return re.sub(r"/(\w+)/(?:ID|NAME)", name, path), names
