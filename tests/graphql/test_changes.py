"""The schema's changes since the last release: none breaks clients unless the page about changes says so."""

import re

import pytest
from graphql import (
    BreakingChange,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    is_interface_type,
    is_object_type,
)

from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.docs.pages import ROOT
from tests.graphql.asker import Asker
from tests.graphql.conftest import People

PAGE = ROOT / "docs/graphql-changes.md"
RELEASED = ROOT / "docs/schema/released.graphql"
MUTATIONS_ARE_NULLABLE = re.compile(r"Field Mutation\.\w+ changed type from (\w+)! to \1\.")


def unsaid(released: GraphQLSchema, present: GraphQLSchema, page: str) -> list[BreakingChange]:
    """The breaking changes that the page's newest section does not name by what it is that changes."""
    newest = page.partition("\n## ")[2].partition("\n## ")[0]
    said = set(re.findall(r"`([A-Z]\w+(?:\.[\w*]+)?)[`:( ]", newest.partition("**Means")[0]))
    found = []
    for change in find_breaking_changes(released, present):
        places = re.findall(r"[A-Z]\w*\.\w+", change.description) or change.description.split()
        if MUTATIONS_ARE_NULLABLE.fullmatch(change.description) and "Mutation.*" in said:
            continue
        if not said.intersection(places):
            found.append(change)
    return found


def test_a_change_that_breaks_clients_is_on_the_page() -> None:
    released = build_schema(RELEASED.read_text(encoding="utf-8"))
    assert unsaid(released, build([own_part()]), PAGE.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        ("type User { id: ID! name: String! }", "type User { id: ID! }", 1),
        ("type User { id: ID! }", "type User { id: ID }", 1),
        ("type User { id(a: Int): ID! }", "type User { id(a: Int!): ID! }", 1),
        ("type User { id(a: ID!): ID! }", "type User { id(a: ID): ID! }", 0),
        ("type User { id: ID! }", "type User { id: ID! more: Int }", 0),
    ],
)
def test_breaking_changes_are_found_and_may_be_on_the_page(
    before: str, after: str, broken: int
) -> None:
    """A control: the comparison finds what it is for."""
    query = "type Query { user: User } "
    old, new = build_schema(query + before), build_schema(query + after)
    page = "# Changes\n\n## Next release\n\n| `%s` | a reason |\n\n**Means something**\n"
    assert len(unsaid(old, new, page % "Room.id")) == broken
    name = "User.name" if "name" in before else "User.id"
    assert unsaid(old, new, page % name) == []


def test_every_mutation_takes_input_and_nothing_else_that_is_not_deprecated() -> None:
    mutations = build([own_part()]).mutation_type
    assert isinstance(mutations, GraphQLObjectType)
    for name, field in mutations.fields.items():
        lasting = [key for key, each in field.args.items() if each.deprecation_reason is None]
        assert lasting == ([] if name == "logout" else ["input"]), name


def test_deprecated_fields_are_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for kind in build([own_part()]).type_map.values():
        if not (is_object_type(kind) or is_interface_type(kind)) or kind.name.startswith("__"):
            continue
        for name, field in kind.fields.items():
            if field.deprecation_reason is not None:
                assert f"`{kind.name}.{name}`" in page
            for key, argument in field.args.items():
                if argument.deprecation_reason is not None:
                    assert f"`{name}({key}:)`" in page


async def test_the_deprecated_way_still_works_and_both_at_once_do_not(people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room()
    new = "mutation ($i: RoomInput!) { joinRoom(input: $i) { room { joined } } }"
    old = "mutation ($r: ID!) { leaveRoom(roomId: $r) { roomId } }"
    assert (await bob.ask(new, i={"roomId": room}))["joinRoom"]["room"]["joined"] is True
    assert await bob.ask(old, r=room) == {"leaveRoom": {"roomId": room}}
    assert (await bob.ask(new, i={"roomId": room}))["joinRoom"]["room"]["joined"] is True
    leave = "mutation ($i: RoomInput!) { leaveRoom(input: $i) { roomId } }"
    assert await bob.ask(leave, i={"roomId": room}) == {"leaveRoom": {"roomId": room}}
    await refused(bob, "mutation { joinRoom { room { id } } }")
    await refused(
        bob,
        f'mutation {{ joinRoom(roomId: "{room}", input: {{roomId: "{room}"}}) {{ room {{ id }} }} }}',
    )
    await refused(bob, 'mutation { joinRoom(roomId: "") { room { id } } }')


async def refused(asker: Asker, text: str) -> None:
    assert await asker.code(text) == "request.invalid"
