"""What a program can do as a user, over a link that comes back by itself."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from chatserver.client.errors import Disconnected, Refused, refusal
from chatserver.client.feed import Feed, Gap
from chatserver.client.link import Frame, Link
from chatserver.model import AnyEvent, Message, RoomKind, User
from chatserver.protocol import Sent
from chatserver.runtime.ids import new_id
from chatserver.service.history import Page
from chatserver.service.search import Found
from chatserver.service.threads import ThreadPage
from chatserver.service.views import MemberList, RoomList, RoomView

T = TypeVar("T")

CLOSE_SECONDS = 10.0  # for the server's own goodbye
ROOMS_AT_ONCE = 1000  # of one answer, and followed by one operation
MOST_TIMES = 32  # as long as the server asks for is waited at last, while a room cannot be followed


class Client:
    """One user of one server; use it by `async with`.

    Reading, and sending messages, are repeated after an interruption until they are answered, however long that takes:
    give them a time-out of your own if you need one. Other operations raise `Disconnected` then.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        rooms: Sequence[str] | None = None,
        positions: Mapping[str, int] | None = None,
        epoch: str = "",
        ca: str | None = None,
    ) -> None:
        """`url` is the server's address, such as `https://chat.example.org`.

        Events come from the `rooms` with these ids; by default of all that the user is in, and comes into later. They
        begin now, or where an earlier client ended, if its `positions` and `epoch` are given. `ca` is a file with the
        authorities to trust instead of the system's. Raises `ValueError` for another kind of address.
        """
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url}: expected an address such as https://chat.example.org")
        tls = ssl.create_default_context(cafile=ca) if parts.scheme == "https" else None
        self._link = Link(parts.geturl(), tls, begun=self._begin, heard=self._hear)
        self._token = token
        self._feed = Feed(epoch, positions or {})
        self._present = ""  # the epoch of the server as it is now
        self._entered: set[str] = set()  # rooms that the user has come into on this connection
        self._is_following = False
        self._has_left_out = False  # events, since what is missing was asked for the last time
        self._wanted = None if rooms is None else list(rooms)
        self._user: User | None = None
        self._listeners: list[Callable[[Frame], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Connect, and wait until that is done. Raises `Refused` if the token is not valid."""
        self._start(self._run())
        try:
            await self._link.ready()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    @property
    def user(self) -> User:
        """The user whose token it is."""
        assert self._user is not None, "use it by `async with`"
        return self._user

    @property
    def positions(self) -> Mapping[str, int]:
        """The seq of the last event of each room that `events` has handed out, to go on there another time."""
        return dict(self._feed.positions)

    @property
    def epoch(self) -> str:
        """To be kept with `positions`: they mean nothing for a server with other data."""
        return self._feed.epoch

    async def events(self) -> AsyncIterator[AnyEvent | Gap]:
        """Events of the rooms as they happen, one's own too: in the order of each room, each once.

        After a longer interruption a `Gap` may stand in place of events that the server cannot serve any more. Ends with
        `Refused` if the server will not have this client any more, as when its token was revoked.
        """
        while True:
            if self._feed.is_behind and self._feed.is_empty:
                self._feed.is_behind = False
                self._start(self._follow_again())
            yield await self._feed.next()

    def on_notice(self, listener: Callable[[dict[str, Any]], None]) -> None:
        """Have a function called with each frame outside the log, such as `typing`: see docs/protocol.md."""
        self._listeners.append(listener)

    # -- messages ----------------------------------------------------------------------------------

    async def send(
        self,
        room: str,
        body: str,
        *,
        reply_to: str | None = None,
        thread: str | None = None,
        broadcast: bool = False,
        data: Mapping[str, Any] | None = None,
        client_id: str | None = None,
    ) -> Sent:
        """Post a message, once, whatever happens to the connection; returns when it is stored.

        With a `client_id` of one's own, another program run can repeat it as well. Waits if the server asks for
        that. Raises `Refused`.
        """
        fields = {
            "room": room,
            "client_id": client_id or new_id(),
            "body": body,
            "reply_to": reply_to,
            "thread": thread,
            "broadcast": broadcast,
            "data": data,
        }
        given = {name: value for name, value in fields.items() if value not in (None, False)}
        return await self._until_answered("send", given, Sent)

    async def edit(self, room: str, message: str, body: str) -> int:
        """Give a message of one's own another text; returns the seq of the change."""
        return int((await self.ask("edit", room=room, message=message, body=body))["seq"])

    async def delete(self, room: str, message: str) -> int:
        """Delete a message; returns the seq of the change."""
        return int((await self.ask("delete", room=room, message=message))["seq"])

    async def react(self, room: str, message: str, emoji: str, *, added: bool = True) -> int:
        """React to a message, or take that back; returns the seq of the change."""
        op = "react" if added else "unreact"
        return int((await self.ask(op, room=room, message=message, emoji=emoji))["seq"])

    async def pin(self, room: str, message: str, *, pinned: bool = True) -> int:
        """Pin a message, or unpin it; returns the seq of the change."""
        return int(
            (await self.ask("pin" if pinned else "unpin", room=room, message=message))["seq"]
        )

    async def history(
        self,
        room: str,
        *,
        before: int | None = None,
        around: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> Page:
        """Messages as they stand: the newest page, or the one before, around or after a seq."""
        places = {"before": before, "around": around, "after": after}
        given = {name: seq for name, seq in places.items() if seq is not None}
        return await self._until_answered("history", {"room": room, "limit": limit, **given}, Page)

    async def thread(
        self, room: str, message: str, *, before: int | None = None, limit: int = 50
    ) -> ThreadPage:
        """The thread of a message: its root, and the newest replies below a seq."""
        fields = {"room": room, "message": message, "before": before, "limit": limit}
        return await self._until_answered("thread", fields, ThreadPage)

    async def search(self, text: str, *, room: str | None = None) -> Sequence[Message]:
        """The newest messages with these words, in one room or in all that one may read."""
        fields = {"text": text} | ({} if room is None else {"room": room})
        return (await self._until_answered("search", fields, Found)).messages

    # -- rooms -------------------------------------------------------------------------------------

    async def rooms(self) -> list[RoomView]:
        """All rooms that the user is in."""
        found: list[RoomView] = []
        page, after = None, ""
        while page is None or page.more:
            fields = {"limit": ROOMS_AT_ONCE, "after": after}
            page = await self._until_answered("rooms", fields, RoomList)
            found += [room for room in page.rooms if room.joined]
            after = page.after or ""
        return found

    async def room(self, room: str) -> RoomView:
        """One room, with its description and number of members."""
        return await self._until_answered("room", {"room": room}, RoomView)

    async def create_room(
        self,
        name: str | None = None,
        *,
        kind: RoomKind = RoomKind.PUBLIC,
        topic: str = "",
        members: Sequence[str] = (),
    ) -> RoomView:
        """Make a room, or open the direct one with users (ids), of whom there are at most nine."""
        fields = {"name": name, "kind": kind.value, "topic": topic, "members": list(members)}
        return msgspec.convert(await self.ask("create", **fields), RoomView)

    async def join(self, room: str) -> RoomView:
        """Join a public room."""
        return msgspec.convert(await self.ask("join", room=room), RoomView)

    async def leave(self, room: str) -> None:
        await self.ask("leave", room=room)

    async def members(self, room: str, *, after: str = "", text: str = "") -> MemberList:
        """A page of a room's members, by ascending id behind `after`; with a text, those with it in their name."""
        fields = {"room": room, "after": after, "text": text}
        return await self._until_answered("members", fields, MemberList)

    async def mark_read(self, room: str, seq: int) -> None:
        """Everything up to this seq is read, on all devices of the user."""
        await self._until_answered("read", {"room": room, "seq": seq}, dict[str, Any])

    async def typing(self, room: str) -> None:
        """Tell the others that something is being written."""
        await self._link.ready()
        await self._link.say("typing", {"room": room})

    async def ask(self, op: str, **fields: Any) -> Any:
        """The answer to any operation of docs/protocol.md, as it comes. Raises `Refused`, `Disconnected`."""
        await self._link.ready()
        return await self._link.ask(op, fields)

    # -- the link ----------------------------------------------------------------------------------

    async def _until_answered(self, op: str, fields: Mapping[str, Any], kind: type[T]) -> T:
        """The answer, if need be on a later connection, or after the time that the server asks for."""
        while True:
            await self._link.ready()
            try:
                return msgspec.convert(await self._link.ask(op, fields), kind)
            except Disconnected:
                if self._link.end is not None:
                    raise
            except Refused as error:
                if error.after_ms is None:
                    raise
                await asyncio.sleep(error.after_ms / 1000)

    async def _run(self) -> None:
        await self._link.run()
        self._feed.end(self._link.end or Disconnected("the client is closed"))

    async def _begin(self, hello: Frame) -> None:
        """Take up all rooms on a new connection."""
        self._present = hello["epoch"]
        self._entered.clear()
        signed_in = await self._link.ask("auth", {"token": self._token})
        self._user = msgspec.convert(signed_in["user"], User)
        if self._wanted is None:
            heads = {view["id"]: view["head"] for view in await self._joined()}
        else:
            heads = await self._heads(self._wanted)
        for room in self._feed.received.keys() - heads.keys() - self._entered:
            self._feed.forget(room)
        epoch = self._feed.received_epoch or self._present
        try:
            await self._follow(heads | self._feed.received, epoch)
        except Refused as error:
            # One room that cannot be had for the time being keeps none of the others waiting.
            if error.after_ms is None or epoch != self._present:
                raise
            self._start(self._follow_again())
        self._feed.turn_to(self._present)

    async def _joined(self) -> list[Frame]:
        found: list[Frame] = []
        answer: Frame = {"more": True, "after": ""}
        while answer.get("more"):
            fields = {"limit": ROOMS_AT_ONCE, "after": answer["after"]}
            answer = await self._link.ask("rooms", fields)
            found += [room for room in answer["rooms"] if room.get("joined", True)]
        return found

    async def _heads(self, rooms: Sequence[str]) -> dict[str, int]:
        """Where to begin in these rooms; those that the user may not read are left out.

        Asked before they are followed: an event may come right behind the answer to that.
        """
        heads: dict[str, int] = {}
        for room in rooms:
            try:
                heads[room] = (await self._link.ask("room", {"room": room}))["head"]
            except Refused as error:
                if error.after_ms is not None:
                    raise
        return heads

    async def _follow(self, positions: Mapping[str, int], epoch: str | None = None) -> None:
        """Have the events behind these positions sent, then those that happen.

        Raises `Refused`, once all others are followed, if a room is to be tried later.
        """
        given = list(positions.items())
        later: Refused | None = None
        for start in range(0, len(given), ROOMS_AT_ONCE):
            part = dict(given[start : start + ROOMS_AT_ONCE])
            for room, head in part.items():
                self._feed.begin(room, head)
            gaps: dict[str, int] = {}
            for room, state in (await self._subscribe(part, epoch or self._present)).items():
                error = state.get("error")
                if state["state"] == "gap":
                    gaps[room] = state["head"]
                    self._feed.skip(room, state["head"])
                elif error is not None and error.get("retry") == "later":
                    later = refusal(error)
                elif state["state"] == "error":
                    self._feed.forget(room)
            if gaps:
                await self._follow(gaps)
        if later is not None:
            raise later

    async def _subscribe(self, rooms: Mapping[str, int], epoch: str) -> dict[str, Frame]:
        """The outcome of following each room.

        The server refuses as a whole if it refuses all of them; then they are asked for one by one, so that each has
        its own.
        """
        try:
            answer = await self._link.ask("sub", {"rooms": dict(rooms), "epoch": epoch})
        except Refused as error:
            if not error.code.startswith("room."):
                raise
        else:
            states: dict[str, Frame] = answer["rooms"]
            return states
        if len(rooms) == 1:
            return {room: {"state": "error"} for room in rooms}
        states = {}
        for room, seq in rooms.items():
            states |= await self._subscribe({room: seq}, epoch)
        return states

    async def _follow_again(self) -> None:
        """Ask for what was left out, or is missing; what comes before the answer is ignored, as it comes again."""
        self._has_left_out = True
        if self._is_following:  # it goes on by itself
            return
        self._is_following = True
        try:
            while self._has_left_out:
                self._has_left_out = False
                await self._follow_patiently()
        except (Refused, Disconnected):
            pass  # the next connection takes up all rooms
        finally:
            self._is_following = False

    async def _follow_patiently(self) -> None:
        """Follow all rooms from where one is, once the server does not ask to wait any more."""
        times = 1
        while True:
            await self._link.ready()  # then what has come is of the present epoch
            try:
                return await self._follow(dict(self._feed.received))
            except Refused as error:
                if error.after_ms is None:
                    raise
                await asyncio.sleep(times * error.after_ms / 1000)
                times = min(2 * times, MOST_TIMES)

    def _hear(self, frame: Frame) -> None:
        if "author" in frame and "seq" in frame:
            if not self._feed.take(frame):
                self._start(self._follow_again())
            return
        if frame.get("ev") == "room.added" and self._wanted is None:
            self._start(self._enter(frame["room"], frame["head"]))
        for listener in self._listeners:
            listener(frame)

    async def _enter(self, room: str, head: int) -> None:
        """Follow a room that the user has come into."""
        self._entered.add(room)
        self._feed.begin(room, head)
        try:
            await self._follow({room: self._feed.received[room]})
        except (Refused, Disconnected):
            await self._follow_again()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stop(self) -> None:
        self._link.close()
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._feed.end(Disconnected("the client is closed"))


async def sign_in(url: str, username: str, password: str, *, ca: str | None = None) -> str:
    """A token for a new session. Raises `Refused`: auth.challenge if the account needs a second step, among others."""
    body = msgspec.json.encode({"username": username, "password": password})
    request = HTTPRequest(
        f"{url.rstrip('/')}/api/v1/login",
        method="POST",
        body=body,
        headers={"Content-Type": "application/json"},
        ca_certs=ca,
    )
    try:
        answer = await AsyncHTTPClient().fetch(request)
    except HTTPClientError as error:
        found = msgspec.json.decode(error.response.body) if error.response else {}
        if "error" not in found:
            raise
        raise refusal(found["error"]) from error
    token: str = msgspec.json.decode(answer.body)["token"]
    return token
