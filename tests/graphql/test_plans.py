"""Plans give the answers of graphql-core, byte for byte, for any document that hypothesis makes of the whole schema."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import msgspec
import pytest
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, is_object_type
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver import ChatError, GraphQLPart, ServerRole, StoreUnavailable, User
from chatserver.app import Server
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.columns import NotPlanned
from chatserver_plugins.graphql.config import GraphQLConfig
from chatserver_plugins.graphql.documents import Document, Documents
from chatserver_plugins.graphql.errors import Refused
from chatserver_plugins.graphql.events import (
    EventExecutor,
    build_executor,
    execute_at_once,
    execute_event,
)
from chatserver_plugins.graphql.execution import Execution
from chatserver_plugins.graphql.groups import encoded, encoded_data
from chatserver_plugins.graphql.leaves import Attribute
from chatserver_plugins.graphql.params import Params
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.plan import ROW_FIELDS, Plan, Plans
from chatserver_plugins.graphql.pure import PURE
from chatserver_plugins.graphql.schema import build
from tests.graphql.asker import Asker
from tests.graphql.conftest import SETTINGS
from tests.graphql.drawn import Drawer, Drawn
from tests.protocol.running import Running

# All that are on by default and register a part, and can be used without any setting.
WITH_PARTS = (
    *("invites", "totp", "scheduled", "saved", "reminders", "drafts", "receipts", "reports"),
    *("announcements", "emoji", "groups", "profiles", "account_deletion", "join_requests"),
    *("directory", "polls", "inbox", "bots"),
)
FREE = SETTINGS | {
    "plugins.enabled": ["memory", "password", "metrics", "slash_commands", *WITH_PARTS, "graphql"],
    "limits.operations_burst": 10**9,
    "plugin.graphql.cost": 10**5,
    "plugin.graphql.tokens": 10**4,
    "plugin.graphql.aliases": 10**3,
}
FAULTS = ("none", "none", "none", "none", "pages", "people", "too much")


class Compared:
    """A server with a history, and its execution, with and without plans."""

    def __init__(self, server: Running, execution: Execution) -> None:
        self.server, self.execution = server, execution
        self.values: dict[str, list[Any]] = {}
        self.users: list[User] = []
        self.rooms: list[str] = []
        self.taken: Counter[str] = Counter()
        self.wrong: list[str] = []  # exceptions in plans that nobody expects

    @property
    def schema(self) -> GraphQLSchema:
        return self.execution.schema

    def is_planned(self, owner: str, name: str) -> bool:
        """Whether the field of the type can be in a plan."""
        kind = self.schema.get_type(owner)
        resolve = kind.fields[name].resolve if is_object_type(kind) else None
        return (
            not is_object_type(kind)
            or isinstance(resolve, Attribute)
            or resolve in PURE.resolvers
            or resolve in PURE.for_all
        )

    async def answer(self, drawn: Drawn, user: User, *, planned: bool) -> "Answer":
        execution, owed = self.execution, list[int]()
        asking = Asking(self.server.server.service, user=user)
        asking.owe = owed.append  # type: ignore[method-assign]
        document = execution.documents._make(drawn.text)
        document = document._replace(plans={} if planned else None)
        taken = self.taken["taken"]
        try:
            ready = execution.ready(document, Params(drawn.text, drawn.variables, None), asking)
            result: Any = await execution.run(ready, asking, execution.deadline())
            result["extensions"]["cost"].pop("operationsLeft")
        except Refused as error:
            result = error.shown()
        except ChatError as error:
            result = error.code
        if planned:
            plan = document.plans and document.plans["Drawn"]
            self.taken["planned" if plan else "not planned"] += 1
        return Answer(result, owed, by_plan=self.taken["taken"] > taken)

    async def both(self, drawn: Drawn, user: User) -> "tuple[Answer, Answer]":
        return await self.answer(drawn, user, planned=True), await self.answer(
            drawn, user, planned=False
        )


class Answer(NamedTuple):
    """A result, the operations that were counted beyond the estimate, and whether a plan made it."""

    result: Any
    owed: list[int]
    by_plan: bool

    @property
    def bytes(self) -> bytes:
        return msgspec.json.encode(self.result)

    @property
    def data(self) -> Any:
        return msgspec.json.decode(self.bytes)["data"]


def assert_same(planned: Answer, plain: Answer, shown: object = None) -> None:
    """What a plan made is the same to the byte.

    If it was given up, or there is none, graphql-core made both, and each time whatever is ready first comes first: so
    are the errors ordered, and siblings of a field whose error makes their parent null end sooner or later.
    """
    assert planned.owed == plain.owed, (shown, planned, plain)
    if planned.by_plan:
        assert planned.bytes == plain.bytes, (shown, planned, plain)
        assert "errors" not in planned.result, shown
    else:
        assert in_order(planned.result) == in_order(plain.result), (shown, planned, plain)


def in_order(result: Any) -> bytes:
    """All of a result that does not depend on which of several reads ends first."""
    result = msgspec.json.decode(msgspec.json.encode(result))
    errors = result.get("errors", ()) if isinstance(result, dict) else result
    for error in errors if isinstance(errors, list) else ():
        if error["message"] == "The answer is too large.":
            del error["extensions"]["detail"]["cost"]  # what was resolved when it was too much
    if errors and "data" in result:
        result["errors"] = sorted(own_error(result["data"], each) for each in errors)
        result["errors"] = list(dict.fromkeys(result["errors"]))
        result["extensions"]["cost"].pop("resolved")
    return msgspec.json.encode(result)


def own_error(data: Any, error: dict[str, Any]) -> str:
    """The error; only its place if it made a parent of its field null, as then others may have, too."""
    path = error.get("path", [])
    for depth, step in enumerate(path):
        if data is None:
            return f"null at {path[:depth]}"
        data = data[step]
    return msgspec.json.encode(error).decode()


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    made: list[Execution] = []
    init = Execution.__init__

    def noted(self: Execution, *given: Any, **named: Any) -> None:
        init(self, *given, **named)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setattr(Execution, "__init__", noted)
        running = stack.enter_context(Running(tmp_path_factory.mktemp("plans"), FREE))
        found = Compared(running, made[0])
        asyncio.run(fill(found))
        count_plans(found, patch)
        yield found


def count_plans(compared: Compared, patch: pytest.MonkeyPatch) -> None:
    """Count the executions that a plan finished."""
    data = Plan.data

    async def counted(*given: Any) -> Any:
        try:
            found = await data(*given)
        except (
            ChatError,
            NotPlanned,
            GraphQLError,
        ):  # another exception would be an error of the plan
            compared.taken["given up"] += 1
            raise
        except BaseException as error:
            compared.wrong.append(repr(error))
            raise
        compared.taken["taken"] += 1
        return found

    patch.setattr(Plan, "data", counted)


async def fill(compared: Compared) -> None:
    server = compared.server
    people = [Asker(server, await server.person(name)) for name in ("ada", "bob", "cy")]
    ada, bob, cy = people
    rooms = [
        await ada.make_room("Lounge", "PUBLIC", bob.id, cy.id),
        await ada.make_room("Attic", "PRIVATE", bob.id),
        await bob.make_room("Cellar", "PRIVATE"),
        await ada.make_room("", "DIRECT", bob.id),
        await cy.make_room("Empty", "PUBLIC"),
    ]
    messages: list[str] = []

    async def write(running: Server) -> None:
        service = running.service
        users = compared.users = [await service.accounts.get(person.id) for person in people]
        posts = service.messages

        async def post(user: User, room: str, body: str, **more: Any) -> str:
            found = await service.rooms.get(room, user)
            event, _ = await posts.post(user, found, f"c{len(messages)}", body, **more)
            messages.append(event.id)
            return event.id

        for number in range(6):
            first = await post(users[number % 2], rooms[0], f"hello {number} @{cy.username} @room")
            await post(users[2], rooms[0], "an answer", reply_to=first)
            await post(users[1], rooms[0], "in the thread", thread=first, broadcast=number % 2 == 0)
        for number in range(4):
            await post(users[number % 2], rooms[1], f"a long text {number} " * 30)
            await post(users[number % 2], rooms[3], f"alone {number} *bold*")
        await post(users[1], rooms[2], "for nobody")
        lounge = await service.rooms.get(rooms[0], users[0])
        for user in users:
            for emoji in "👍🎉":
                await posts.react(user, lounge, messages[0], emoji)
        await posts.react(users[1], lounge, messages[4], "🎉")
        await posts.edit(users[0], lounge, messages[0], f"now @{bob.username}")
        await posts.delete(users[2], lounge, messages[1])
        await posts.delete(users[0], lounge, messages[6])
        await posts.pin(users[0], lounge, messages[3], True)

    await server.run(write)
    ids = [person.id for person in people]
    some = [messages[place] for place in (0, 1, 2, 6, 20)]
    compared.rooms = rooms
    compared.values = {
        "ID": [*rooms, *some, *ids, "none", f"{rooms[0]}-999", f"{rooms[0]}-1"],
        "Query.room.id": [*rooms[:4], *rooms[:2], "none"],
        "Query.user.id": [*ids, "none"],
        "Query.message.id": [*some, "none"],
        "Room.message.id": [*some, "none"],
        "String": ["MDEx", "cursor", "", "a", "Mw", "MTA", "hello", *(p.username for p in people)],
        "Int": [1, 2, 3, 5, 10, 50, 100, 0, -1, 1000],
        "Float": [0.5, 1],
        "Boolean": [True, False],
        "JSON": ["x"],
        "DateTime": ["2026-01-01T00:00:00.000Z"],
    }  # fmt: skip


def break_something(compared: Compared, fault: str, patch: pytest.MonkeyPatch) -> None:
    service = compared.server.server.service
    if fault == "pages":

        async def pages(*_: Any) -> Any:
            raise StoreUnavailable

        patch.setattr(service.history, "pages", pages)
    if fault == "people":  # as if all of them were deleted

        async def get_many(ids: Any) -> dict[str, Any]:
            return {}

        patch.setattr(service.accounts, "get_many", get_many)
        patch.setattr(service.accounts, "known", lambda user: None)
    if fault == "too much":
        patch.setattr(compared.execution, "most_resolved", 3)


def drawn_of(
    data: st.DataObject, compared: Compared, any_field: bool, root: str, *fields: str
) -> Drawn:
    """An operation; without `any_field`, of fields alone that can be in a plan."""
    chosen = (lambda owner, name: True) if any_field else compared.is_planned
    return Drawer(data.draw, compared.schema, compared.values, chosen).operation(root, fields)


@pytest.mark.parametrize(("examples", "any_field"), [(150, False), (50, True)])
def test_queries(compared: Compared, examples: int, any_field: bool) -> None:
    @settings(max_examples=examples)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        drawn = drawn_of(data, compared, any_field, "Query")
        user = data.draw(st.sampled_from(compared.users))
        fault = data.draw(st.sampled_from(FAULTS))

        async def run(server: Server) -> tuple[Answer, Answer]:
            with pytest.MonkeyPatch.context() as patch:
                break_something(compared, fault, patch)
                return await compared.both(drawn, user)

        compared.wrong.clear()
        planned, plain = asyncio.run(compared.server.run(run))
        assert not compared.wrong, (compared.wrong, fault, drawn, planned, plain)
        assert_same(planned, plain, drawn)

    compared.taken.clear()
    check()
    taken = compared.taken
    if not any_field:
        assert taken["taken"] > (taken["planned"] + taken["not planned"]) / 5, taken
        assert taken["given up"], taken


@pytest.mark.parametrize(("examples", "any_field"), [(60, False), (20, True)])
def test_events(compared: Compared, examples: int, any_field: bool) -> None:
    @settings(max_examples=examples)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        drawn = drawn_of(data, compared, any_field, "Subscription", "roomEvents")
        user, room = data.draw(st.sampled_from(compared.users)), compared.rooms[0]
        fault = data.draw(st.sampled_from(FAULTS))

        async def run(server: Server) -> None:
            with pytest.MonkeyPatch.context() as patch:
                break_something(compared, fault, patch)
                await compare_events(compared, drawn, user, room)

        asyncio.run(compared.server.run(run))

    compared.taken.clear()
    check()
    taken = compared.taken
    if not any_field:
        assert taken["events taken"] > taken["events given up"] + taken["events not planned"], taken


async def compare_events(compared: Compared, drawn: Drawn, user: User, room: str) -> None:
    execution, service = compared.execution, compared.server.server.service

    def asking() -> Asking:
        return Asking(service, user=user)

    try:
        document = execution.documents._make(drawn.text)
        ready = execution.ready(document, Params(drawn.text, drawn.variables, None), asking())
    except Refused:
        return
    executor = build_executor(execution, ready)
    if not isinstance(executor, EventExecutor):
        return  # a variable is wrong
    plan, executor.plan = executor.plan, None
    if plan is None:
        compared.taken["events not planned"] += 1
        return
    found = await service.rooms.get(room, compared.users[0])
    for event in found.since(found.tail_from, 1000) or ():
        made = execute_event(executor, event, asking())
        outcome = made if isinstance(made, ExecutionResult) else await made
        executor.plan = plan
        planned = execute_at_once(executor, [event, event], asking())
        executor.plan = None
        if planned is None:
            compared.taken["events given up"] += 1
            continue
        compared.taken["events taken"] += 1
        assert [encoded_data(each) for each in planned] == [encoded(execution, outcome)] * 2


TIMELINE = """query Drawn($room: ID!) { room(id: $room) { head messages(last: 3) {
  id body deleted editedAt pinned author { name } reactions { emoji count mine } } } }"""


def test_what_changes_is_shown_at_once(compared: Compared) -> None:
    async def run(server: Server) -> None:
        ada, posts = compared.users[0], server.service.messages
        room = await server.service.rooms.get(compared.rooms[4], compared.users[2])
        await server.service.rooms.join(ada, room)
        event, _ = await posts.post(ada, room, "changing", "the first text")
        drawn = Drawn(TIMELINE, {"room": room.id})

        async def shown() -> bytes:
            taken = compared.taken["taken"]
            planned, plain = await compared.both(drawn, ada)
            assert_same(planned, plain)
            assert compared.taken["taken"] == taken + 1
            return planned.bytes

        assert b"the first text" in await shown()
        await posts.edit(ada, room, event.id, "the second text")
        assert b"the first text" not in await shown()
        await posts.react(ada, room, event.id, "👍")
        assert '"👍"'.encode() in await shown()
        await posts.delete(ada, room, event.id)
        last = await shown()
        assert b"the second text" not in last
        assert b'"deleted":true' in last

    asyncio.run(compared.server.run(run))


def test_a_message_is_shown_as_of_one_moment(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it is deleted while something else of it is read."""

    async def run(server: Server) -> list[Any]:
        ada, service = compared.users[0], server.service
        room = await service.rooms.get(compared.rooms[1], ada)
        event, _ = await service.messages.post(ada, room, "going", "soon gone")
        get_many = service.accounts.get_many

        async def first_delete(ids: Any) -> Any:
            monkeypatch.setattr(service.accounts, "get_many", get_many)
            await service.messages.delete(ada, room, event.id)
            return await get_many(ids)

        text = """query Drawn($room: ID!) { room(id: $room) { messages(last: 1) {
          body author { username } deleted } } }"""
        drawn, shown = Drawn(text, {"room": room.id}), []
        for change in (get_many, first_delete, get_many):
            monkeypatch.setattr(service.accounts, "get_many", change)
            answer = await compared.answer(drawn, ada, planned=True)
            assert answer.by_plan
            (message,) = answer.data["room"]["messages"]
            shown.append((message["body"], message["deleted"]))
        return shown

    assert asyncio.run(compared.server.run(run)) == [
        ("soon gone", False),
        ("soon gone", False),
        ("", True),
    ]


def test_a_plan_ends_at_the_deadline(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    async def run(server: Server) -> str:
        monkeypatch.setattr(server.service.history, "pages", never)
        asking = Asking(server.service, user=compared.users[0])
        document = compared.execution.documents._make(TIMELINE)._replace(plans={})
        params = Params(TIMELINE, {"room": compared.rooms[0]}, None)
        ready = compared.execution.ready(document, params, asking)
        with pytest.raises(Refused) as raised:
            await compared.execution.run(ready, asking, asyncio.get_running_loop().time() + 0.05)
        assert document.plans and document.plans["Drawn"] is not None
        return raised.value.code

    assert asyncio.run(compared.server.run(run)) == "graphql.time"


VARIED = """query Drawn($of: [ID!]!, $last: Int = 2, $before: Int) {
  nodes(ids: $of) { ... on Room { messages(last: $last, before: $before) { id } } } }"""
GIVEN: dict[str, tuple[dict[str, Any], list[int] | None]] = {
    "a default": ({"of": ["ROOM", "ROOM"]}, [2, 2]),
    "one instead of a list": ({"of": "ROOM", "last": 3}, [3]),
    "a whole number": ({"of": ["ROOM"], "last": 1.0}, [1]),
    "a place": ({"of": ["ROOM"], "last": 1, "before": 12}, [1]),
    "a text": ({"of": ["ROOM"], "last": "1"}, None),
    "nothing required": ({}, None),
}


@pytest.mark.parametrize("name", GIVEN)
def test_variables(compared: Compared, name: str) -> None:
    """Each must be coerced; if one cannot be, nothing is executed."""
    given, lengths = GIVEN[name]
    variables = msgspec.json.decode(
        msgspec.json.encode(given).replace(b"ROOM", compared.rooms[0].encode())
    )
    planned, plain = asyncio.run(
        compared.server.run(lambda _: compared.both(Drawn(VARIED, variables), compared.users[0]))
    )
    assert planned.bytes == plain.bytes
    assert planned.by_plan is (lengths is not None)
    if lengths is None:
        assert planned.result[0]["extensions"]["code"] == "graphql.variables"
    else:
        assert [len(each["messages"]) for each in planned.data["nodes"]] == lengths


def test_a_wrong_variable_is_no_default(compared: Compared) -> None:
    drawn = Drawn(
        "query Drawn($first: Int) { rooms(first: $first) { nodes { id } } }", {"first": "1"}
    )
    planned, plain = asyncio.run(
        compared.server.run(lambda _: compared.both(drawn, compared.users[0]))
    )
    assert planned.bytes == plain.bytes
    assert planned.result[0]["extensions"]["code"] == "graphql.variables"


def test_each_field_of_each_user(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob, cy = compared.users
    replace = msgspec.structs.replace
    people = {
        ada.id: replace(ada, role=ServerRole.GUEST, at="2026-01-01T00:00:00.000Z", bot=True),
        bob.id: replace(bob, role=ServerRole.ADMIN, at="2026-01-02T00:00:00.000Z", disabled=True),
        cy.id: replace(cy, role=ServerRole.MEMBER, at="2026-01-03T00:00:00.000Z"),
    }

    async def get_many(ids: Any) -> dict[str, User]:
        return {each: people[each] for each in ids}

    async def run(server: Server) -> tuple[Answer, Answer]:
        monkeypatch.setattr(server.service.accounts, "get_many", get_many)
        text = """query Drawn($room: ID!) { room(id: $room) { messages(last: 20) {
          author { id name username role at disabled bot } } } }"""
        return await compared.both(Drawn(text, {"room": compared.rooms[0]}), ada)

    planned, plain = asyncio.run(compared.server.run(run))
    assert planned.by_plan
    assert planned.bytes == plain.bytes
    authors = [each["author"] for each in planned.data["room"]["messages"]]
    shown = {each["id"]: (*list(each.values())[1:],) for each in authors}
    assert shown == {
        user.id: (
            user.name,
            user.username,
            user.role.name,
            user.at,
            user.disabled,
            user.bot is True,
        )
        for user in people.values()
    }


def test_what_a_plan_read_is_read_again_after_it(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that an error ended leaves neither the error nor anything that may be old by then."""

    async def run(server: Server) -> list[Answer]:
        pages, calls = server.service.history.pages, list[int]()

        async def first_fail(*given: Any) -> Any:
            calls.append(1)
            if len(calls) == 1:
                raise StoreUnavailable
            return await pages(*given)

        monkeypatch.setattr(server.service.history, "pages", first_fail)
        drawn = Drawn(TIMELINE, {"room": compared.rooms[0]})
        answers = [*await compared.both(drawn, compared.users[0])]
        assert len(calls) == 3
        return answers

    planned, plain = asyncio.run(compared.server.run(run))
    assert not planned.by_plan
    assert planned.bytes == plain.bytes
    assert "errors" not in planned.result


def test_only_a_document_that_is_kept_has_plans(compared: Compared) -> None:
    plans, documents = compared.execution.plans, compared.execution.documents
    text = "query Kept { me { id } }"
    first, second = documents.get(text), documents.get(text)
    assert plans.of(first, first.operation(None)) is None
    made = plans.of(second, second.operation(None))
    assert made is not None
    assert plans.of(second, second.operation(None)) is made
    assert plans.of(first, first.operation(None), is_lasting=True) is not None


def test_plans_take_a_bounded_part_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver_plugins.graphql.plan.FIELDS_KEPT", 10 + 4 * ROW_FIELDS)
    monkeypatch.setattr("chatserver_plugins.graphql.plan.FIELDS", 8)
    schema = build([own_part()])
    documents, plans = Documents(schema, GraphQLConfig()), Plans(schema, PURE)

    def document(fields: int) -> Document:
        me = " ".join(f"a{number}: id" for number in range(fields - 1))
        return documents._make(f"{{ me {{ {me} }} }}")._replace(plans={})

    def made(of: Document) -> Plan | None:
        return plans.of(of, of.operation(None))

    first, second, third = document(4), document(6), document(2)
    one, two = made(first), made(second)
    assert one is not None and made(first) is one
    assert two is not None and made(second) is two
    assert made(third) is not None
    assert (first.plans, second.plans) == ({}, {"": two})  # the oldest went
    assert made(first) is not None
    assert second.plans == {}
    assert made(document(8)) is not None
    assert made(document(9)) is None


UNPLANNED = {
    "a mutation": "mutation { logout { user { id } } }",
    "a mutation that does nothing": "mutation { __typename }",
    "a look at the schema": "{ me { id } __schema { description } }",
    "a look at a type": '{ __type(name: "User") { name } }',
    "a resolver that is not known": "{ rooms { nodes { messages { bodyHtml } } } }",
    "a resolver of another plugin": "{ me { id odd } }",
    "arguments that nothing takes": "{ me { id even } }",
    "a list with such arguments": "{ me { id all } }",
    "a variable that decides": "query ($it: Boolean!) { me { id name @skip(if: $it) } }",
    "pages of one room": '{ room(id: "1") { a: messages(last: 1) { id } b: messages(last: 2) { id } } }',
    "reads that wait together": '{ a: room(id: "1") { id } b: room(id: "2") { id } }',
}


@pytest.mark.parametrize("name", UNPLANNED)
def test_what_has_no_plan(name: str) -> None:
    odd = GraphQLPart(
        name="odd",
        sdl="extend type User { odd: Int even(of: Int): Int all(of: Int): [Int] }",
        resolvers={"User.odd": lambda user, info: 1},
    )
    schema = build([own_part(), odd])
    document = Documents(schema, GraphQLConfig())._make(UNPLANNED[name])._replace(plans={})
    assert Plans(schema, PURE).of(document, document.operation(None)) is None


def test_an_attribute_of_another_plugin_has_one() -> None:
    schema = build([own_part(), GraphQLPart(name="even", sdl="extend type User { even: Int }")])
    document = Documents(schema, GraphQLConfig())._make("{ me { even } }")._replace(plans={})
    assert Plans(schema, PURE).of(document, document.operation(None)) is not None
