"""Shows a public class of `chatserver` on the pages of docs/plugins/reference: its fields, methods, and versions."""

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, TypeVar

import msgspec
from since import recorded, since
from wrapping import item

from chatserver import Action, Localized
from chatserver.model import AnyEvent, Event, MemberEvent, MessageChange

MODULES = re.compile(r"\b(?:chatserver|collections|pathlib|typing)(?:\.[a-z]+)*\.")
COMMENT = re.compile(r"^    (\w+)(?:: | = )[^#\n]*  # (?!type:|noqa)(.+)$", re.M)  # behind a field
CODE_CHARS = 100  # in a line; longer ones are broken as ruff does
CALL_CHARS = 80  # a span of code is not split
# Unions that have a public name, by which they are shown; the longest first.
UNIONS = {
    "AnyEvent": AnyEvent,
    "MessageChange": MessageChange,
    "MemberEvent": MemberEvent,
    "Localized": Localized,
}
# Classes that plugins make themselves; others are got from the server. Errors are shown as calls, too.
MADE = ("Bucket", "BusLink", "News", "SingleFlight")


def bare(text: str) -> str:
    """Types by the names that plugins import."""
    text = MODULES.sub("", text)
    for name, union in UNIONS.items():
        text = text.replace(MODULES.sub("", str(union)), name)
    return text.replace("~", "")


def described(name: str, kind: type[Any]) -> str:
    """A class with its fields and methods."""
    blocks = (f"### `{name}`", _call_of(name, kind), text_of(kind), _note(kind))
    rows = "\n".join(_rows(name, kind))
    return "\n\n".join(
        part for part in (*blocks, _fields(name, kind), rows, since("names", name)) if part
    )


def text_of(documented: Any) -> str:
    """The docstring."""
    return inspect.cleandoc(documented.__doc__ or "")


def _call_of(name: str, kind: type[Any]) -> str:
    """How a plugin makes one."""
    is_error = issubclass(kind, Exception) and "__init__" in vars(kind)
    if not is_error and name not in MADE:
        return ""
    own = inspect.signature(kind).replace(return_annotation=inspect.Signature.empty)
    call = f"{name}{bare(str(own))}"
    if len(call) <= CODE_CHARS:
        return f"    {call}"
    arguments = [bare(str(each)) for each in own.parameters.values()]
    first_by_name = [each.kind for each in own.parameters.values()].index(
        inspect.Parameter.KEYWORD_ONLY
    )
    arguments.insert(first_by_name, "*")
    return "\n".join([f"    {name}(", *(f"        {each}," for each in arguments), "    )"])


def _note(kind: type[Any]) -> str:
    """What the fields do not show: the kind by which hooks select an event; what a plugin may change of an action."""
    if issubclass(kind, Action) and kind.changeable:
        return f"A change may replace {_listed(kind.changeable)}."
    if issubclass(kind, msgspec.Struct) and issubclass(kind, Event):
        return f"Its kind is `{kind.__struct_config__.tag}`."
    return ""


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _fields(name: str, kind: Any) -> str:
    """The fields of a struct or named tuple, or the members of an enumeration, as they are declared."""
    comments = dict(_comments(kind))
    return "\n".join(
        f"    {shown}{_newer(name, field)}"
        + (f"  # {comments[field]}" if field in comments else "")
        for field, shown in _declared(kind)
    )


def _declared(kind: Any) -> Iterator[tuple[str, str]]:
    """Each field with its declaration."""
    if issubclass(kind, Enum):
        for member in kind:
            yield member.name, f"{member.name} = {member.value!r}"
        return
    annotations: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        annotations |= vars(base).get("__annotations__", {})
    for field, default in _defaults(kind).items():
        yield field, f"{field}: {_type(annotations[field])}{_default(default)}"


def _defaults(kind: Any) -> dict[str, Any]:
    """Each field with its default, or NODEFAULT."""
    if issubclass(kind, msgspec.Struct):
        names, given = kind.__struct_fields__, kind.__struct_defaults__
        defaults = [msgspec.NODEFAULT] * (len(names) - len(given)) + [*given]
        return dict(zip(names, defaults, strict=True))
    if issubclass(kind, tuple):
        return {**dict.fromkeys(kind._fields, msgspec.NODEFAULT), **kind._field_defaults}
    return {}


def _comments(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """What the source says behind the fields."""
    for base in reversed(kind.__mro__):
        if base.__module__.startswith("chatserver"):
            yield from COMMENT.findall(inspect.getsource(base))


def _rows(name: str, kind: Any) -> Iterator[str]:
    """A list of the other attributes, and of the methods, each with its docstring."""
    is_declared = bool(_defaults(kind)) or issubclass(kind, Enum)
    annotations = {} if is_declared else getattr(kind, "__annotations__", {})
    for field, of in annotations.items():
        if not field.startswith("_"):
            yield f"- `{field}: {_type(of)}`"
    for method, member in vars(kind).items():
        if isinstance(member, property) and member.fget is not None:
            of = inspect.signature(member.fget).return_annotation
            yield _row(f"{method}: {_type(of)}", member, _newer(name, method))
        elif inspect.isfunction(member) and not method.startswith("_"):
            first = "async " if inspect.iscoroutinefunction(member) else ""
            shown = _call(inspect.signature(member)).replace("(self)", "()")
            yield _row(f"{first}{method}{shown}", member, _newer(name, method))


def _newer(name: str, member: str) -> str:
    """The version of a member that came after its class."""
    versions = recorded()
    own = versions["members"].get(f"{name}.{member}")
    return f" (since {own})" if own not in (None, versions["names"].get(name)) else ""


def _call(signature: inspect.Signature) -> str:
    """The signature without `self`; without types if it would not fit into a line."""
    shown = bare(str(signature))
    if len(shown) > CALL_CHARS:
        untyped = [
            each.replace(
                annotation=each.empty,
                default=each.default if each.default is each.empty else ...,
            )
            for each in signature.parameters.values()
        ]
        shown = bare(str(signature.replace(parameters=untyped))).replace("=Ellipsis", "=…")
    return shown.replace("(self, ", "(")


def _row(shown: str, member: Any, version: str) -> str:
    text = " ".join(f"{text_of(member)}{version}".split())
    return item(f"`{shown}`: {text}" if text else f"`{shown}`")


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return ""
    if type(value).__name__ == "Factory":  # of a mutable value
        value = value.factory()
    return f" = {_shown(value)}"


def _shown(value: Any) -> str:
    """A default as a plugin would write it."""
    if inspect.isclass(value):
        return str(value.__name__)
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple) and value:
        return f"({', '.join(map(_shown, value))})"
    return repr(value)


def _type(annotation: Any) -> str:
    """A type by the name that plugins import."""
    is_named = inspect.isclass(annotation) or isinstance(annotation, TypeVar)
    text = annotation.__name__ if is_named else str(annotation)
    return bare(text)
