"""Relay's specifications: nodes by their ids, pages in both directions, cursors that are none."""

import asyncio

import pytest
from graphql import OperationDefinitionNode, parse

from chatserver import ServerRole
from chatserver.app import Server
from chatserver_plugins.graphql.costs import Costs
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.graphql.asker import Asker, Json
from tests.graphql.conftest import People, Start
from tests.graphql.test_subscriptions import fill

NODES = """query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id
  ... on User { username } ... on Room { name } ... on Message { body deleted } } }"""
NODE = """query ($id: ID!) { node(id: $id) { __typename id } }"""
PAGE = """query ($room: ID!, $first: Int, $after: String, $last: Int, $before: String) { room(id: $room) {
  page: messagesConnection(first: $first, after: $after, last: $last, before: $before) {
    nodes { seq } edges { cursor node { id } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
MEMBERS = """query ($room: ID!, $first: Int, $after: String, $last: Int, $before: String) { room(id: $room) {
  page: members(first: $first, after: $after, last: $last, before: $before) {
    nodes { user { id } } edges { cursor }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""


MESSAGE = """query ($id: ID!) { message(id: $id) { id body room { name } } }"""


# -- nodes -----------------------------------------------------------------------------------------


async def test_a_message_is_found_by_its_id_unless_it_is_deleted_or_hidden(people: People) -> None:
    ada, bob = await people("ada", "bob")
    room, hidden = await ada.make_room("Lounge"), await ada.make_room("Attic", "PRIVATE")
    message = (await ada.post(room, "tea"))["id"]
    for reader in (ada, bob):
        found = (await reader.ask(MESSAGE, id=message))["message"]
        assert found == {"id": message, "body": "tea", "room": {"name": "Lounge"}}
    secret = (await ada.post(hidden, "secret"))["id"]
    for id in (secret, f"{room}-1", f"{room}-99", room, ada.id, "none-3", "-3", "", "x" * 1000):
        assert (await bob.ask(MESSAGE, id=id))["message"] is None, id
    await ada.ask(
        "mutation ($i: MessageInput!) { deleteMessage(input: $i) { seq } }",
        i={"roomId": room, "messageId": message},
    )
    assert (await ada.ask(MESSAGE, id=message))["message"] is None


async def test_nodes_are_found_by_the_ids_that_they_have_everywhere(people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Lounge", "PUBLIC", bob.id)
    one, two = (await ada.post(room, "one"))["id"], (await ada.post(room, "two"))["id"]
    await ada.ask(
        "mutation ($i: MessageInput!) { deleteMessage(input: $i) { seq } }",
        i={"roomId": room, "messageId": two},
    )
    ids = [one, ada.id, room, "none", bob.id, two, f"{room}-1", f"{room}-99", "", "x" * 1000]
    found = (await bob.ask(NODES, ids=ids))["nodes"]
    assert found[:3] == [
        {"__typename": "Message", "id": one, "body": "one", "deleted": False},
        {"__typename": "User", "id": ada.id, "username": ada.username},
        {"__typename": "Room", "id": room, "name": "Lounge"},
    ]
    assert found[3] is None
    assert found[4]["username"] == bob.username
    assert found[5] == {"__typename": "Message", "id": two, "body": "", "deleted": True}
    assert found[6:] == [None] * 4
    for each in found[:3]:
        node = (await bob.ask(NODE, id=each["id"]))["node"]
        assert node == {"__typename": each["__typename"], "id": each["id"]}
    assert await bob.ask(NODE, id="none") == {"node": None}


async def test_a_node_that_the_user_may_not_see_is_null(people: People, nobody: Asker) -> None:
    ada, bob, guest = await people("ada", "bob", "guest")
    room = await ada.make_room("Attic", "PRIVATE")
    message = (await ada.post(room, "secret"))["id"]
    await ada.server.run(lambda s: s.service.accounts.set_role(guest.username, ServerRole.GUEST))
    hidden = await bob.ask(NODES, ids=[room, message, f"{room}-1"])
    assert hidden == {"nodes": [None, None, None]}
    assert await guest.ask(NODE, id=ada.id) == {"node": None}
    assert (await guest.ask(NODE, id=guest.id))["node"]["id"] == guest.id
    assert await nobody.code(NODE, id=ada.id) == "auth.required"
    assert await nobody.code(NODES, ids=[ada.id]) == "auth.required"


async def test_nodes_are_bounded(people: People) -> None:
    (ada,) = await people("ada")
    assert len((await ada.ask(NODES, ids=[ada.id] * 100))["nodes"]) == 100
    assert await ada.code(NODES, ids=[ada.id] * 101) == "request.invalid"


async def test_many_nodes_take_no_more_queries_than_few(start: Start) -> None:
    server = start()
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    ids = [(await ada.post(room, f"{number}"))["id"] for number in range(60)]
    calls: list[str] = []

    async def count(running: Server) -> None:
        for name in ("posted", "changes", "heads", "get_many", "get"):
            original = getattr(running.store, name)

            def counted(*given: object, name: str = name, original: object = original) -> object:
                if given[0] not in ("changed", "meta"):
                    calls.append(name)
                return original(*given)  # type: ignore[operator]

            setattr(running.store, name, counted)

    await server.run(count)
    await ada.ask(NODES, ids=ids[:1])
    few = sorted(calls)
    calls.clear()
    await ada.ask(NODES, ids=ids)
    assert calls.count("posted") <= max(1, few.count("posted"))
    assert len(calls) <= len(few) + 2


# -- pages -----------------------------------------------------------------------------------------


async def walk(asker: Asker, text: str, room: str, size: int, *, back: bool) -> list[Json]:
    """All nodes of a list, page by page, in the order of the list; and that each page says what it is."""
    found: list[Json] = []
    place: str | None = None
    for _ in range(200):
        given = {"last": size, "before": place} if back else {"first": size, "after": place}
        page = (await asker.ask(text, room=room, **given))["room"]["page"]
        info, nodes = page["pageInfo"], page["nodes"]
        assert len(nodes) <= size
        assert info["hasNextPage" if back else "hasPreviousPage"] is (place is not None)
        found = [*nodes, *found] if back else [*found, *nodes]
        if not info["hasPreviousPage" if back else "hasNextPage"]:
            return found
        place = info["startCursor" if back else "endCursor"]
    raise AssertionError("the list has no end")


async def mixed(ada: Asker, room: str) -> list[int]:
    """Messages among other events, in places many of these; the seqs of the messages."""
    seqs = []
    for number in range(30):
        message = await ada.post(room, f"{number}")
        seqs.append(message["seq"])
        for name in ("pinMessage", "unpinMessage") * (number % 4):
            await ada.ask(
                f"mutation ($i: MessageInput!) {{ {name}(input: $i) {{ seq }} }}",
                i={"roomId": room, "messageId": message["id"]},
            )
    return seqs


@pytest.mark.parametrize("size", [1, 7, 30, 100])
@pytest.mark.parametrize("back", [False, True], ids=["forwards", "backwards"])
async def test_messages_are_walked_in_both_directions(
    people: People, size: int, back: bool
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    seqs = await mixed(ada, room)
    assert [node["seq"] for node in await walk(ada, PAGE, room, size, back=back)] == seqs


@pytest.mark.parametrize("back", [False, True], ids=["forwards", "backwards"])
async def test_a_long_room_is_walked_in_both_directions(people: People, back: bool) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    await fill(ada, room, 450)
    found = [node["seq"] for node in await walk(ada, PAGE, room, 100, back=back)]
    assert found == list(range(3, 453))


async def test_pages_that_would_be_too_large_are_shorter_and_leave_nothing_out(
    start: Start,
) -> None:
    server = start({"limits.buffer_soft_bytes": 8192, "limits.buffer_hard_bytes": 40000})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    seqs = [(await ada.post(room, f"{n} {'x' * 3000}", f"{n}"))["seq"] for n in range(40)]
    for back in (False, True):
        assert [node["seq"] for node in await walk(ada, PAGE, room, 40, back=back)] == seqs


async def test_messages_that_are_far_between_are_found(start: Start) -> None:
    server = start()
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    first = [await ada.post(room, f"{number}") for number in range(3)]

    async def describe(running: Server) -> None:
        user = await running.service.accounts.get(ada.id)
        found = await running.service.rooms.get(room)
        for number in range(2700):
            await running.service.rooms.change(user, found, None, f"topic {number}")

    await asyncio.wait_for(server.run(describe), 60)
    last = await ada.post(room, "last")
    found = [node["seq"] for node in await walk(ada, PAGE, room, 10, back=False)]
    assert found == [message["seq"] for message in (*first, last)]


async def test_a_page_may_lie_between_two_cursors(people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    seqs = await mixed(ada, room)
    edges = (await ada.ask(PAGE, room=room, first=30))["room"]["page"]["edges"]
    between = {"after": edges[4]["cursor"], "before": edges[9]["cursor"]}
    for given in ({"first": 10}, {"last": 10}):
        page = (await ada.ask(PAGE, room=room, **given, **between))["room"]["page"]
        assert [node["seq"] for node in page["nodes"]] == seqs[5:9]
    page = (await ada.ask(PAGE, room=room, first=2, **between))["room"]["page"]
    assert [node["seq"] for node in page["nodes"]] == seqs[5:7]
    assert page["pageInfo"]["hasNextPage"] is True
    page = (await ada.ask(PAGE, room=room, last=2, **between))["room"]["page"]
    assert [node["seq"] for node in page["nodes"]] == seqs[7:9]
    assert page["pageInfo"]["hasPreviousPage"] is True


async def test_without_arguments_it_is_the_newest_page(people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    empty = (await ada.ask(PAGE, room=room))["room"]["page"]
    assert empty["nodes"] == []
    assert empty["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": None,
    }
    await fill(ada, room, 60)
    page = (await ada.ask(PAGE, room=room))["room"]["page"]
    assert [node["seq"] for node in page["nodes"]] == list(range(13, 63))
    assert page["pageInfo"]["hasPreviousPage"] is True


@pytest.mark.parametrize("size", [1, 2, 5, 7])
async def test_members_are_walked_in_both_directions(people: People, size: int) -> None:
    ada, *others = await people("ada", *"bcdef")
    room = await ada.make_room("Lounge", "PUBLIC", *(other.id for other in others))
    ids = sorted([ada.id, *(other.id for other in others)])
    for back in (False, True):
        found = await walk(ada, MEMBERS, room, size, back=back)
        assert [node["user"]["id"] for node in found] == ids


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ("", 50),
        ("(first: 3)", 3),
        ("(last: 90)", 90),
        ("(first: $n)", 50),
        ("(last: $n)", 50),
        ("(last: $most)", 100),
    ],
)
async def test_the_cost_of_a_page_is_that_of_its_size_in_either_direction(
    arguments: str, size: int
) -> None:
    part = own_part()
    text = "query ($n: Int, $most: Int) { room(id: 1) { messagesConnection { nodes { id } } } }"
    document = parse(text.replace("Connection", f"Connection{arguments}"))
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    cost = Costs(build([part]), part.costs, part.lengths).of(operation, {}, {"most": 100})
    assert cost.total >= 2 * size


async def test_the_page_around_a_seq_leads_in_both_directions(people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    seqs = [(await ada.post(room, f"message {n}"))["seq"] for n in range(12)]
    text = PAGE.replace("$before: String)", "$before: String, $around: Int)")
    text = text.replace("before: $before)", "before: $before, around: $around)")

    async def page(**given: object) -> tuple[list[int], Json]:
        found = (await ada.ask(text, room=room, **given))["room"]["page"]
        return [node["seq"] for node in found["nodes"]], found["pageInfo"]

    found, info = await page(around=seqs[5], first=3)
    assert found == seqs[4:7]
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (True, True)
    assert (await page(first=3, after=info["endCursor"]))[0] == seqs[7:10]
    assert (await page(last=3, before=info["startCursor"]))[0] == seqs[1:4]
    found, info = await page(around=seqs[11])
    assert (found, info["hasPreviousPage"], info["hasNextPage"]) == (seqs, False, False)
    for other in ("after", "before"):
        code = await ada.code(text, room=room, around=seqs[5], **{other: info["endCursor"]})
        assert code == "request.invalid"
    assert await ada.code(text, room=room, around=-1) == "request.invalid"
    assert await ada.code(text, room=room, around=1, first=101) == "request.invalid"


# -- what is refused -------------------------------------------------------------------------------

LISTS = {
    "rooms": "query ($c: String) { rooms(after: $c) { nodes { id } } }",
    "search": 'query ($c: String) { search(text: "hello", after: $c) { nodes { id } } }',
    "search in a room": 'query ($c: String, $r: ID!) { search(text: "hello", room: $r, after: $c) '
    "{ nodes { id } } }",
    "members after": "query ($c: String, $r: ID!) { room(id: $r) { members(after: $c) { nodes { role } } } }",
    "members before": "query ($c: String, $r: ID!) { room(id: $r) { members(before: $c) { nodes { role } } } }",
    "messages after": "query ($c: String, $r: ID!) { room(id: $r) { messagesConnection(first: 1, after: $c) { nodes { id } } } }",
    "messages before": "query ($c: String, $r: ID!) { room(id: $r) { messagesConnection(before: $c) { nodes { id } } } }",
}


@pytest.mark.parametrize(
    "cursor", ["!!!", "", "é", "Zg==", "Zg\n", "_-8", "x" * 500, "LTE", "YWIvZA"]
)
@pytest.mark.parametrize("where", LISTS)
async def test_an_invalid_cursor_is_refused(people: People, where: str, cursor: str) -> None:
    (ada,) = await people("ada")
    given = {"r": await ada.make_room()} if "$r" in LISTS[where] else {}
    assert await ada.code(LISTS[where], c=cursor, **given) == "request.invalid"


TOO_LONG = {
    "{ rooms(first: 101) { nodes { id } } }": 100,
    '{ search(text: "hello", first: 101) { nodes { id } } }': 100,
    '{ room(id: "R") { messages(last: 101) { id } } }': 100,
    '{ room(id: "R") { messagesConnection(last: 101) { nodes { id } } } }': 100,
    '{ room(id: "R") { messagesConnection(first: 101) { nodes { id } } } }': 100,
    '{ room(id: "R") { events(after: 0, first: 501) { __typename } } }': 500,
    '{ room(id: "R") { members(first: 501) { nodes { role } } } }': 500,
    '{ room(id: "R") { members(last: 501) { nodes { role } } } }': 500,
    '{ room(id: "R") { messages(last: 1) { reactions { users(first: 101) { id } } } } }': 100,
}


@pytest.mark.parametrize(("text", "limit"), TOO_LONG.items())
async def test_more_than_a_page_may_have_is_refused(people: People, text: str, limit: int) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    message = await ada.post(room, "hello")
    await ada.ask(
        "mutation ($i: ReactionInput!) { addReaction(input: $i) { seq } }",
        i={"roomId": room, "messageId": message["id"], "emoji": "👍"},
    )
    asked = text.replace("R", room, 1)
    (error,) = (await ada.answer(asked))["errors"]
    assert error["extensions"]["code"] == "request.invalid"
    assert error["extensions"]["detail"] == {"limit": limit}
    await ada.ask(asked.replace(f"{limit + 1}", f"{limit}"))


async def test_a_search_says_whether_its_index_is_complete(start: Start) -> None:
    server = start()
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    text = 'query ($r: ID) { search(text: "none", room: $r) { partial nodes { id } } }'

    async def pause(running: Server) -> None:
        running.service.indexer.pause()

    await server.run(pause)
    assert (await ada.ask(text, r=room))["search"] == {"partial": False, "nodes": []}
    await fill(ada, room, 2500)  # more than a search looks through by itself
    assert (await ada.ask(text, r=room))["search"] == {"partial": True, "nodes": []}
