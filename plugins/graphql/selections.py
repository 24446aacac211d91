"""Normalises the selection of a subscription, once for each document, so that equal ones can be grouped.

Two selections are equal if they differ only in the room, the start position and the layout of the text.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Any, NamedTuple

from graphql import (
    REMOVE,
    ArgumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    is_abstract_type,
    is_object_type,
    print_ast,
    visit,
)

from chatserver_plugins.graphql.documents import Document, Operation

KEPT = 500  # selections
# Fields with the same result for every reader of the room; any other field may depend on the user.
SAME_FOR_ALL = frozenset(
    {
        "User.name",
        "User.username",
        "User.role",
        "User.at",
        "User.disabled",
        "Message.roomId",
        "Message.replyToMessage",
        "Message.threadMessage",
        "Message.replies",
        "Thread.count",
        "Thread.seq",
        "Thread.at",
        "Thread.authors",
        "Thread.messages",
        "Message.mentions",
        "Message.mentionsRoom",
        "Message.reactions",
        "Message.data",
        "Reaction.count",
        "Reaction.users",
        "MessagePosted.message",
        "MessagePosted.body",
        "MessagePosted.data",
        "MessageEdited.message",
        "MessageEdited.mentions",
        "MessageEdited.data",
        "MessageDeleted.message",
        "ReactionAdded.message",
        "ReactionRemoved.message",
        "PinAdded.message",
        "PinRemoved.message",
        "Subscription.roomEvents",
        "Subscription.roomsEvents",
    }
)
MESSAGE_FIELDS = ("message", "body", "data")  # of MessagePosted: show the present message
SAME_FOR_ALL_FIELDS = frozenset({"roomId", "messageId"})  # of every kind of event


class Selection(NamedTuple):
    """`text` is equal for equal selections. `is_personal`: the result depends on the user."""

    field: FieldNode  # of the subscription's root; validation ensures that there is exactly one
    text: str
    variables: frozenset[str]  # on which the selection depends
    is_personal: bool
    shows_messages: bool  # of MessagePosted events


class Selections:
    """A cache of the selections of documents."""

    def __init__(self, schema: GraphQLSchema, resolved: Collection[str]) -> None:
        """`resolved` are the fields (`Type.field`) with resolvers."""
        self._schema = schema
        self._personal = frozenset(filter(_may_be_personal, resolved))
        self._known: OrderedDict[int, tuple[Operation, Selection]] = OrderedDict()

    def of(self, document: Document, operation: Operation) -> Selection:
        key = id(operation.node)
        known = self._known.get(key)
        if known is None or known[0].node is not operation.node:
            known = self._known[key] = (operation, self._make(document, operation))
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known[1]

    def _make(self, document: Document, operation: Operation) -> Selection:
        types = TypeInfo(self._schema)
        reader = _Reader(self._schema, types, self._personal)
        visitor = TypeInfoVisitor(types, reader)
        root = visit(operation.node, visitor).selection_set
        fragments = [visit(fragment, visitor) for fragment in document.fragments.values()]
        texts = [print_ast(root), *sorted(map(print_ast, fragments))]
        return Selection(
            reader.roots[0],
            "\n".join(texts),
            frozenset(reader.variables),
            reader.is_personal,
            reader.shows_messages,
        )


class _Reader(Visitor):
    """Removes the start position of a room's events, and records properties of the selection."""

    def __init__(self, schema: GraphQLSchema, types: TypeInfo, personal: frozenset[str]) -> None:
        super().__init__()
        self._schema, self._types, self._personal = schema, types, personal
        self.roots: list[FieldNode] = []
        self.variables: set[str] = set()
        self.is_personal = self.shows_messages = False

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        parent, name = self._types.get_parent_type(), node.name.value
        if parent is self._schema.subscription_type:
            self.roots.append(node)
        owners = self._schema.get_possible_types(parent) if is_abstract_type(parent) else [parent]
        if any(is_object_type(one) and f"{one.name}.{name}" in self._personal for one in owners):
            self.is_personal = True
        if name in MESSAGE_FIELDS and any(one.name == "MessagePosted" for one in owners if one):
            self.shows_messages = True

    def enter_argument(self, node: ArgumentNode, *_: Any) -> Any:
        is_root = self._types.get_parent_type() is self._schema.subscription_type
        return REMOVE if is_root and self._types.get_directive() is None else None

    def enter_variable_definition(self, *_: Any) -> Any:
        return REMOVE

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.variables.add(node.name.value)


def _may_be_personal(place: str) -> bool:
    return place not in SAME_FOR_ALL and place.partition(".")[2] not in SAME_FOR_ALL_FIELDS
