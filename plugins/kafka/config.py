"""The settings of the plugin."""

import re
from typing import Annotated, Literal

from msgspec import Meta, field

import chatserver

_BROKER = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # allowed by Kafka
_ROOM = re.compile(r"[0-9a-z]{1,64}")
ROOM = "{room}"


class Config(chatserver.Settings, frozen=True, kw_only=True):
    """The brokers, the credentials, and the selection of events and topics."""

    brokers: Annotated[
        list[str],
        Meta(description="Addresses of some brokers, as host:9092.", extra={"operator": True}),
    ]
    topic: Annotated[
        str,
        Meta(description="Topic to write to; {room} stands for the room's id."),
    ] = "chatserver.events"
    events: Annotated[
        list[str], Meta(description="Kinds of events, such as message.posted; empty means all.")
    ] = field(default_factory=list)
    rooms: Annotated[
        list[str], Meta(description="Ids of rooms, of any kind; empty means all of room_kinds.")
    ] = field(default_factory=list)
    room_kinds: Annotated[
        list[Literal["public", "private", "direct"]],
        Meta(description="Kinds of rooms whose events are written."),
    ] = field(default_factory=lambda: ["public"])
    start: Annotated[
        Literal["now", "beginning"],
        Meta(
            description="First events of the first run: those from now on, or from the beginning of "
            "each room."
        ),
    ] = "now"
    rooms_at_once: Annotated[
        int, Meta(ge=1, le=100, description="Rooms whose events are written at the same time.")
    ] = 16
    timeout_ms: Annotated[
        int,
        Meta(
            ge=1000,
            le=300_000,
            description="Milliseconds the brokers have to take a batch before it is tried again.",
        ),
    ] = 30_000
    tls: Annotated[bool, Meta(description="Use TLS to the brokers.", extra={"operator": True})] = (
        False
    )
    ca_file: Annotated[
        str, Meta(description="File with the trusted authorities; empty: those of the system.")
    ] = ""
    certificate_file: Annotated[
        str, Meta(description="File with a client's certificate and its private key, as PEM.")
    ] = ""
    sasl: Annotated[
        Literal["none", "plain", "scram-sha-256", "scram-sha-512"],
        Meta(
            description="Mechanism by which the server signs in to the brokers.",
            extra={"operator": True},
        ),
    ] = "none"
    username: Annotated[str, Meta(description="Name to sign in with.")] = ""
    password: Annotated[str, Meta(description="Password to sign in with.")] = ""

    def __post_init__(self) -> None:
        if not self.brokers:
            raise ValueError("brokers: expected at least one")
        for broker in self.brokers:
            if not _BROKER.fullmatch(broker):
                raise ValueError(f"brokers: expected host:port, got {broker!r}")
        if not _TOPIC.fullmatch(self.topic.replace(ROOM, "r")):
            raise ValueError("topic: expected 1 to 249 of A-Z a-z 0-9 . _ - and {room}")
        for room in self.rooms:
            if not _ROOM.fullmatch(room):
                raise ValueError(f"rooms: {room!r} is not the id of a room")
        if not self.tls and (self.ca_file or self.certificate_file):
            raise ValueError("tls: must be true for ca_file and certificate_file to be used")
        if self.sasl != "none" and not (self.username and self.password):
            raise ValueError(f"sasl: {self.sasl} needs username and password")
        if self.sasl == "none" and (self.username or self.password):
            raise ValueError("sasl: none does not use username and password")
        if self.sasl == "plain" and not self.tls:
            raise ValueError("sasl: plain sends the password unencrypted, and needs tls")
