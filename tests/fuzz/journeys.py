"""Doors that take several steps: uploads, sign-ins, commands and clicks, each step hostile now and then."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote

import httpx

from tests.fuzz import values
from tests.fuzz.doors import Target
from tests.fuzz.findings import Findings

# On the server that is attacked, beside those that every server has.
PLUGINS = (
    *(
        "disk_blobs",
        "uploads",
        "attachments",
        "thumbnails",
        "totp",
        "invites",
        "scheduled",
        "reminders",
        "drafts",
        "receipts",
        "join_requests",
        "reports",
    ),
    *("announcements", "emoji", "groups"),
    *(
        "pictures",
        "profiles",
        "account_deletion",
        "my_data",
        "directory",
        "polls",
        "link_previews",
        "calls",
        "translation",
        "inbox",
        "push",
        "bots",
        "mail_notifications",
    ),
    *("slash_commands", "shortcodes", "choices", "mcp"),
)
METHODS = ("password", "totp", "invite", "nothing")
PURPOSES = ("sign_in", "link", "confirm", "challenge")
COMMANDS = (
    *("/help", "/help me", "/invite @anna", "/me waves", "/shrug", "/topic x"),
    *("//", "/nothing", "/topic "),
)
PARTS = ("yes", "colour", "order", "none")
TUS = {
    "Tus-Resumable": "1.0.0",
    "Upload-Length": "20",
    "Upload-Offset": "0",
    "Upload-Metadata": "filename dw==,filetype dGV4dC9wbGFpbg==",
    "Content-Type": "application/offset+octet-stream",
}
LONGEST_STEPS = 8


class Caller:
    """Sends the requests of one journey as the attacker, and has each answer looked at."""

    def __init__(
        self, door: str, target: Target, rng: Random, found: Findings, client: httpx.AsyncClient
    ) -> None:
        self._door, self._target, self._rng = door, target, rng
        self._found, self._client = found, client
        self.headers = httpx.Headers()  # of the last answer

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The answer's JSON, or {}. A `body` that is no bytes is sent as JSON, some of its values replaced."""
        sent = {"Authorization": f"Bearer {self._target.token}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = values.encoded(self._rng, values.mutated(self._rng, body, self._target.knowns))
            sent.setdefault("Content-Type", "application/json")
        try:
            answer = await self._client.request(
                method, (self._target.url + path)[:8000], content=body, headers=sent
            )
        except (httpx.InvalidURL, httpx.LocalProtocolError, UnicodeEncodeError):
            return {}  # the client itself refuses to send this
        self._found.answered(self._door, answer.status_code, answer.content, (method, path, body))
        self.headers = answer.headers
        try:
            return answer.json()
        except ValueError:
            return {}


async def upload(target: Target, rng: Random, found: Findings, client: httpx.AsyncClient) -> None:
    """A file over tus, in parts whose offsets and lengths lie now and then, and a message that refers to it."""
    caller = Caller("upload", target, rng, found, client)
    await caller.call("POST", "/api/v1/uploads", _some_bytes(rng), _headers(rng))
    place = caller.headers.get("Location", f"/api/v1/uploads/{_quoted(rng)}")
    for _ in range(rng.randrange(LONGEST_STEPS)):
        method = rng.choice(("PATCH", "PATCH", "PATCH", "HEAD", "GET", "DELETE"))
        body = _some_bytes(rng) if method == "PATCH" else None
        await caller.call(method, place, body, _headers(rng))
    blob = caller.headers.get("Upload-Blob", place.rpartition("/")[2])
    await caller.call(
        "GET", f"/api/v1/files/{blob}", headers={"Range": f"bytes={values.text(rng)}"}
    )
    files = [{"blob": blob, "name": values.text(rng), "size": 20, "alt": values.text(rng)}]
    data = {"attachments": {"files": files}}
    message = {"client_id": values.word(rng), "body": "f", "data": data}
    posted = await caller.call("POST", f"/api/v1/rooms/{target.room}/messages", message)
    one = f"/api/v1/rooms/{target.room}/messages/{posted.get('id') or _quoted(rng)}"
    await caller.call("GET", f"{one}/files/{blob}")
    await caller.call("GET", f"{one}/thumbnails/{blob}/{rng.choice(('320', _quoted(rng)))}")


async def sign_in(target: Target, rng: Random, found: Findings, client: httpx.AsyncClient) -> None:
    """Steps of a sign-in whose flow, secret and answers are mixed up."""
    caller = Caller("sign-in", target, rng, found, client)
    begun = {"method": rng.choice(METHODS), "purpose": rng.choice(PURPOSES), "secret": True}
    step = await caller.call("POST", "/api/v1/login/begin", begun)
    for _ in range(rng.randrange(LONGEST_STEPS)):
        known = step if isinstance(step, dict) else {}
        drawn = known.get("step") if isinstance(known.get("step"), dict) else {}
        names = [field["name"] for field in drawn.get("fields", [])]
        answer = {name: values.text(rng) for name in [*names, "code"]}
        body = {
            "flow": known.get("flow", "x"),
            "secret": known.get("secret", "x"),
            "answer": answer,
        }
        step = await caller.call("POST", "/api/v1/login/proceed", body)
    await caller.call("GET", f"/api/v1/login/return?state={_quoted(rng)}&code={_quoted(rng)}")
    await caller.call(
        rng.choice(("GET", "DELETE")),
        rng.choice(("/api/v1/me/identities", "/api/v1/me/sessions")) + f"/{_quoted(rng)}",
    )


async def command(target: Target, rng: Random, found: Findings, client: httpx.AsyncClient) -> None:
    """Commands in the room, their suggestions, clicks on parts, and messages for later."""
    caller = Caller("room command", target, rng, found, client)
    room = f"/api/v1/rooms/{target.room}"
    text = rng.choice(COMMANDS) + rng.choice(("", " ")) + values.text(rng)
    await caller.call("POST", f"{room}/commands/suggestions", {"text": text, "at": len(text)})
    await caller.call("POST", f"{room}/commands", {"text": text, "client_id": values.word(rng)})
    made = {"client_id": values.word(rng), "body": rng.choice(("choose", values.text(rng)))}
    posted = await caller.call("POST", f"{room}/messages", made)
    message = posted.get("id", target.message) if isinstance(posted, dict) else target.message
    for _ in range(rng.randrange(LONGEST_STEPS)):
        given = {"what": [values.text(rng)], "size": ["r"], "colour": ["g"]}
        use = {"part": rng.choice(PARTS), "values": given, "client_id": values.word(rng)}
        await caller.call("POST", f"{room}/messages/{_quoted_id(message)}/interactions", use)
    later = {"client_id": "later", "room": target.room, "body": "b", "at": "2100-01-01T00:00:00Z"}
    await caller.call(rng.choice(("POST", "PATCH")), "/api/v1/scheduled?client_id=later", later)
    await caller.call("DELETE", f"/api/v1/scheduled?client_id={_quoted(rng)}")
    await caller.call("POST", "/api/v1/me/deletion", {"username": text})
    await caller.call("DELETE", "/api/v1/me/deletion")
    await caller.call("GET", "/api/v1/me/data")
    await caller.call("POST", "/api/v1/me/data/export")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    reminder = {"message": message, "at": tomorrow, "note": text}
    await caller.call("POST", "/api/v1/reminders", reminder)
    changes = rng.choice(({"at": tomorrow}, {"at": text}, {"done": True, "note": text}))
    await caller.call("PATCH", f"/api/v1/reminders?message={_quoted_id(message)}", changes)
    await caller.call("GET", f"/api/v1/reminders?after={_quoted(rng)}&limit={_quoted(rng)}")
    await caller.call("DELETE", f"/api/v1/reminders?message={_quoted(rng)}")
    draft = {"room": target.room, "body": text, "reply_to": message}
    for more in ({}, {"thread": message}, {"base": rng.choice(("", "1", values.text(rng)))}):
        await caller.call("PUT", "/api/v1/drafts", draft | more)
    await caller.call("GET", f"/api/v1/drafts?after={_quoted(rng)}&limit={_quoted(rng)}")
    await caller.call("GET", f"/api/v1/drafts?room={target.room}&thread={_quoted(rng)}")
    await caller.call("DELETE", f"/api/v1/drafts?room={_quoted(rng)}")
    await caller.call("POST", "/api/v1/join-requests", {"room": target.room, "note": text})
    opening = {"room": target.room, "open": rng.choice((True, text))}
    await caller.call("PUT", "/api/v1/join-requests/rooms", opening)
    answer = {"room": target.room, "user": text, "accept": rng.choice((True, False))}
    await caller.call("POST", "/api/v1/join-requests/answers", answer)
    await caller.call("GET", f"/api/v1/join-requests?room={target.room}&after={_quoted(rng)}")
    await caller.call("GET", f"/api/v1/join-requests/rooms?after={_quoted(rng)}")
    await caller.call("DELETE", f"/api/v1/join-requests?room={_quoted(rng)}")
    await caller.call("PUT", "/api/v1/receipts", {"shown": rng.choice((True, False, text))})
    for which in (_quoted_id(message), _quoted(rng)):
        await caller.call("GET", f"/api/v1/receipts/{which}")
    reported = {"room": target.room, "message": message, "reason": "spam", "text": text}
    await caller.call("POST", "/api/v1/reports", reported)
    await caller.call("GET", f"/api/v1/reports?room={target.room}&after={_quoted(rng)}")
    verdict = {"steps": rng.choice(([], ["delete"], ["x"])), "note": values.text(rng)}
    await caller.call("POST", f"/api/v1/reports/{_quoted(rng)}/settle", verdict)
    announced = {"text": text, "tone": "info", "until": rng.choice((None, values.text(rng)))}
    await caller.call("PUT", "/api/v1/announcement", announced)
    emoji = {"name": rng.choice(("party", values.word(rng))), "picture": values.word(rng)}
    await caller.call("POST", "/api/v1/emoji", emoji)
    await caller.call("DELETE", f"/api/v1/emoji/{_quoted(rng)}")
    await caller.call("GET", f"/api/v1/emoji/{_quoted(rng)}/{_quoted(rng)}")
    group = {"name": rng.choice(("team", values.word(rng))), "title": text, "members": [message]}
    await caller.call("POST", "/api/v1/groups", group)
    named = f"/api/v1/groups/{rng.choice(('team', _quoted(rng)))}"
    await caller.call("GET", named)
    changes = {"title": text, "add": [values.word(rng)], "remove": rng.choice(([message], text))}
    await caller.call("PATCH", named, changes)
    await caller.call("POST", f"{named}/leave")
    await caller.call("DELETE", f"/api/v1/groups/{_quoted(rng)}")
    await caller.call("GET", f"/api/v1/pictures?users={_quoted(rng)}")
    asked = {"room": target.room, "question": text, "options": [text, values.word(rng)]}
    await caller.call("POST", "/api/v1/polls", {**asked, "ends_at": values.word(rng)})
    poll = f"/api/v1/polls/{rng.choice((message, _quoted(rng)))}"
    await caller.call("PUT", f"{poll}/vote", {"choices": [rng.randrange(-2, 12)]})
    await caller.call("GET", f"{poll}/votes?after={_quoted(rng)}&limit={_quoted(rng)}")
    await caller.call("POST", f"{poll}/end")
    previews = f"/api/v1/link-previews/{rng.choice((message, _quoted(rng)))}"
    await caller.call("GET", previews)
    await caller.call("POST", f"{previews}/remove", {"url": text})
    await caller.call("POST", "/api/v1/calls", {"room": target.room, "thread": _quoted(rng)})
    await caller.call("POST", "/api/v1/calls/join", {"message": rng.choice((message, text))})
    wanted = {"message": rng.choice((message, text)), "language": rng.choice(("en", text))}
    await caller.call("POST", "/api/v1/translations", wanted)
    said = {"title": text, "pronouns": values.word(rng), "time_zone": values.word(rng)}
    await caller.call("PATCH", "/api/v1/me/profile", said)
    await caller.call("GET", f"/api/v1/profiles?users={_quoted(rng)}")
    looked_for = f"text={_quoted(rng)}&after={_quoted(rng)}&limit={_quoted(rng)}"
    await caller.call("GET", f"/api/v1/directory?{looked_for}")
    await caller.call("GET", f"/api/v1/directory?text={_quoted(rng)}")
    await caller.call("GET", f"/api/v1/search?text={_quoted(rng)}&before={_quoted(rng)}")
    await caller.call("DELETE", f"/api/v1/users/{_quoted(rng)}/profile")
    await caller.call("GET", f"/api/v1/inbox?after={_quoted(rng)}&limit={_quoted(rng)}")
    await caller.call("POST", "/api/v1/inbox/seen")
    thread = f"/api/v1/inbox/threads/{_quoted(rng)}"
    await caller.call("GET", thread)
    await caller.call("PUT", thread, {"following": rng.choice((True, values.text(rng)))})
    await caller.call("POST", f"{thread}/read", {"seq": rng.choice((1, -1, values.text(rng)))})
    keys = {"p256dh": rng.choice(("B" * 87, values.text(rng))), "auth": "A" * 22}
    device = {"endpoint": rng.choice(("https://a.test/", values.text(rng))), "keys": keys}
    await caller.call("POST", "/api/v1/push/devices", device)
    bot = {"username": rng.choice(("robo", values.word(rng))), "description": text}
    await caller.call("POST", "/api/v1/bots", bot)
    await caller.call("GET", f"/api/v1/bots?whose={_quoted(rng)}&after={_quoted(rng)}")
    changes = {"locked": rng.choice((True, values.text(rng))), "name": values.text(rng)}
    await caller.call(rng.choice(("PATCH", "DELETE")), f"/api/v1/bots/{_quoted(rng)}", changes)
    token = {"label": text, "scopes": rng.choice((["read"], ["x"])), "days": 1}
    await caller.call("POST", f"/api/v1/bots/{_quoted(rng)}/tokens", token)
    await caller.call("DELETE", f"/api/v1/bots/{_quoted(rng)}/tokens/{_quoted(rng)}")
    tool = rng.choice(("list_rooms", "read_room", "search_messages", "send_message", "react"))
    given = {"room": target.room, "text": text, "message": message, "emoji": "+1", "before": 9}
    some = {name: given[name] for name in rng.sample(sorted(given), rng.randrange(5))}
    asked = {"jsonrpc": "2.0", "id": 1, "method": rng.choice(("tools/call", "initialize"))}
    one = {**asked, "params": {"name": tool, "arguments": some, "protocolVersion": "2025-11-25"}}
    await caller.call("POST", "/mcp", rng.choice((one, [one, one])))
    await caller.call("DELETE", f"/api/v1/push/devices/{_quoted(rng)}")
    await caller.call("GET", "/api/v1/mail-notifications")
    await caller.call("POST", "/api/v1/mail-notifications/retry", {"a": values.text(rng)})
    link = f"/mail-notifications/unsubscribe/{_quoted(rng)}"
    await caller.call(rng.choice(("GET", "POST")), link, b"List-Unsubscribe=One-Click")
    await caller.call(rng.choice(("PUT", "DELETE")), "/api/v1/me/picture", {"a": values.text(rng)})
    await caller.call("GET", f"/api/v1/users/{_quoted(rng)}/picture/{_quoted(rng)}")
    of_room = f"/api/v1/rooms/{rng.choice((target.room, _quoted(rng)))}/picture"
    await caller.call(rng.choice(("PUT", "DELETE")), of_room, {"a": values.text(rng)})
    await caller.call("GET", f"{of_room}/{_quoted(rng)}")
    await caller.call("GET", f"/api/v1/pictures?rooms={_quoted(rng)}")
    await caller.call("POST", "/api/v1/invites", {"uses": 1, "days": 1, "rooms": [target.room]})


def _headers(rng: Random) -> dict[str, str]:
    """The headers of tus, some left out or odd."""
    found = {name: value for name, value in TUS.items() if rng.random() > 0.02}
    for name in found:
        if rng.random() < 0.03:
            found[name] = rng.choice((str(rng.choice(values.ODD_NUMBERS)), _header_text(rng)))
    return found


def _header_text(rng: Random) -> str:
    return "".join(char for char in values.text(rng) if " " <= char < "\x7f")[:500].strip()


def _some_bytes(rng: Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 10, 20, 21, 5000)))


def _quoted(rng: Random) -> str:
    return quote(values.text(rng).encode("utf-8", "replace")[:1000], safe="")


def _quoted_id(found: object) -> str:
    return quote(str(found)[:200].encode("utf-8", "replace"), safe="")
