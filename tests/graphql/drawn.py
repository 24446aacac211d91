"""Documents that hypothesis makes of a schema: valid ones, with all that a selection may have."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLField,
    GraphQLInputType,
    GraphQLNamedType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_enum_type,
    is_input_object_type,
    is_interface_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    is_union_type,
)
from hypothesis import strategies as st

LEVELS = 4  # of fields that have fields
WRONG: list[Any] = ["text", 1.5, {"a": 1}, [[]], None]  # as the value of a variable
Chosen = Callable[[str, str], bool]


class Drawn(NamedTuple):
    text: str
    variables: dict[str, Any]


class Drawer:
    """Draws one operation."""

    def __init__(
        self,
        draw: Callable[[st.SearchStrategy[Any]], Any],
        schema: GraphQLSchema,
        values: Mapping[str, Sequence[Any]],
        chosen: Chosen,
    ) -> None:
        """`values` by scalar or argument (`Type.field.argument`); only `chosen` fields (type, name) are selected."""
        self._draw, self._schema, self._values, self._chosen = draw, schema, values, chosen
        self._fragments: list[str] = []
        self._defined: list[str] = []
        self._variables: dict[str, Any] = {}
        self._count = 0
        self._varies = self._in(6)  # variables decide what is selected

    def operation(self, root: str, fields: Collection[str] = ()) -> Drawn:
        """An operation on the root type `root`, with just one of `fields` if there are any."""
        kind = self._schema.get_type(root)
        assert is_object_type(kind)
        if fields:
            name = self._of(sorted(fields))
            field = self._field(root, name, kind.fields[name], {}, LEVELS)
            selected = f"{{ {field} }}"
        else:
            selected = self._selection(kind, {}, LEVELS)
        defined = f"({', '.join(self._defined)})" if self._defined else ""
        head = f"{'subscription' if fields else 'query'} Drawn{defined}"
        return Drawn("\n".join([f"{head} {selected}", *self._fragments]), self._variables)

    def _of(self, choices: Sequence[Any]) -> Any:
        return self._draw(st.sampled_from(choices))

    def _in(self, many: int) -> bool:
        """True once in `many` times; smaller examples have fewer of them."""
        return bool(self._draw(st.integers(0, many - 1)) == many - 1)

    def _fresh(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def _selection(self, kind: GraphQLNamedType, used: dict[str, Any], level: int) -> str:
        """A selection set. `used` are the names in the same object of the answer."""
        parts = [self._part(kind, used, level) for _ in range(self._draw(st.integers(1, 5)))]
        return f"{{ {' '.join(parts)} }}"

    def _part(self, kind: GraphQLNamedType, used: dict[str, Any], level: int) -> str:
        if is_abstract_type(kind) and not (is_interface_type(kind) and self._in(3)):
            inner = self._of(sorted(self._schema.get_possible_types(kind), key=str))
            return self._fragment(inner, used, level, is_inner=True) if level else "__typename"
        if self._in(8) and level:
            return self._fragment(kind, used, level)
        if self._in(8) or is_union_type(kind):
            return "__typename" + self._directive()
        fields = {
            name: field
            for name, field in kind.fields.items()  # type: ignore[attr-defined]
            if self._chosen(kind.name, name)
            and (level or not is_composite_type(get_named_type(field.type)))
        }
        if not fields:
            return "__typename"
        name = self._of(sorted(fields))
        return self._field(kind.name, name, fields[name], used, level)

    def _fragment(
        self, kind: GraphQLNamedType, used: dict[str, Any], level: int, *, is_inner: bool = False
    ) -> str:
        """A fragment; `is_inner`: on one of the types that the outer one may be."""
        directive = self._directive()
        if self._in(2):
            condition = f"on {kind.name} " if is_inner or self._in(2) else ""
            return f"... {condition}{directive} {self._selection(kind, used, level - 1)}"
        name = self._fresh("F")
        place = len(self._fragments)
        self._fragments.append("")
        selected = self._selection(kind, used, level - 1)
        self._fragments[place] = f"fragment {name} on {kind.name} {selected}"
        return f"...{name}{directive}" + (f" ...{name}" if self._in(6) else "")

    def _field(
        self, owner: str, name: str, field: GraphQLField, used: dict[str, Any], level: int
    ) -> str:
        shown = name
        if name in used or self._in(4):
            shown = self._fresh("a")
        used[shown] = True
        arguments = [
            f"{each}: {self._value(argument.type, f'{owner}.{name}.{each}', argument.default is None)}"
            for each, argument in field.args.items()
            if (is_non_null_type(argument.type) and argument.default is None) or self._in(2)
        ]
        text = name if shown == name else f"{shown}: {name}"
        text += f"({', '.join(arguments)})" if arguments else ""
        kind = get_named_type(field.type)
        if not is_composite_type(kind):
            directed = text + self._directive()
            return f"{directed} {text}" if self._in(10) else directed
        inner: dict[str, Any] = {}
        parts = [
            f"{text}{self._directive()} {self._selection(kind, inner, level - 1)}"
            for _ in range(2 if self._in(6) else 1)
        ]
        return " ".join(parts)

    def _directive(self) -> str:
        if not self._in(8):
            return ""
        word = self._of(["include", "skip"])
        given = self._of([True, False])
        if self._varies:
            variable = self._fresh("v")
            self._defined.append(f"${variable}: Boolean!")
            self._variables[variable] = given
            return f" @{word}(if: ${variable})"
        return f" @{word}(if: {str(given).lower()})"

    def _value(self, kind: GraphQLInputType, place: str, is_free: bool) -> str:
        """A literal, or a variable that is defined for it."""
        value = self._drawn_value(kind, place)
        if not self._in(3):
            return self._literal(kind, value)
        variable = self._fresh("v")
        definition = f"${variable}: {kind}"
        if self._in(3) and value is not None:
            definition += f" = {self._literal(kind, value)}"
            if self._in(2):
                self._defined.append(definition)
                return f"${variable}"
            value = self._drawn_value(kind, place)
        elif self._in(4) and not is_non_null_type(kind):
            self._defined.append(definition)
            return f"${variable}"
        self._defined.append(definition)
        self._variables[variable] = self._of(WRONG) if self._in(12) else value
        return f"${variable}"

    def _drawn_value(self, kind: GraphQLInputType, place: str) -> Any:
        if is_non_null_type(kind):
            return self._drawn_value(kind.of_type, place)
        if self._in(12) and not place.endswith("!"):
            return None if not self._required(place) else self._known(kind, place)
        return self._known(kind, place)

    def _required(self, place: str) -> bool:
        owner, name, argument = place.split(".")
        field = self._schema.get_type(owner).fields[name]  # type: ignore[union-attr]
        return is_non_null_type(field.args[argument].type)

    def _known(self, kind: GraphQLInputType, place: str) -> Any:
        if is_non_null_type(kind):
            return self._known(kind.of_type, place)
        if is_list_type(kind):
            return [self._known(kind.of_type, place) for _ in range(self._draw(st.integers(0, 3)))]
        if is_enum_type(kind):
            return self._of(sorted(kind.values))
        if is_input_object_type(kind):
            return {
                name: self._known(field.type, place)
                for name, field in kind.fields.items()
                if is_non_null_type(field.type) or self._in(2)
            }
        return self._of(self._values.get(place) or self._values[str(kind)])

    def _literal(self, kind: GraphQLInputType, value: Any) -> str:
        if is_non_null_type(kind):
            return self._literal(kind.of_type, value)
        if value is None:
            return "null"
        if is_list_type(kind):
            return f"[{', '.join(self._literal(kind.of_type, each) for each in value)}]"
        if is_enum_type(kind):
            return str(value)
        if is_input_object_type(kind):
            inside = (
                f"{name}: {self._literal(kind.fields[name].type, each)}"
                for name, each in value.items()
            )
            return f"{{{', '.join(inside)}}}"
        if isinstance(value, bool):
            return str(value).lower()
        return f'"{value}"' if isinstance(value, str) else str(value)
