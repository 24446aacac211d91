"""Web Push in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, read_input
from chatserver_plugins.push.desk import Desk
from chatserver_plugins.push.devices import MOST, Keys, NewDevice, Shown

SDL = """
extend type Query {
  "The key with which a browser subscribes to notices of this server (VAPID, base64url)."
  pushKey: String!
  "The reader's devices to which notices are pushed, the newest last."
  pushDevices: [PushDevice!]!
}

extend type Mutation {
  "Push notices to this device as long as this session lasts; one that is known is renewed."
  addPushDevice(input: AddPushDeviceInput!): AddPushDevicePayload
  "Push no notices to a device any more."
  removePushDevice(input: RemovePushDeviceInput!): RemovePushDevicePayload
  "Push nothing for a moment: the reader is at one of their devices, or, with `here: false`, has left it."
  notePushActive(here: Boolean! = true): NotePushActivePayload
}

"A device to which notices are pushed."
type PushDevice {
  "The id of the device."
  id: ID!
  "What its browser calls itself."
  name: String!
  "When it was added."
  created: DateTime!
  "Whether its notices say what was written."
  texts: Boolean!
  "The language of its notices."
  language: String!
}

"A subscription, as a browser's `PushSubscription.toJSON()` has it."
input AddPushDeviceInput {
  "The address at the push service."
  endpoint: String!
  "The public key of the browser, base64url."
  p256dh: String!
  "The secret of the browser, base64url."
  auth: String!
  "The language of the notices, such as `en`."
  language: String! = "en"
  "Whether notices say what was written."
  texts: Boolean! = true
}

"The result of adding a device."
type AddPushDevicePayload {
  "The device."
  device: PushDevice!
  "Whether it was known."
  repeated: Boolean!
}

"Which device to remove."
input RemovePushDeviceInput {
  "The id of the device."
  deviceId: ID!
}

"The result of removing a device."
type RemovePushDevicePayload {
  "The id of the device."
  deviceId: ID!
  "Whether it was there."
  wasThere: Boolean!
}

"The result of being there."
type NotePushActivePayload {
  "Always true."
  noted: Boolean!
}
"""


class Added(NamedTuple):
    """An `AddPushDevicePayload`."""

    device: Shown
    repeated: bool


class Removed(NamedTuple):
    """A `RemovePushDevicePayload`."""

    device_id: str
    was_there: bool


class Noted(NamedTuple):
    """A `NotePushActivePayload`."""

    noted: bool


class Add(msgspec.Struct, frozen=True, kw_only=True):
    endpoint: str
    p256dh: str
    auth: str
    language: str = "en"
    texts: bool = True


class Which(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    device_id: Annotated[str, Meta(max_length=64)]


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def key(parent: object, info: Any) -> str:
        return (await desk().list(info.context.user)).key

    async def devices(parent: object, info: Any) -> Sequence[Shown]:
        return (await desk().list(info.context.user)).devices

    async def add(parent: object, info: Any, input: dict[str, Any]) -> Added:
        user, given = info.context.user, read_input(input, Add)
        new = NewDevice(
            endpoint=given.endpoint,
            keys=Keys(p256dh=given.p256dh, auth=given.auth),
            language=given.language,
            texts=given.texts,
        )
        return Added(*await desk().add(user, new, info.context.token, ""))

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        user, device = info.context.user, read_input(input, Which).device_id
        return Removed(device, await desk().remove(user, device))

    async def active(parent: object, info: Any, here: bool) -> Noted:
        await desk().active(info.context.user, here)
        return Noted(True)

    return GraphQLPart(
        name="push",
        sdl=SDL,
        resolvers={
            "Query.pushKey": key,
            "Query.pushDevices": devices,
            "Mutation.addPushDevice": add,
            "Mutation.removePushDevice": remove,
            "Mutation.notePushActive": active,
        },
        kinds={"PushDevice": Shown},
        costs={"Query.pushKey": 5, "Query.pushDevices": 10},
        lengths={"Query.pushDevices": MOST},
    )
