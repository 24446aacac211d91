"""A cache of documents: parsed, checked and validated, and kept while in use.

A document is kept from its second use on. So many that come once, as hostile clients send them, neither drive out those
of others nor become thousands of objects that the garbage collector has to look at.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from graphql import (
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
)
from graphql.language import DocumentNode, NameNode

from chatserver import StartupError
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.limits import (
    CHARS,
    INTROSPECTION,
    Fragments,
    check_shape,
    fields_of,
    fragments_of,
)
from chatserver_plugins.graphql.validation import errors_of, lean, parsed

SEEN = 4096  # documents that were read of late, of which only a hash is kept
NAMES = 4096


class Operation(NamedTuple):
    """One operation of a document. `name` is empty if it has none."""

    node: OperationDefinitionNode
    name: str
    roots: frozenset[str] = frozenset()  # the names of its fields
    introspects: bool = False  # selects the schema
    is_fixed: bool = False  # selects only the schema, and always the same

    @property
    def type(self) -> OperationType:
        return self.node.operation


class Document(NamedTuple):
    """A valid document. A kept one keeps the compiled `plans` of its operations by name, None for those that have none."""

    node: DocumentNode
    operations: Mapping[str, Operation]
    fragments: Fragments
    plans: "dict[str, Any] | None" = None

    def operation(self, name: str | None) -> Operation:
        """The operation with this name, or the only one. Raises `Refused` graphql.operation."""
        if not name and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if not name:
            raise Refused("graphql.operation")
        found = self.operations.get(name)
        if found is None:
            raise Refused("graphql.operation", f"There is no operation {name[:100]!r} here.")
        return found


class Documents:
    """All documents in use."""

    def __init__(self, schema: GraphQLSchema, config: GraphQLConfig) -> None:
        """Raises `StartupError` if the known documents cannot be read."""
        self._schema, self._config = schema, config
        self._ready: OrderedDict[str, Document] = OrderedDict()
        self._chars = 0  # of the texts of the cached documents
        self._seen: OrderedDict[int, None] = OrderedDict()
        self._names: dict[str, NameNode] = {}  # which kept documents share
        self._known: dict[str, Document] = {}
        for name, text in _read(config.documents).items():
            try:
                self._known[name] = self._make(text)._replace(plans={})
            except Refused as error:
                why = error.errors[0].message if error.errors else error.text
                raise StartupError(f"plugin.graphql.documents: {name}: {why}") from error

    def is_known(self, name: str) -> bool:
        return name in self._known

    def known(self, name: str) -> Document:
        """One of the operator's documents. Raises `Refused`."""
        if name not in self._known:
            raise Refused("graphql.document_unknown")
        return self._known[name]

    def demand_known(self, text: str | None) -> None:
        """Raises `Refused` if only the operator's documents are executed; `text` is None for an id."""
        if self._config.documents_only:
            raise Refused(
                "graphql.document_unknown" if text is None else "graphql.document_required"
            )

    def is_ready(self, text: str) -> bool:
        """Whether the document of this text is kept."""
        return text in self._ready

    def get(self, text: str, *, hide_names: bool = False) -> Document:
        """The document of a text. Raises `Refused`, which suggests similar names unless these are hidden."""
        self.demand_known(text)
        found = self._ready.get(text)
        if found is not None:
            self._ready.move_to_end(text)
            return found
        found = self._make(text, hide_names)
        if self._was_seen(text):
            found = found._replace(plans={})
            self._keep(text, found)
        return found

    def _was_seen(self, text: str) -> bool:
        """Whether this is not the document's first use of late."""
        key = hash(text)
        if key in self._seen:
            del self._seen[key]
            return True
        self._seen[key] = None
        if len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return False

    def _keep(self, text: str, document: Document) -> None:
        self._ready[text] = document
        self._chars += len(text)
        while self._chars > self._config.documents_kept_chars and len(self._ready) > 1:
            oldest, _ = self._ready.popitem(last=False)
            self._chars -= len(oldest)

    def _make(self, text: str, hide_names: bool = False) -> Document:
        node = self._parse(text)
        check_shape(node, depth=self._config.depth, aliases=self._config.aliases)
        errors = errors_of(self._schema, node, hide_names=hide_names)
        if errors:
            raise Refused("graphql.invalid", errors=errors)
        if len(self._names) > NAMES:
            self._names.clear()
        lean(node, self._names)
        operations = [
            part for part in node.definitions if isinstance(part, OperationDefinitionNode)
        ]
        fragments = fragments_of(node)
        named = [_described(operation, fragments) for operation in operations]
        return Document(node, {operation.name: operation for operation in named}, fragments)

    def _parse(self, text: str) -> DocumentNode:
        tokens = self._config.tokens
        if len(text) > CHARS:
            raise Refused("graphql.tokens", detail={"limit": tokens, "chars": CHARS})
        try:
            return parsed(text, tokens)
        except RecursionError as error:
            raise Refused("graphql.depth", detail={"limit": self._config.depth}) from error
        except GraphQLSyntaxError as error:
            if f"more than {tokens} tokens" in error.message:
                raise Refused("graphql.tokens", detail={"limit": tokens}) from error
            raise Refused("graphql.parse", errors=[error]) from error


def _described(node: OperationDefinitionNode, fragments: Fragments) -> Operation:
    roots = {field.name.value for field in fields_of((node.selection_set,), fragments)}
    return Operation(
        node,
        node.name.value if node.name else "",
        frozenset(roots),
        introspects=not roots.isdisjoint(INTROSPECTION),
        is_fixed=not node.variable_definitions and roots <= {*INTROSPECTION, "__typename"},
    )


def _read(path: str) -> dict[str, str]:
    """The known documents: a JSON object of ids and texts. Raises `StartupError`."""
    if not path:
        return {}
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StartupError(f"plugin.graphql.documents: {path}: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise StartupError(
            f"plugin.graphql.documents: {path}: expected an object with a document for each id"
        )
    return found
