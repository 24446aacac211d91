"""One request to each address of the HTTP API, each operation of GraphQL and each page, with odd but legal values."""

import base64
import secrets
from typing import Any
from urllib.parse import quote

from chatserver_plugins.push.devices import device_id
from tests.operation.waf.traffic import PASSWORD, Traffic
from tests.plugins.samples import JPEG, WEBP, png

PICTURE = base64.b64encode(png(64, 64)).decode()
ODD_NAMES = (
    *(
        "ada-lovelace",
        "x.y_z",
        "union",
        "select.from",
        "山田太郎",
        "rm-rf",
        "admin",
        "or-1",
        "root",
        "o",
    ),
    *(
        "jan.old",
        "dev.log",
        "mr.cs",
        "a.key",
        "x.conf",
        "app.config",
        "php.ini",
        "a..b",
        "drop_table",
    ),
)
LOOKED_UP = (
    "O'Brien",
    "Ada Lovelace",
    "山田 太郎",
    "Ada (Sales)",
    "x@example.org",
    "C:\\Users",
    "<ada>",
    "50%",
    "a;b",
)
EMOJI = (
    "👍",
    "❤️",
    "👩‍👩‍👧‍👦",
    ":+1:",
    "+1",
    "<3",
    "笑",
    "(^o^)",
    "¯\\_(ツ)_/¯",
    "100%",
    "w/",
    "'",
    "--",
    "&",
    "草",
)
UNSUBSCRIBING = "06h2ggnab8124ppbswmr.wvfeEE0G5ulrJn52G0syUQ"
PUSH_SERVICES = (
    "https://fcm.googleapis.com/fcm/send/dKx:APA91bH_-x%3D",
    "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABl",
    "https://web.push.apple.com/QGx",
    "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAB%2b%2f%3d",
)
PUSH_KEYS = {  # the example of RFC 8291, appendix A
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
META = {  # of the Model Context Protocol
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "An assistant; or 1=1", "version": "1.0"},
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.x/ui": {"a": "text/html"}}},
}
MCP = {
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "tools/call",
    "Mcp-Name": "send_message",
    "Accept": "application/json, text/event-stream",
}
USER = "{ id username name }"
UNKNOWN = "06h1w46y97wh380z0cja"  # an id of nothing
ROOM = "{ room { id name kind topic } }"


async def call_every_address(
    traffic: Traffic, tokens: list[str], room: str, hook: tuple[str, str]
) -> None:
    """Every address and method of the HTTP API. The first two tokens are of an owner and of a member."""
    owner, member = ({"Authorization": f"Bearer {token}"} for token in tokens[:2])
    rooms, one = "/api/v1/rooms", f"/api/v1/rooms/{room}"
    ask = traffic.ask

    async def me(headers: dict[str, str]) -> str:
        found: str = (await ask("GET", "/api/v1/me", headers=headers)).json()["id"]
        return found

    for path in (
        "/",
        "/m/gone",
        "/static/app.js",
        "/health",
        "/health/live",
        "/health/ready",
        "/nothing",
    ):
        await ask("GET", path)
        await ask("HEAD", path)
    await ask("POST", "/api/v1/login", json={"username": "nobody", "password": "' OR '1'='1' --"})
    step = {"flow": "unknown", "answer": {"password": "' OR '1'='1' -- ${jndi:x}"}}
    await ask("POST", "/api/v1/login/proceed", json=step)
    back = {"state": "Ab-_9--x", "code": "4/0Ab--_x.M.C5' OR 1=1 --", "iss": "https://id.example/a"}
    await ask("GET", "/api/v1/login/return", params=back)
    foreign = {"Origin": "https://id.example"}
    await ask("POST", "/api/v1/login/return", data=back, headers=foreign)
    token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkIn0.Ab-_--x9"
    await ask("POST", "/api/v1/oidc/company/logout", data={"logout_token": token})
    await ask("GET", "/api/v1/oidc/company/left?state=x9_Tq2-Lm4kzRw81")
    passwords = {"old": "' UNION SELECT 1 --", "new": "<script>alert(1)</script>"}
    await ask("PUT", "/api/v1/me/password", json=passwords, headers=member)
    other, username = await me(member), ODD_NAMES[0]
    for name in ODD_NAMES:
        account = {"username": name, "password": "x' OR 1=1; -- é 山", "name": f"{name} & Co."}
        made = await ask("POST", "/api/v1/register", json=account)
        await ask("GET", f"/api/v1/users/{quote(name)}", headers=owner)
        if made.status_code == 201:
            mine = {"Authorization": f"Bearer {made.json()['token']}"}
            await ask("POST", "/api/v1/logout", headers=mine)
    for typed in LOOKED_UP:
        await ask("GET", f"/api/v1/users/{quote(typed, safe='')}", headers=owner)
    for disabled in (True, False):
        path = f"/api/v1/users/{username}"
        await ask("PUT", path, json={"disabled": disabled}, headers=owner)

    await ask("POST", "/api/v1/plugins/union.select", json={"do": "reload"}, headers=owner)
    change = {"do": "set", "settings": {"words": LOOKED_UP, "count": 1}, "reset": ["reason"]}
    await ask("POST", "/api/v1/plugins/wordfilter", json=change, headers=owner)
    posted = {
        "uri": "https://192.0.2.1/in?token=select",
        "secret": "whsec_c2VsZWN0",
        "events": LOOKED_UP,
    }
    named = {
        "outgoing": {"tickets": posted},
        "roles": {"Domain Admins": "admin", "Ärzte": "member"},
    }
    change = {"do": "set", "settings": {**named, "extra": {"party+1": "🎉", "+1": "👍"}}}
    await ask("POST", "/api/v1/plugins/webhooks", json=change, headers=owner)
    for role in ("guest", "member"):
        await ask("PUT", f"/api/v1/users/{username}", json={"role": role}, headers=owner)
    for text in LOOKED_UP:
        found = {"text": text, "after": "", "limit": 3}
        await ask("GET", "/api/v1/admin/users", params=found, headers=owner)
        await ask("GET", "/api/v1/admin/rooms", params=found, headers=owner)
        await ask("PATCH", "/api/v1/me", json={"name": text}, headers=member)
    await ask("GET", f"/api/v1/admin/users/{username}/sessions", headers=owner)
    await ask("DELETE", "/api/v1/admin/users/union/sessions", headers=owner)
    await ask("GET", "/api/v1/admin/status", headers=owner)
    await ask("GET", "/api/v1/admin/plugins", headers=owner)
    await ask("GET", "/api/v1/admin/plugins/password/settings", headers=owner)
    release = {"plugin": "select.from", "action": "RoomJoin", "room": room}
    await ask("POST", "/api/v1/admin/claims/release", json=release, headers=owner)
    given = {
        "username": "made.by-staff",
        "password": "' UNION SELECT 1 -- <b>",
        "must_change": True,
    }
    await ask("POST", "/api/v1/users", json=given, headers=owner)
    path = "/api/v1/users/made.by-staff"
    await ask("PUT", f"{path}/password", json={"password": "../../etc; é 山 $(x)"}, headers=owner)
    await ask("POST", f"{path}/reset-link", headers=owner)
    await ask("PUT", f"{path}/email", json={"email": "o'neil+select@example.org"}, headers=owner)
    await ask("GET", f"{path}/email", headers=owner)
    await ask("PUT", "/api/v1/me/email", json={"email": "x@example.org"}, headers=owner)
    await ask("GET", "/api/v1/me/email", headers=owner)
    await ask("POST", "/api/v1/email/confirm", json={"code": "06h1w46y97.Zm9v-_Zm9v"})

    await ask("GET", rooms, params={"limit": 3, "after": ""}, headers=owner)
    new = {
        "name": "<b> & 'c' -- /etc/passwd",
        "kind": "private",
        "topic": "SELECT 1",
        "description": "SELECT 1;\n\nrm -rf / | cat",
        "members": [other],
    }
    private = (await ask("POST", rooms, json=new, headers=owner)).json()["id"]
    await ask("POST", rooms, json={"kind": "direct", "members": [other]}, headers=owner)
    for headers in (owner, member):
        await ask("GET", one, headers=headers)
        await ask("POST", f"{one}/join", headers=headers)
    await ask("PATCH", one, json={"name": None, "topic": "a=b;c|d `e` $(f)"}, headers=owner)
    for posting in ("moderators", "everyone"):
        await ask("PATCH", one, json={"posting": posting, "kind": "public"}, headers=owner)
    await ask("GET", f"{one}/members", params={"after": other, "limit": 100}, headers=owner)
    section = {"section": "<b>'; cat /etc/passwd", "favourite": True}
    await ask("PATCH", f"{one}/preferences", json=section, headers=owner)
    said = {"emoji": "🏖️", "text": "'; DROP TABLE users -- <b>", "until": "2040-01-01T12:00:00Z"}
    await ask("PUT", "/api/v1/me/status", json=said, headers=owner)
    await ask("DELETE", "/api/v1/me/status", headers=owner)
    await ask("POST", "/api/v1/emoji", json={"name": "party", "picture": PICTURE}, headers=owner)
    await ask("GET", "/api/v1/emoji", headers=owner)
    await ask("DELETE", "/api/v1/emoji/party", headers=owner)
    group = {"name": "design", "title": "'; DROP TABLE users -- <b>", "members": [other]}
    await ask("POST", "/api/v1/groups", json=group, headers=owner)
    await ask("GET", "/api/v1/groups", headers=owner)
    changed = {"title": "<b>SELECT</b> * FROM teams", "add": [other], "remove": [other]}
    await ask("PATCH", "/api/v1/groups/design", json=changed, headers=owner)
    await ask("GET", "/api/v1/groups/design", headers=owner)
    await ask("POST", "/api/v1/groups/design/leave", headers=owner)
    await ask("DELETE", "/api/v1/groups/design", headers=owner)
    announced = {"text": "'; DROP TABLE users -- <b>", "until": "2040-01-01T12:00:00Z"}
    await ask("PUT", "/api/v1/announcement", json=announced, headers=owner)
    await ask("GET", "/api/v1/announcement", headers=owner)
    await ask("DELETE", "/api/v1/announcement", headers=owner)
    for kind, content in (("png", png(200, 200)), ("jpeg", JPEG), ("webp", WEBP)):
        headers = {**owner, "Content-Type": f"image/{kind}"}
        await ask("PUT", "/api/v1/me/picture", content=content, headers=headers)
        await ask("PUT", f"/api/v1/rooms/{room}/picture", content=content, headers=headers)
    await ask("GET", f"/api/v1/rooms/{room}/picture/0123456789abcdef", headers=owner)
    await ask("DELETE", f"/api/v1/rooms/{room}/picture", headers=owner)
    both = {"users": other, "rooms": room}
    await ask("GET", "/api/v1/pictures", params=both, headers=owner)
    await ask("DELETE", "/api/v1/me/picture", headers=owner)
    polled = {
        "room": room,
        "question": "'; DROP TABLE users -- <b>?",
        "options": ["SELECT * FROM teams", "cat /etc/passwd"],
        "ends_at": "2040-01-01T12:00:00Z",
    }
    await ask("POST", "/api/v1/polls", json=polled, headers=owner)
    poll = f"/api/v1/polls/{room}-1"
    await ask("GET", poll, headers=owner)
    await ask("PUT", f"{poll}/vote", json={"choices": [0, 1]}, headers=owner)
    await ask("GET", f"{poll}/votes", params={"after": other, "limit": 10}, headers=owner)
    await ask("POST", f"{poll}/end", headers=owner)
    previews = f"/api/v1/link-previews/{room}-1"
    await ask("GET", previews, headers=owner)
    unwanted = {"url": "http://192.0.2.1/a.php?q=<script>alert(1)</script>"}
    await ask("POST", f"{previews}/remove", json=unwanted, headers=owner)
    await ask("POST", "/api/v1/calls", json={"room": room}, headers=owner)
    await ask("POST", "/api/v1/calls/join", json={"message": f"{room}-1"}, headers=owner)
    wanted = {"message": f"{room}-1", "language": "zh-Hans"}
    await ask("POST", "/api/v1/translations", json=wanted, headers=owner)
    said = {
        "title": "<b>SELECT</b> * FROM teams",
        "about": "'; DROP TABLE users --\nhttps://a.test/?a=b",
    }
    await ask("PATCH", "/api/v1/me/profile", json=said, headers=owner)
    names = {"text": "union select 1; -- <b>", "after": f"{other}.0", "limit": 5}
    await ask("GET", "/api/v1/directory", params=names, headers=owner)
    await ask("GET", "/api/v1/profiles", params={"users": other}, headers=owner)
    await ask("DELETE", f"/api/v1/users/{other}/profile", headers=owner)
    place = f"8230000000000-999999999998-{room}"
    await ask("GET", "/api/v1/inbox", params={"after": place, "limit": 10}, headers=owner)
    await ask("POST", "/api/v1/inbox/seen", headers=owner)
    for thread in (f"{room}-1", f"{room}-99"):
        path = f"/api/v1/inbox/threads/{thread}"
        await ask("GET", path, headers=owner)
        await ask("PUT", path, json={"following": True}, headers=owner)
        await ask("POST", f"{path}/read", json={"seq": 9}, headers=owner)
    await ask("GET", "/api/v1/push", headers=owner)
    for endpoint in PUSH_SERVICES:
        given = {"endpoint": endpoint, "keys": PUSH_KEYS, "language": "pt-BR", "texts": False}
        await ask("POST", "/api/v1/push/devices", json=given, headers=owner)
        await ask("DELETE", f"/api/v1/push/devices/{device_id(endpoint)}", headers=owner)
    await ask("GET", "/api/v1/mail-notifications", headers=owner)
    await ask("POST", "/api/v1/mail-notifications/retry", headers=owner)
    one_click = {"List-Unsubscribe": "One-Click"}
    for code in (UNSUBSCRIBING, "forged"):
        await ask("GET", f"/mail-notifications/unsubscribe/{code}")
        await ask("POST", f"/mail-notifications/unsubscribe/{code}", data=one_click)
    await ask("DELETE", f"/api/v1/users/{other}/picture", headers=owner)
    chosen = {"values": {"page.turned.1": "<b>'; cat /etc/passwd", "page.theme": None}}
    await ask("PATCH", "/api/v1/me/preferences", json=chosen, headers=owner)
    for method, path in (("PUT", f"/{other}"), ("GET", ""), ("DELETE", f"/{other}")):
        await ask(method, f"/api/v1/me/blocks{path}", headers=owner)
    await ask("GET", "/api/v1/me/preferences", params={"after": room, "limit": 10}, headers=owner)
    await ask("PUT", f"{one}/members/{other}", json={"role": "admin"}, headers=owner)
    reason = {"reason": "x' OR 1=1; <script>alert(1)</script> ../../etc", "seconds": 60}
    await ask("PUT", f"{one}/bans/{other}", json=reason, headers=owner)
    await ask("GET", f"{one}/bans?after=&limit=5", headers=owner)
    await ask("DELETE", f"{one}/bans/{other}", headers=owner)
    await ask("POST", f"{one}/members", json={"user": other}, headers=owner)
    for archived in (True, False):
        await ask("PUT", f"{one}/archived", json={"archived": archived}, headers=owner)
    await ask("DELETE", f"{rooms}/{private}/members/{other}", headers=owner)
    await ask("POST", f"{rooms}/{private}/members", json={"user": other}, headers=owner)
    await ask("POST", f"{rooms}/{private}/leave", headers=member)
    await ask("DELETE", f"{rooms}/{private}", headers=owner)

    messages = f"{one}/messages"
    for client_id in (
        "a.b-c_d:e/f",
        "01HF7YAT31JZHS0QAYZ4Q7B3ZQ",
        str(2**63),
        "テスト-1",
        "{uuid}",
    ):
        new = {"client_id": client_id, "body": "x", "reply_to": None}
        message = (await ask("POST", messages, json=new, headers=owner)).json()["id"]
    await ask("PATCH", f"{messages}/{message}", json={"body": "y"}, headers=owner)
    for emoji in EMOJI:
        path = f"{messages}/{message}/reactions"
        await ask("POST", path, json={"emoji": emoji}, headers=owner)
        await ask("DELETE", path, params={"emoji": emoji}, headers=owner)
    use = {"part": "yes", "values": {"name": ["<b>' OR 1=1"]}}
    await ask("POST", f"{messages}/{message}/interactions", json=use, headers=owner)
    await ask("GET", f"{one}/commands", headers=owner)
    for client_id, text in (("h-1", "/help"), ("h-2", "/me ; cat /etc/passwd -- <b>'x'</b>")):
        new = {"client_id": client_id, "text": text}
        await ask("POST", f"{one}/commands", json=new, headers=owner)
        typed = {"text": text}
        await ask("POST", f"{one}/commands/suggestions", json=typed, headers=owner)
    for params in (
        {},
        {"before": 3, "limit": 10000},
        {"around": 2**53},
        {"limit": 0},
        {"before": "x"},
    ):
        await ask("GET", messages, params=params, headers=owner)
    await ask("GET", f"{one}/events", params={"after": 0, "limit": 1000}, headers=owner)
    await ask("GET", f"/api/v1/messages/{message}", headers=owner)
    await ask("GET", "/api/v1/bots?whose=all&after=x&limit=5", headers=owner)
    named = {"username": "select", "name": "<b>'x'</b>", "description": "curl | sh; drop table"}
    await ask("POST", "/api/v1/bots", json=named, headers=owner)
    await ask("PATCH", "/api/v1/bots/x", json={"description": "or 1=1"}, headers=owner)
    wanted = {"label": "/etc/passwd", "scopes": ["read", "write"], "days": 90}
    await ask("POST", "/api/v1/bots/x/tokens", json=wanted, headers=owner)
    await ask("DELETE", "/api/v1/bots/x/tokens/y", headers=owner)
    await ask("DELETE", "/api/v1/bots/x", headers=owner)
    said = {"_meta": META, "name": "send_message"}
    for emoji in EMOJI:
        given = {"room": room, "message": message, "emoji": emoji, "text": "'; DROP TABLE users --"}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        call["params"] = said | {"arguments": given | {"before": 2**53, "client_id": "a.b-c/d"}}
        await ask("POST", "/mcp", json=call, headers=owner | MCP)
    await ask("POST", "/api/v1/saved", json={"message": message}, headers=owner)
    await ask("GET", f"/api/v1/saved?after={message}&limit=5", headers=owner)
    await ask("DELETE", f"/api/v1/saved?message={message}", headers=owner)
    reminder = {
        "message": message,
        "at": "2100-01-01T09:00:00.000Z",
        "note": "select 1; drop table",
    }
    await ask("POST", "/api/v1/reminders", json=reminder, headers=owner)
    await ask("GET", f"/api/v1/reminders?after={message}&limit=5", headers=owner)
    changes = {"note": "<script>alert(1)</script>", "done": True}
    await ask("PATCH", f"/api/v1/reminders?message={message}", json=changes, headers=owner)
    await ask("DELETE", f"/api/v1/reminders?message={message}", headers=owner)
    await ask("GET", "/api/v1/me/data", headers=owner)
    await ask("POST", "/api/v1/me/data/export", headers=owner)
    await ask("GET", "/api/v1/me/data/export?language=ja-JP", headers=owner)
    await ask("GET", "/api/v1/me/deletion", headers=owner)
    await ask("POST", "/api/v1/me/deletion", json={"username": "somebody"}, headers=owner)
    await ask("DELETE", "/api/v1/me/deletion", headers=owner)
    draft = {"room": room, "body": "' or 1=1; drop table users --", "reply_to": message}
    kept = draft | {"thread": message, "base": "1800000000000"}
    for given in (draft, kept):
        await ask("PUT", "/api/v1/drafts", json=given, headers=owner)
    await ask("GET", f"/api/v1/drafts?after={room}/{message}&limit=5", headers=owner)
    for method in ("GET", "DELETE"):
        await ask(method, f"/api/v1/drafts?room={room}&thread={message}", headers=owner)
    await ask("GET", f"{one}/messages/{message}/edits?before=9&limit=5", headers=owner)
    joining = {"room": room, "note": "' or 1=1; drop table users --"}
    await ask("POST", "/api/v1/join-requests", json=joining, headers=owner)
    answer = {"room": room, "user": "nobody", "accept": True}
    await ask("POST", "/api/v1/join-requests/answers", json=answer, headers=owner)
    await ask(
        "PUT", "/api/v1/join-requests/rooms", json={"room": room, "open": True}, headers=owner
    )
    for path in ("", f"?room={room}&after=a&limit=5", "/rooms?after=a&limit=5"):
        await ask("GET", f"/api/v1/join-requests{path}", headers=owner)
    await ask("DELETE", f"/api/v1/join-requests?room={room}", headers=owner)
    await ask("PUT", "/api/v1/receipts", json={"shown": True}, headers=owner)
    for path in ("/api/v1/receipts", f"/api/v1/receipts/{message}"):
        await ask("GET", path, headers=owner)
    await ask("GET", f"{one}/pins?after={message}&limit=5", headers=owner)
    for method in ("PUT", "DELETE"):
        await ask(method, f"{messages}/{message}/pin", headers=owner)
    await ask("PUT", f"{one}/read", json={"seq": 3}, headers=owner)
    asked = {"text": "' union select 1; -- <b>", "room": room, "before": "9", "limit": 5}
    await ask("GET", "/api/v1/search", params=asked, headers=owner)
    reply = {"client_id": "union", "body": "or 1=1", "thread": message, "broadcast": True}
    await ask("POST", messages, json=reply, headers=owner)
    await ask("GET", f"{messages}/{message}/thread?before=9&limit=5", headers=owner)
    await ask("GET", f"/m/{message}", headers=owner)
    await ask("DELETE", f"{messages}/{message}", headers=owner)
    await ask("POST", hook[0], json={"body": "built", "id": "1"}, auth=("hook", hook[1]))


async def call_as_browsers_do(traffic: Traffic, count: int) -> None:
    """Random session and device tokens in cookies and heads, and the heads of browsers."""
    for number in range(count):
        token, device = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        headers = {
            "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
            "Accept-Language": "ja,en-US;q=0.7,en;q=0.3",
            "Accept-Encoding": "gzip, deflate, br, zstd",
            "Referer": "https://chat.example.org/",
            "Origin": "https://chat.example.org",
            "Sec-Fetch-Site": "same-origin",
            "If-None-Match": f'"{secrets.token_hex(16)}"',
            "Priority": "u=1, i",
            "Cookie": f"__Host-chat_session={token}; chat_session={token}; chat_device={device}",
        }
        await traffic.ask("GET", "/api/v1/me" if number % 2 else "/", headers=headers)
        await traffic.ask("GET", "/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        room = f"/api/v1/rooms/{secrets.token_hex(13)}/messages"
        await traffic.ask("GET", room, headers={"Authorization": f"Bearer {token}"})


async def call_every_operation(traffic: Traffic, tokens: list[str], room: str) -> None:
    """Every field of Query, Mutation and Subscription, by variables and by literals."""
    owner, member = tokens[:2]
    ask = traffic.graphql
    me = (await ask(f"{{ me {USER} }}", owner))["me"]
    other = (await ask(f"{{ me {USER} }}", member))["me"]["id"]
    posted = await _mutate(
        traffic,
        owner,
        "sendMessage",
        "{ message { id } }",
        roomId=room,
        clientId="g-1",
        body="'; --",
    )
    message = posted["sendMessage"]["message"]["id"]
    for method in ("POST", "GET"):
        await ask("query A($i: ID!) { node(id: $i) { id } }", owner, method, i=message)
        await ask("query E($i: ID!) { message(id: $i) { id } }", owner, method, i=message)
        pinned = f'{{ room(id: "{room}") {{ pins(after: "{message}") {{ by {{ id }} at }} }} }}'
        await ask(pinned, owner, method)
        replies = "replies { count at authors { id } messages(last: 5, before: 9) { body } }"
        await ask(f'{{ message(id: "{message}") {{ {replies} }} }}', owner, method)
        await ask("query B($i: [ID!]!) { nodes(ids: $i) { id } }", owner, method, i=[room, other])
        await ask(f"query C($i: ID!) {{ user(id: $i) {USER} }}", owner, method, i=other)
        await ask(f'{{ userByName(username: "union") {USER} }}', owner, method)
        await ask(f'{{ commands(room: "{room}") {{ name usage }} }}', owner, method)
        typed = "query D($r: ID!, $t: String!) { commandSuggestions(room: $r, text: $t) { text } }"
        await ask(typed, owner, method, r=room, t="/invite @' OR 1=1")
        await ask("{ rooms(first: 5) { nodes { id name } } epoch }", owner, method)
        await ask(
            f'{{ room(id: "{room}") {{ id messages(last: 5) {{ nodes {{ body }} }} }} }}',
            owner,
            method,
        )
        await ask(
            '{ search(text: "from:ada \\"select x\\" after:2026-01-31") { nodes { id } } }',
            owner,
            method,
        )
        await ask(
            '{ __schema { types { name fields { name } } } __type(name: "Room") { name } }',
            owner,
            method,
        )

    await _mutate(
        traffic,
        "",
        "register",
        f"{{ user {USER} }}",
        username="gql",
        password=f"' OR 1=1 {PASSWORD}",
        name="O'B",
    )
    await _mutate(traffic, "", "login", f"{{ user {USER} }}", username="gql", password="${jndi:x}")
    signed_in = await _mutate(
        traffic, "", "login", "{ token }", username="gql", password=f"' OR 1=1 {PASSWORD}"
    )
    token = signed_in["login"]["token"]
    await ask("{ loginMethods(purpose: CONFIRM) { name kind } }", "")
    shown = "{ flow secret step { ... on LoginForm { fields { name } } } done }"
    begun = await _mutate(traffic, token, "beginLogin", shown, method="password", purpose="CONFIRM")
    step = {name: begun["beginLogin"][name] for name in ("flow", "secret")}
    typed = {"password": "' OR '1'='1' -- ${jndi:x}"}
    await _mutate(traffic, token, "proceedLogin", shown, **step, answer=typed)
    await ask("{ mySessions { id current } }", token)
    await ask("{ myIdentities { identities { id method } } }", token)
    await _mutate(traffic, token, "unlinkIdentity", "{ identityId }", identityId=UNKNOWN)
    await _mutate(traffic, token, "changeProfile", f"{{ user {USER} }}", name="O'B; DROP TABLE")
    await _mutate(traffic, token, "setStatus", f"{{ user {USER} }}", emoji="🍜", text="' OR 1=1 --")
    for name in ("blockUser", "unblockUser"):
        await _mutate(traffic, token, name, "{ userId }", userId=UNKNOWN)
    await ask("{ myBlocks { id name username at } }", token)
    await ask("{ myPreferences { key value } }", token)
    again = "' UNION SELECT 1 -- <script>"
    old = f"' OR 1=1 {PASSWORD}"
    await _mutate(traffic, token, "changePassword", f"{{ user {USER} }}", old=old, new=again)
    await _mutate(traffic, token, "endSession", "{ sessionId }", sessionId=UNKNOWN)
    await ask(f"mutation {{ logout {{ user {USER} }} }}", token)
    await _mutate(
        traffic, owner, "setUserDisabled", f"{{ user {USER} }}", username="gql", disabled=True
    )
    await _mutate(
        traffic,
        owner,
        "addUser",
        f"{{ user {USER} }}",
        username="gql.two",
        password="' UNION SELECT 1 --",
        name="O'B",
    )
    await _mutate(
        traffic, owner, "setUserPassword", f"{{ user {USER} }}", username="gql.two", password=again
    )
    await _mutate(
        traffic, owner, "setUserRole", f"{{ user {USER} }}", username="gql.two", role="GUEST"
    )
    await _mutate(traffic, owner, "endUserSessions", f"{{ user {USER} }}", username="gql.two")
    await _mutate(traffic, owner, "makeResetLink", "{ link expires }", username="gql.two")
    address = "gql@example.org"
    await _mutate(traffic, owner, "setUserEmail", "{ email }", username="gql.two", email=address)
    await _mutate(traffic, owner, "setEmail", "{ email pending }", email=address)
    await _mutate(traffic, owner, "confirmEmail", "{ confirmed }", code="06h1w46y97.Zm9v-_")
    await ask('{ myEmail { email } userEmail(username: "gql.two") { email } }', owner)
    made = await _mutate(
        traffic, owner, "createRoom", ROOM, name="a; ls -la | cat", topic="<i>", members=[other]
    )
    new = made["createRoom"]["room"]["id"]
    await _mutate(
        traffic, owner, "changeRoom", ROOM, roomId=new, name="x' OR 'a'='a", topic="/etc/shadow"
    )
    await _mutate(
        traffic, owner, "setMemberRole", "{ seq }", roomId=new, userId=other, role="ADMIN"
    )
    for archived in (True, False):
        await _mutate(traffic, owner, "setRoomArchived", "{ seq }", roomId=new, archived=archived)
    await _mutate(traffic, owner, "removeMember", ROOM, roomId=new, userId=other)
    await _mutate(traffic, owner, "inviteMember", ROOM, roomId=new, userId=other)
    await _mutate(traffic, owner, "banMember", "{ seq }", roomId=new, userId=other, reason="<b> --")
    await _mutate(traffic, owner, "liftBan", "{ seq }", roomId=new, userId=other)
    await _mutate(traffic, owner, "inviteMember", ROOM, roomId=new, userId=other)
    await _mutate(traffic, member, "leaveRoom", "{ __typename }", roomId=new)
    await _mutate(traffic, member, "joinRoom", ROOM, roomId=new)
    await ask(f'mutation {{ joinRoom(roomId: "{new}") {ROOM} }}', member)
    await _mutate(traffic, owner, "deleteRoom", "{ seq }", roomId=new)
    await _mutate(traffic, owner, "markRead", "{ seq }", roomId=room, seq=1)
    section = "Tea' OR 1=1 -- <b>"
    await _mutate(traffic, owner, "setRoomPreferences", ROOM, roomId=room, section=section)
    chosen = [{"key": "page.turned.1", "value": "Tea' OR 1=1 -- <b>"}]
    await _mutate(traffic, owner, "setPreferences", "{ preferences { key } }", preferences=chosen)
    await _mutate(traffic, owner, "setTyping", "{ __typename }", roomId=room)
    await _mutate(
        traffic, owner, "runCommand", "{ text }", roomId=room, clientId="g-2", text="/help' OR 1=1"
    )
    at = {"roomId": room, "messageId": message}
    await _mutate(traffic, owner, "editMessage", "{ seq }", **at, body="<script>")
    for emoji in EMOJI:
        await _mutate(traffic, owner, "addReaction", "{ seq }", **at, emoji=emoji)
        await _mutate(traffic, owner, "removeReaction", "{ seq }", **at, emoji=emoji)
    await _mutate(traffic, owner, "pinMessage", "{ seq }", **at)
    await _mutate(traffic, owner, "unpinMessage", "{ seq }", **at)
    await _mutate(traffic, owner, "interact", "{ note }", **at, part="yes", values={})
    await _mutate(traffic, owner, "deleteMessage", "{ seq }", **at)
    for document in (
        f'subscription {{ roomEvents(roomId: "{room}", after: 0) {{ __typename }} }}',
        f'subscription {{ roomsEvents(rooms: [{{ id: "{room}", after: 0 }}]) {{ __typename }} }}',
        f'subscription {{ typing(roomId: "{room}") {{ __typename }} }}',
        f'subscription {{ roomNotices(roomId: "{room}") {{ __typename }} }}',
        f'subscription {{ messageReadCount(messageId: "{message}") {{ readCount }} }}',
        "subscription { userEvents { __typename } }",
        f'subscription {{ presence(roomId: "{room}", userIds: ["{me["id"]}"]) {{ __typename }} }}',
    ):
        await ask(document, owner)  # refused by the server, which takes them as server-sent events


async def _mutate(traffic: Traffic, token: str, field: str, selected: str, **given: Any) -> Any:
    kind = f"{field[0].upper()}{field[1:]}Input"
    if kind in ("JoinRoomInput", "LeaveRoomInput", "SetTypingInput"):
        kind = "RoomInput"
    kind = {
        "InviteMemberInput": "MemberInput",
        "RemoveMemberInput": "MemberInput",
        "AddReactionInput": "ReactionInput",
        "RemoveReactionInput": "ReactionInput",
        "PinMessageInput": "MessageInput",
        "UnpinMessageInput": "MessageInput",
        "DeleteMessageInput": "MessageInput",
    }.get(kind, kind)
    document = f"mutation M($input: {kind}!) {{ {field}(input: $input) {selected} }}"
    return await traffic.graphql(document, token, input=given)
