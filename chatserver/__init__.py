"""A self-hosted, pluggable chat server. The names here are what plugins may use."""

from chatserver.errors import ChatError, StartupError, StoreUnavailable
from chatserver.frames import text_frame
from chatserver.hookspecs import hookimpl
from chatserver.hooktypes import (
    Context,
    Draft,
    HealthCheck,
    LoginAttempt,
    Refusal,
    Reply,
    Request,
    Route,
    Settings,
    Socket,
    SocketDoor,
    SocketEnd,
)
from chatserver.interfaces import Appended, Authenticator, Conflict, Records, Store, Unread
from chatserver.measure import Counter, Gauge, Histogram, Measures
from chatserver.model import (
    AnyEvent,
    MemberChanged,
    MemberEvent,
    MemberJoined,
    MemberLeft,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    RoomChanged,
    RoomKind,
    RoomRole,
    ServerRole,
    User,
    UserRef,
)
from chatserver.rate import address_network
from chatserver.rooms import Room
from chatserver.service import Service
from chatserver.service.following import Followed
from chatserver.service.rights import may_read
from chatserver.service.views import ReadMoved, RoomAdded, RoomRemoved, TypingNow
from chatserver.streams import Group, Stream
from chatserver.subscriber import News, Pipe, Subscriber
from chatserver.version import __version__

__all__ = [
    "AnyEvent",
    "Appended",
    "Authenticator",
    "ChatError",
    "Conflict",
    "Context",
    "Counter",
    "Draft",
    "Followed",
    "Gauge",
    "Group",
    "HealthCheck",
    "Histogram",
    "LoginAttempt",
    "Measures",
    "MemberChanged",
    "MemberEvent",
    "MemberJoined",
    "MemberLeft",
    "Message",
    "MessageChange",
    "MessageDeleted",
    "MessageEdited",
    "MessagePosted",
    "News",
    "PinAdded",
    "PinRemoved",
    "Pipe",
    "ReactionAdded",
    "ReactionRemoved",
    "ReadMoved",
    "Records",
    "Refusal",
    "Reply",
    "Request",
    "Room",
    "RoomAdded",
    "RoomChanged",
    "RoomKind",
    "RoomRemoved",
    "RoomRole",
    "Route",
    "ServerRole",
    "Service",
    "Settings",
    "Socket",
    "SocketDoor",
    "SocketEnd",
    "StartupError",
    "Store",
    "StoreUnavailable",
    "Stream",
    "Subscriber",
    "TypingNow",
    "Unread",
    "User",
    "UserRef",
    "__version__",
    "address_network",
    "hookimpl",
    "may_read",
    "text_frame",
]
