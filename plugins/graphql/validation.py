"""Parses and validates a document, and leaves little behind for the garbage collector.

What graphql-core makes on the way is many thousand objects that refer to each other in circles: tokens to their
neighbours, rules to their own methods. The collector would free those of many refused documents at once, in 50 to 80 ms.
So the circles are broken here, and the objects end with their last reference.
"""

from contextlib import suppress

from graphql import (
    GraphQLError,
    GraphQLSchema,
    ParallelVisitor,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    specified_rules,
    visit,
)
from graphql.language import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    Lexer,
    NameNode,
    Node,
    OperationDefinitionNode,
    Source,
    Token,
    TokenKind,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.language.parser import Parser

ERRORS = 20  # shown of one document
NAME_CHARS = 64  # longer names are not shared
# The nodes that an error of an execution may point at: constants were validated, and cannot be wrong then.
POINTED_AT = (
    FieldNode,
    VariableNode,
    VariableDefinitionNode,
    OperationDefinitionNode,
    FragmentDefinitionNode,
)
NO_TOKEN = Token(TokenKind.SOF, 0, 0, 0, 0)


class _Enough(Exception):
    """There are more errors than are shown."""


def parsed(text: str, tokens: int) -> DocumentNode:
    """The document of a text with at most that many tokens. Raises `GraphQLSyntaxError`, `RecursionError`."""
    source = Source(text)
    lexer = Lexer(source)
    try:
        return Parser(source, max_tokens=tokens, lexer=lexer).parse_document()
    finally:
        _unlink(lexer.token)


def errors_of(
    schema: GraphQLSchema, document: DocumentNode, *, hide_names: bool
) -> list[GraphQLError]:
    """What is invalid in a document of a bounded shape. Suggests similar names unless these are hidden."""
    errors: list[GraphQLError] = []

    def note(error: GraphQLError) -> None:
        if len(errors) == ERRORS:
            errors.append(GraphQLError("More is invalid than is shown here."))
            raise _Enough
        errors.append(error.with_traceback(None))  # whose frames refer to the error

    info = TypeInfo(schema)
    context = ValidationContext(schema, document, info, note, hide_names)
    rules = [rule(context) for rule in specified_rules]
    together = ParallelVisitor(rules)
    visitor = TypeInfoVisitor(info, together)
    try:
        with suppress(_Enough):
            visit(document, visitor)
    finally:
        for part in (visitor, together, *rules, context):
            vars(part).clear()
    return errors


def lean(document: DocumentNode, names: dict[str, NameNode]) -> None:
    """Drop a document's tokens, positions that no error message needs, and names that `names` has; it gets the others.

    So a document that is kept has fewer objects, which the collector looks at.
    """
    waiting: list[Node] = [document]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, POINTED_AT):
            _set(node, "loc", None)
        elif node.loc is not None:
            node.loc.start_token = node.loc.end_token = NO_TOKEN
        for key in node.keys:
            inside = getattr(node, key, None)
            if isinstance(inside, NameNode) and len(inside.value) <= NAME_CHARS:
                name = names.setdefault(inside.value, inside)
                _set(node, key, name)
                waiting.append(name)
            elif isinstance(inside, Node):
                waiting.append(inside)
            elif isinstance(inside, list | tuple):
                waiting.extend(each for each in inside if isinstance(each, Node))


_set = object.__setattr__  # nodes are frozen


def _unlink(token: Token | None) -> None:
    """Take the tokens up to this one out of their chain, of which nodes need no more than their own."""
    while token is not None:
        before, token.prev, token.next = token.prev, None, None
        token = before
