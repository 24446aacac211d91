"""Events reach a receiver signed and in order, however it behaves, and nobody it should not reach."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest
from hooked import chat
from receiver import SECRET, Receiver, is_signed, until

from chatserver import RoomKind, StartupError, UserRef, signed_headers, signing_key
from chatserver.config.settings import convert
from chatserver.runtime.guarded_resolver import GuardedResolver, NotAllowed
from chatserver.runtime.response_head import ResponseHead
from chatserver.service import removal
from chatserver_plugins.webhooks import WebhooksConfig


@pytest.fixture
def receiver() -> Receiver:
    """One that `chat` starts."""
    return Receiver()


async def test_events_are_posted_signed_and_in_order(tmp_path: Path, receiver: Receiver) -> None:
    async with chat(tmp_path, receiver) as made:
        room = await made.room()
        last = await made.post(room, 5)
        await until(lambda: receiver.seqs(room.id)[-1:] == [last])
        assert receiver.seqs(room.id) == [*range(1, last + 1)]
        first, posted = receiver.got[0], receiver.got[-1]
        assert (first["type"], posted["type"]) == ("room.changed", "message.posted")
        assert posted["timestamp"] == posted["data"]["at"]
        assert (posted["data"]["body"], posted["data"]["ev"]) == ("hi 5", "message.posted")
        assert receiver.headers["Webhook-Id"] == f"{room.id}-{last}"
        assert abs(int(receiver.headers["Webhook-Timestamp"]) - time.time()) < 60
        assert receiver.headers["Content-Type"] == "application/json"


async def test_rooms_that_are_not_public_stay_inside(tmp_path: Path, receiver: Receiver) -> None:
    async with chat(tmp_path, receiver, events=["message.posted"]) as made:
        private, public = await made.room(RoomKind.PRIVATE), await made.room()
        await made.post(private, 3)
        last = await made.post(public)
        await until(lambda: receiver.seqs(public.id) == [last])
        await until(lambda: made.is_done())
        assert receiver.seqs(private.id) == []


async def test_a_room_is_posted_while_it_is_public(tmp_path: Path, receiver: Receiver) -> None:
    async with chat(tmp_path, receiver) as made:
        room, public = await made.room(), await made.room()
        last = await made.post(room)
        await until(lambda: receiver.seqs(room.id)[-1:] == [last])
        change = made.server.service.rooms.change
        await change(made.user, room, None, None, kind=RoomKind.PRIVATE)
        await made.post(room, 3)
        end = await made.post(public)
        await until(lambda: receiver.seqs(public.id)[-1:] == [end])
        await until(lambda: made.is_done())
        assert receiver.seqs(room.id) == [*range(1, last + 1)]
        seq = await change(made.user, room, None, None, kind=RoomKind.PUBLIC)
        await until(lambda: receiver.seqs(room.id)[-1:] == [seq])


async def test_a_deleted_room_stays_inside_and_holds_up_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with chat(tmp_path, receiver, events=["room.changed", "member.left"]) as made:
        room, public = await made.room(), await made.room()
        await until(lambda: receiver.seqs(room.id) == [1])
        await made.server.service.rooms.delete(made.user, room)
        last = await made.server.service.rooms.change(made.user, public, "New", None)
        await until(lambda: receiver.seqs(public.id)[-1:] == [last])
        await until(lambda: made.is_done())
        assert receiver.seqs(room.id) == [1]


async def test_a_receiver_hears_what_has_expired_and_who_was_erased(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.0)
    async with chat(tmp_path, receiver, events=["room.changed", "plugin.event"]) as made:
        service = made.server.service
        plum = await service.accounts.add("plum", "a long password")
        room = await made.room()
        await made.post(room, 2)
        await asyncio.sleep(0.01)  # times of events are in whole milliseconds
        kept = await made.post(room)
        before = (await service.store.read(room.id, kept - 1, 1))[0].at
        await service.expiry.expire(room.id, before, UserRef("u1", "Retention"), most=100)
        await service.rooms.join(plum, room)
        await service.messages.post(plum, room, "c", "quincemark")
        await service.removal.delete("plum")
        await service.removal.settle()
        await until(lambda: receiver.got[-1]["type"] == "plugin.event")
        _, changed, erased = (each["data"] for each in receiver.got)
        assert changed["kept_from"] <= kept
        assert erased["type"] == "chatserver.erased"
        assert erased["payload"] == {"user": plum.id, "messages": "anonymise"}


@pytest.mark.parametrize("status", [500, 302, 404, 204])
async def test_a_refused_delivery_is_tried_again(
    tmp_path: Path, receiver: Receiver, status: int
) -> None:
    async with chat(tmp_path, receiver) as made:
        receiver.status = status
        room = await made.room()
        last = await made.post(room)
        await until(lambda: receiver.tried == (2 if status != 204 else last))
        receiver.status = 200
        if status != 204:
            await until(lambda: receiver.seqs(room.id)[-1:] == [last])
            assert receiver.seqs(room.id) == [*range(1, last + 1)]


async def test_a_long_answer_that_says_yes_is_a_yes(tmp_path: Path, receiver: Receiver) -> None:
    async with chat(tmp_path, receiver) as made:
        receiver.answer = bytes(1_000_000)
        room = await made.room()
        last = await made.post(room)
        await until(lambda: made.is_done())
        assert receiver.seqs(room.id) == [*range(1, last + 1)]


async def test_a_receiver_says_when_to_try_again(
    tmp_path: Path, receiver: Receiver, logged: list[str]
) -> None:
    async with chat(tmp_path, receiver, attempts=2) as made:
        receiver.status, receiver.retry_after = 429, "3600"
        await made.room()
        await until(lambda: made.failures() > 0)
        await asyncio.sleep(1.5)  # by itself it would be tried again after one
        assert receiver.tried == 1
    assert any("the receiver answers 429" in line for line in logged)


@pytest.mark.parametrize(("status", "is_spared"), [(429, True), (503, True), (500, False)])
async def test_a_busy_receiver_is_left_alone_by_all_rooms(
    tmp_path: Path, receiver: Receiver, status: int, is_spared: bool, logged: list[str]
) -> None:
    async with chat(tmp_path, receiver, rooms_at_once=1) as made:
        receiver.status, receiver.retry_after = status, "3600"
        await made.room()
        await until(lambda: made.failures() > 0)
        receiver.status = 200
        other = await made.room()
        if is_spared:
            await asyncio.sleep(0.5)  # it would be there within a turn of the loop or two
            assert (receiver.tried, receiver.got) == (1, [])
        else:
            await until(lambda: receiver.seqs(other.id))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("6", 6),
        ("9" * 400, 86400),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Tue, 01 Jan 2999 00:00:00 GMT", 86400),
    ],
)
def test_when_to_try_again(header: str, seconds: int | None) -> None:
    answer = ResponseHead()
    answer.read("HTTP/1.1 503 Service Unavailable")
    answer.read(f"retry-AFTER: {header}")
    assert answer.after_ms == (None if seconds is None else 1000 * seconds)


async def test_a_receiver_that_hangs_is_given_up_and_comes_back(
    tmp_path: Path, receiver: Receiver, logged: list[str]
) -> None:
    async with chat(tmp_path, receiver, timeout_seconds=0.3) as made:
        receiver.hangs = True
        room = await made.room()
        last = await made.post(room)
        await until(lambda: receiver.tried == 2)
        receiver.hangs = False
        await until(lambda: receiver.seqs(room.id) == [*range(1, last + 1)])
    assert any("the receiver does not answer in time" in line for line in logged)


async def test_a_receiver_that_is_gone_gets_all_when_it_is_back(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with chat(tmp_path, receiver) as made:
        room = await made.room()
        await until(lambda: len(receiver.got) == 2)
        await receiver.stop()
        last = await made.post(room, 4)
        await until(lambda: made.failures() > 0)
        receiver.start()
        await until(lambda: receiver.seqs(room.id)[-1:] == [last])
        assert receiver.seqs(room.id) == [*range(1, last + 1)]


async def test_an_address_that_is_not_public_gets_no_posts(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for uri in (receiver.uri, receiver.uri.replace("127.0.0.1", "localhost")):
        hook = {"uri": uri, "allowed_networks": [], "attempts": 1}
        async with chat(tmp_path, receiver, **hook) as made:
            await made.room()
            await until(lambda: made.has_dead())
    assert receiver.tried == 0


NOT_PUBLIC = ["10.1.2.3", "169.254.169.254", "::1", "fd00::1", "fe80::1%1", "::ffff:127.0.0.1",
              "64:ff9b::a00:1", "2002:a00:1::", "0.0.0.0", "224.0.0.1", "100.64.0.1",
              "fec0::1", "64:ff9b:1::a00:1", "::ffff:0:10.0.0.1", "::10.0.0.1", "::"]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_addresses_that_are_not_public(address: str) -> None:
    with pytest.raises(NotAllowed):
        await GuardedResolver(allowed=[]).resolve(address, 80, socket.AF_UNSPEC)


async def test_addresses_that_are_allowed() -> None:
    for address, allowed in (
        ("10.1.2.3", ["10.1.0.0/16"]),
        ("8.8.8.8", []),
        ("2606:4700::1", []),
        ("::1", ["::1/128"]),
    ):
        [(_, found)] = await GuardedResolver(allowed=allowed).resolve(address, 80)
        assert found[0] == address


async def test_names_are_resolved_by_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    names = []

    def resolve(*given: object) -> list[tuple[object, ...]]:
        names.append(threading.current_thread().name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    resolver = GuardedResolver()
    assert await resolver.resolve("example.org", 80) == [(socket.AF_INET, ("8.8.8.8", 80))]
    resolver.close()
    assert names[0].startswith("resolver")


def test_the_signature_is_that_of_the_specification() -> None:
    # The example that libraries for it are tested with.
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert is_signed(headers, b'{"test": 2432232314}', key)
    assert not is_signed(headers, b'{"test": 2432232315}', key)


MISTAKES = [
    ({"uri": "ftp://x"}, "outgoing.t.uri: expected http"),
    ({"secret": "short"}, "outgoing.t.secret: expected text of a length of at least 16, got ***"),
    ({"secret": "whsec_%%%%%%%%%%%%%%%%"}, "outgoing.t.secret: expected base64 after whsec_"),
    ({"allowed_networks": ["everywhere"]}, "allowed_networks: 'everywhere' is not a network"),
    ({"rooms": ["my room"]}, "outgoing.t.rooms: 'my room' is not the id of a room"),
    ({"evnts": []}, "outgoing.t.evnts: unknown key (did you mean events?)"),
    ({"uri": None}, "outgoing.t.uri: expected text, got None"),
]


@pytest.mark.parametrize(("change", "text"), MISTAKES)
def test_mistakes_are_named_with_their_path(change: dict[str, object], text: str) -> None:
    hook = {"uri": "http://example.org", "secret": SECRET} | change
    with pytest.raises(StartupError) as caught:
        convert({"outgoing": {"t": hook}}, WebhooksConfig)
    assert text in str(caught.value)


async def test_an_event_that_is_not_there_refuses_to_start(
    tmp_path: Path, receiver: Receiver
) -> None:
    with pytest.raises(
        StartupError, match=r"webhooks\.tickets: there is no kind of event 'message\.sent'"
    ):
        async with chat(tmp_path, receiver, events=["message.sent"]):
            pass
