"""The schema as a contract: names that clients rely on, and a description for each of them."""

from collections.abc import Iterator

import pytest
from graphql import GraphQLSchema, is_introspection_type, is_specified_scalar_type, print_schema
from graphql.type import GraphQLDirective

from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build

# The fields that docs/protocol.md promises; arguments with their defaults.
PROMISED = """
Query.me: User
Query.user(id: ID!): User
Query.rooms(first: Int = 50, after: String, text: String, archived: Boolean = False): RoomConnection
Query.room(id: ID!): Room
Query.search(text: String!, room: ID, first: Int = 50, after: String): MessageConnection
Room.id: ID!
Room.name: String
Room.kind: RoomKind!
Room.head: Int!
Room.messages(last: Int = 50, before: Int): [Message!]!
Room.events(after: Int!, first: Int = 500): [RoomEvent!]!
Room.members(first: Int = 100, after: String, last: Int, before: String, text: String): MemberConnection!
Message.id: ID!
Message.seq: Int!
Message.body: String!
Message.author: User!
Message.at: DateTime!
Message.replyTo: ID
Message.editedAt: DateTime
Message.reactions: [Reaction!]!
Mutation.register(input: RegisterInput!): AuthPayload
Mutation.login(input: LoginInput!): AuthPayload
Mutation.createRoom(input: CreateRoomInput!): RoomPayload
Mutation.joinRoom(input: RoomInput, roomId: ID): RoomPayload
Mutation.sendMessage(input: SendMessageInput!): MessagePayload
Subscription.roomEvents(roomId: ID!, after: Int, epoch: String): RoomEvent!
SendMessageInput.roomId: ID!
SendMessageInput.body: String!
SendMessageInput.clientId: String!
SendMessageInput.replyTo: ID
MessagePosted.seq: Int!
MessagePosted.message: Message!
""".strip().splitlines()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build([own_part()])


def places(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Each type, field, argument and value with its description."""
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind.description
        for value_name, value in getattr(kind, "values", {}).items():
            yield f"{name}.{value_name}", value.description
        for field_name, field in getattr(kind, "fields", {}).items():
            yield f"{name}.{field_name}", field.description


def test_everything_is_described(schema: GraphQLSchema) -> None:
    found = list(places(schema))
    assert len(found) > 200
    assert [place for place, description in found if not description] == []


@pytest.mark.parametrize("line", PROMISED)
def test_names_are_kept(schema: GraphQLSchema, line: str) -> None:
    owner, _, rest = line.partition(".")
    name = rest.partition(":")[0].partition("(")[0]
    field = getattr(schema.get_type(owner), "fields")[name]  # noqa: B009 - only some types have them
    arguments = [
        f"{argument_name}: {argument.type}{_default(argument)}"
        for argument_name, argument in getattr(field, "args", {}).items()
    ]
    shown = f"({', '.join(arguments)})" if arguments else ""
    assert f"{owner}.{name}{shown}: {field.type}" == line


def test_the_log_has_all_kinds_of_events(schema: GraphQLSchema) -> None:
    union = getattr(schema.get_type("RoomEvent"), "types")  # noqa: B009
    assert {kind.name for kind in union} >= {
        *("MessagePosted", "MessageEdited", "MessageDeleted", "ReactionAdded", "ReactionRemoved"),
        *("PinAdded", "PinRemoved", "MemberJoined", "MemberLeft", "MemberChanged", "RoomChanged"),
    }
    for kind in union:
        if kind.name != "StreamGap":
            assert str(kind.fields["seq"].type) == "Int!"


def test_it_needs_no_directive_of_its_own(schema: GraphQLSchema) -> None:
    own: list[GraphQLDirective] = [each for each in schema.directives if each.ast_node]
    assert own == []
    assert "DateTime" in print_schema(schema)


def _default(argument: object) -> str:
    node = getattr(argument, "ast_node").default_value  # noqa: B009
    return f" = {node.value}" if node else ""
