"""Documents of ordinary apps are within the limits, and hostile ones are not."""

import pytest
from graphql import get_introspection_query

from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.execution import Execution
from tests.graphql.conftest import People
from tests.graphql.test_limits import made, prepared

AUTHOR = "author { id name username }"
MESSAGE = f"""id seq at body clientId editedAt deleted pinned {AUTHOR}
  mentions {{ id name username }}
  replyToMessage {{ id seq body deleted {AUTHOR} }}
  reactions {{ emoji count mine users(first: 10) {{ id name username }} }}"""
CHANGES = (
    "MessageEdited",
    "MessageDeleted",
    "ReactionAdded",
    "ReactionRemoved",
    "PinAdded",
    "PinRemoved",
)
MEMBERSHIP = ("MemberJoined", "MemberLeft", "MemberChanged")
# As generators of code write it: each type by itself, though all have the same fields.
UNION = f"""__typename
  ... on MessagePosted {{ seq roomId at {AUTHOR} message {{ {MESSAGE} }} }}
  {"".join(f"... on {name} {{ seq roomId at {AUTHOR} messageId }} " for name in CHANGES)}
  {"".join(f"... on {name} {{ seq roomId at {AUTHOR} }} " for name in MEMBERSHIP)}
  ... on RoomChanged {{ seq roomId at {AUTHOR} name topic }}
  ... on PluginEvent {{ seq roomId at {AUTHOR} type payload }}
  ... on EventRemoved {{ seq roomId }}
  ... on UnknownEvent {{ seq roomId at {AUTHOR} unknown }}
  ... on StreamGap {{ head epoch }}"""  # fmt: skip
ORDINARY = {
    "room list": f"""query Rooms {{ me {{ id name username }} epoch rooms(first: 100) {{
      nodes {{ id name kind topic head joined role read unread mentions messages(last: 1) {{ id seq at body {AUTHOR} }} }}
      pageInfo {{ hasNextPage endCursor }} }} }}""",
    "timeline": f"""query Timeline($room: ID = "r", $before: Int) {{ room(id: $room) {{
      id name head read messages(last: 50, before: $before) {{ {MESSAGE} }} }} }}""",
    "longest timeline": f'{{ room(id: "r") {{ id messages(last: 100) {{ {MESSAGE} }} }} }}',
    "members": """{ room(id: "r") { id members(first: 500) {
      edges { cursor node { role online user { id name username } } } pageInfo { hasNextPage endCursor } } } }""",
    "events of the whole union": f"subscription Live {{ roomEvents(roomId: \"r\", after: 1) {{ {UNION} }} }}",
    "log of the whole union": f'{{ room(id: "r") {{ events(after: 1, first: 500) {{ {UNION.replace(MESSAGE, "id body replyTo")} }} }} }}',
    "search": f'{{ search(text: "a", first: 50) {{ nodes {{ {MESSAGE} room {{ id name }} }} }} }}',
    "introspection": get_introspection_query(input_value_deprecation=True),
}  # fmt: skip
HOSTILE = {
    "all of everything": f"{{ rooms(first: 100) {{ nodes {{ messages(last: 100) {{ {MESSAGE} }} }} }} }}",
    "rooms of messages of rooms": "{ rooms(first: 100) { nodes { messages(last: 5) { room { messages(last: 50) { id } } } } } }",
    "edges and nodes": "{ rooms(first: 100) { "
    "edges { node { events(after: 0) { ...E } } } nodes { events(after: 0) { ...E } } } }"
    " fragment E on RoomEvent { ... on RoomLogEntry { seq author { username } } }",
    "schema twice": "{" + "".join(f"a{n}: __schema {{ types {{ fields {{ args {{ name type {{ name kind }} }} }} }} }} " for n in range(19)) + "}",
}  # fmt: skip


@pytest.fixture(scope="module")
def execution() -> Execution:
    return made(GraphQLConfig())


@pytest.mark.parametrize("name", ORDINARY)
def test_queries_of_ordinary_apps_are_allowed(execution: Execution, name: str) -> None:
    assert prepared(execution, ORDINARY[name]).cost.total <= execution.config.cost


@pytest.mark.parametrize("name", HOSTILE)
def test_expensive_queries_are_refused(execution: Execution, name: str) -> None:
    with pytest.raises(Refused, match=r"graphql\.(cost|invalid)"):
        prepared(execution, HOSTILE[name])


def test_a_union_costs_what_its_dearest_type_costs(execution: Execution) -> None:
    one = (
        '{ room(id: "r") { events(after: 0, first: 10) { ... on MessageEdited { seq body at } } } }'
    )
    all = one.replace("... on MessageEdited", "... on MemberLeft { seq } ... on MessageEdited")
    assert prepared(execution, all).cost == prepared(execution, one).cost


def test_a_list_is_no_longer_than_the_server_makes_it(execution: Execution) -> None:
    longest = '{ room(id: "r") { messages(last: 100) { id } } }'
    longer = longest.replace("100", "1000000")
    assert prepared(execution, longer).cost == prepared(execution, longest).cost


def test_a_mutation_counts_for_each_of_its_fields(execution: Execution) -> None:
    one = 'a#: markRead(input: {roomId: "r", seq: 1}) { seq }'
    text = "mutation {" + " ".join(one.replace("#", str(n)) for n in range(20)) + "}"
    assert prepared(execution, text).cost.operations == 20
    assert prepared(execution, "{ me { id } }").cost.operations == 1


async def test_every_answer_says_what_it_cost(people: People) -> None:
    (ada,) = await people("Ada")
    cost = (await ada.answer("{ me { id name } }"))["extensions"]["cost"]
    left = cost.pop("operationsLeft")
    assert cost == {"requested": 3, "resolved": 3, "limit": 10_000, "operations": 1}
    assert 0 < left <= 2000  # as many as there were before, if the bucket is full again
    failed = await ada.answer('{ search(text: "") { nodes { id } } }')
    assert failed["extensions"]["cost"]["requested"] == 600
    refused = await ada.answer(HOSTILE["all of everything"])
    assert refused["extensions"]["cost"]["limit"] == 10_000
    assert refused["extensions"]["cost"]["requested"] > 10_000


async def test_a_list_of_operations_has_one_budget(people: People) -> None:
    (ada,) = await people("Ada")
    assert ada.person is not None
    body = [{"query": "{ rooms(first: 100) { nodes { messages(last: 20) { id } } } }"}] * 4
    answers = (await ada.person.http("POST", "/graphql", body)).json()
    costs = [answer["extensions"]["cost"]["requested"] for answer in answers]
    assert costs == [3101] * 4
    refused = [
        answer.get("errors", [{}])[0].get("extensions", {}).get("code") for answer in answers
    ]
    assert refused == [None, None, None, "graphql.cost"]
