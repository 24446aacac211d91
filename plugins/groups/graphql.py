"""Groups of users in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from chatserver import GraphQLPart, Scope, User, read_input
from chatserver_plugins.groups.desk import Desk
from chatserver_plugins.groups.views import (
    GroupChanges,
    GroupList,
    GroupView,
    Ids,
    Name,
    NewGroup,
    Title,
)

SDL = """
extend type Query {
  "The groups of users, by name. Not for guests."
  userGroups: UserGroups
  "A group of users. Not for guests."
  userGroup(
    "The name, without @."
    name: String!
  ): UserGroup
}

extend type Mutation {
  "Make a group of users. For staff of the server, and for members if `plugin.groups.makers` says so."
  makeUserGroup(input: MakeUserGroupInput!): UserGroupPayload
  "Change a group. For staff of the server, and for members who made it and may make some."
  changeUserGroup(input: ChangeUserGroupInput!): UserGroupPayload
  "Remove a group: its name mentions nobody then. For those who may change it."
  removeUserGroup(input: RemoveUserGroupInput!): RemoveUserGroupPayload
  "Leave a group."
  leaveUserGroup(input: LeaveUserGroupInput!): LeaveUserGroupPayload
}

"All groups, as the reader sees them."
type UserGroups {
  "The groups."
  groups: [UserGroup!]!
  "Whether the reader may make some."
  mayMake: Boolean!
  "Most members of one."
  mostMembers: Int!
}

"A group of users: its name behind @ mentions those of its members who are in the room."
type UserGroup {
  "The name, without @."
  name: String!
  "What it is, in a few words; may be empty."
  title: String!
  "The number of members."
  memberCount: Int!
  "Those members of whom the reader may know."
  members: [User!]!
  "Whether the reader is a member."
  isMember: Boolean!
  "Whether the reader may change it."
  mayChange: Boolean!
  "Who made it."
  by: UserGroupMaker!
  "When it was made."
  at: DateTime!
}

"The user who made a group."
type UserGroupMaker {
  "The id."
  id: ID!
  "The display name; empty if the account is gone."
  name: String!
}

"A group to make."
input MakeUserGroupInput {
  "The name, without @: 1 to 32 letters, digits, dots, dashes or underscores."
  name: String!
  "What it is, in at most 100 characters."
  title: String! = ""
  "The ids of its first members, at most 100."
  memberIds: [ID!]! = []
}

"What of a group is to be otherwise. What is not given stays."
input ChangeUserGroupInput {
  "The name, without @."
  name: String!
  "What it is, in at most 100 characters."
  title: String
  "The ids of users to add, at most 100."
  addIds: [ID!]! = []
  "The ids of members to remove, at most 100."
  removeIds: [ID!]! = []
}

"A group to remove."
input RemoveUserGroupInput {
  "The name, without @."
  name: String!
}

"A group to leave."
input LeaveUserGroupInput {
  "The name, without @."
  name: String!
}

"The result of making or changing a group."
type UserGroupPayload {
  "The group."
  group: UserGroup!
}

"The result of removing a group."
type RemoveUserGroupPayload {
  "The name of the group that is gone."
  name: String!
}

"The result of leaving a group."
type LeaveUserGroupPayload {
  "The name of the group."
  name: String!
}
"""


class Make(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: Name
    title: Title = ""
    member_ids: Ids = ()


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: Name
    title: Title | UnsetType | None = UNSET
    add_ids: Ids = ()
    remove_ids: Ids = ()


class Named(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: Name


class Payload(NamedTuple):
    """A `UserGroupPayload`."""

    group: GroupView


class Done(NamedTuple):
    """A `RemoveUserGroupPayload` or `LeaveUserGroupPayload`."""

    name: str


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def groups(parent: object, info: Any) -> GroupList:
        return await desk().all(info.context.user)

    async def group(parent: object, info: Any, name: str) -> GroupView:
        return await desk().get(info.context.user, name)

    async def members(parent: GroupView, info: Any) -> Sequence[User]:
        return await desk().members(info.context.user, parent.name)

    async def make(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        asking, given = info.context, read_input(input, Make)
        new = NewGroup(name=given.name, title=given.title, members=given.member_ids)
        return Payload(await desk().make(asking.user, asking.address, new))

    async def change(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        asking, given = info.context, read_input(input, Change)
        title = UNSET if given.title is None else given.title
        changes = GroupChanges(title=title, add=given.add_ids, remove=given.remove_ids)
        return Payload(await desk().change(asking.user, asking.address, given.name, changes))

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Done:
        asking, given = info.context, read_input(input, Named)
        await desk().remove(asking.user, asking.address, given.name)
        return Done(given.name)

    async def leave(parent: object, info: Any, input: dict[str, Any]) -> Done:
        asking, given = info.context, read_input(input, Named)
        await desk().leave(asking.user, asking.address, given.name)
        return Done(given.name)

    return GraphQLPart(
        name="groups",
        sdl=SDL,
        resolvers={
            "Query.userGroups": groups,
            "Query.userGroup": group,
            "UserGroup.members": members,
            "Mutation.makeUserGroup": make,
            "Mutation.changeUserGroup": change,
            "Mutation.removeUserGroup": remove,
            "Mutation.leaveUserGroup": leave,
        },
        costs={
            "Query.userGroups": 50,
            "Query.userGroup": 10,
            "UserGroup.members": 10,
            "Mutation.makeUserGroup": 50,
            "Mutation.changeUserGroup": 50,
            "Mutation.removeUserGroup": 20,
            "Mutation.leaveUserGroup": 20,
        },
        lengths={"UserGroups.groups": 100, "UserGroup.members": 100},
        scopes={"Query.userGroups": Scope.READ, "Query.userGroup": Scope.READ},
    )
