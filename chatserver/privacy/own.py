"""What the server itself holds about a user in records: the account, and what belongs to it.

What a user wrote in rooms is in `written.py`. Nothing here is a secret: no hashes of passwords, codes or tokens.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from chatserver.blobs.model import BLOBS, OWNED, read_blob
from chatserver.hooks.personal import BLOB, Item, PersonalData, as_json
from chatserver.interfaces import Store
from chatserver.localized import Localized
from chatserver.model import MemberLeft
from chatserver.service.accounts import Accounts
from chatserver.service.blocks import SPACE as BLOCKS
from chatserver.service.blocks import Blocks
from chatserver.service.directory import USERS
from chatserver.service.mail.emails import Emails
from chatserver.service.markers import MARKERS
from chatserver.service.preferences import Preferences
from chatserver.service.watchers import ACCOUNT_PREFERENCES, ROOM_PREFERENCES

PAGE = 500

TITLES: dict[str, Localized] = {
    "account": {"en": "Account", "ja": "アカウント"},
    "email": {"en": "E-mail address", "ja": "メールアドレス"},
    "sessions": {"en": "Sessions: where you are signed in", "ja": "セッション（ログイン中の端末）"},
    "sign_in": {"en": "Ways to sign in", "ja": "ログイン方法"},
    "preferences": {"en": "Preferences", "ja": "設定"},
    "blocks": {"en": "People you block", "ja": "ブロックしている人"},
    "read_markers": {"en": "What you have read", "ja": "既読の位置"},
    "memberships": {"en": "Rooms you are or were in", "ja": "参加中・参加していたルーム"},
    "files": {"en": "Files", "ja": "ファイル"},
}


async def nothing(user: str) -> None:
    """The part is erased with the account, or with the log."""


class OwnRecords:
    """The parts of the server itself that are records."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        emails: Emails,
        preferences: Preferences,
        blocks: Blocks,
    ) -> None:
        self._store, self._accounts, self._emails = store, accounts, emails
        self._preferences, self._blocks = preferences, blocks

    def parts(self) -> list[PersonalData]:
        """The parts, those that matter most to people first."""
        made = (
            ("account", self._account, nothing),  # what is left is a shell: see `Accounts.retire`
            ("email", self._email, self._emails.forget),
            ("sessions", self._sessions, nothing),
            ("sign_in", self._sign_in, nothing),
            ("preferences", self._of_preferences, self._preferences.forget),
            ("blocks", self._of_blocks, self._blocks.forget),
            ("read_markers", self._markers, self._forget_markers),
            ("memberships", self._memberships, nothing),  # the log has them, under the id
            ("files", self._files, nothing),
        )
        return [
            PersonalData(name=name, title=TITLES[name], export=export, erase=erase)
            for name, export, erase in made
        ]

    async def _account(self, user: str) -> AsyncGenerator[Item, None]:
        raw = await self._store.get(USERS, user)
        if raw is not None:
            yield as_json(raw)

    async def _email(self, user: str) -> AsyncGenerator[Item, None]:
        own, language = await self._emails.own(user), await self._emails.language(user)
        if own.email or own.pending or language:
            yield {"email": own.email, "pending": own.pending, "language": language}

    async def _sessions(self, user: str) -> AsyncGenerator[Item, None]:
        for session in await self._accounts.sessions.of(user):
            yield msgspec.structs.asdict(session)

    async def _sign_in(self, user: str) -> AsyncGenerator[Item, None]:
        found = await self._accounts.get(user)
        if (
            not found.deleted
            and not found.bot
            and await self._accounts.identities.has_password(user)
        ):
            yield {"method": "password"}
        for linked in await self._accounts.identities.of(user):
            yield msgspec.structs.asdict(linked)

    async def _of_preferences(self, user: str) -> AsyncGenerator[Item, None]:
        raw = await self._store.get(ACCOUNT_PREFERENCES, user)
        if raw is not None:
            yield {"account": as_json(raw)}
        async for room, value in self._rows(ROOM_PREFERENCES, f"{user}/"):
            yield {"room": room, "preferences": as_json(value)}

    async def _of_blocks(self, user: str) -> AsyncGenerator[Item, None]:
        raw = await self._store.get(BLOCKS, user)
        for other, at in (msgspec.json.decode(raw) if raw else {}).items():
            yield {"user": other, "at": at}

    async def _markers(self, user: str) -> AsyncGenerator[Item, None]:
        async for room, value in self._rows(MARKERS, f"{user}/"):
            yield {"room": room, "seq": int(value)}

    async def _forget_markers(self, user: str) -> None:
        while rows := await self._store.scan(MARKERS, f"{user}/", limit=PAGE):
            for key, _ in rows:
                await self._store.delete(MARKERS, key)

    async def _memberships(self, user: str) -> AsyncGenerator[Item, None]:
        events = await self._store.memberships(user)
        rooms = await self._store.rooms([event.room for event in events]) if events else {}
        for event in events:
            described = rooms.get(event.room)
            yield {
                "room": event.room,
                "name": described.name if described else None,
                "kind": described.kind if described else None,
                "role": None if isinstance(event, MemberLeft) else event.role,
                "left": isinstance(event, MemberLeft),
                "at": event.at,
            }

    async def _files(self, user: str) -> AsyncGenerator[Item, None]:
        async for blob, _ in self._rows(OWNED, f"{user}/"):
            raw = await self._store.get(BLOBS, blob)
            record = None if raw is None else read_blob(raw)
            if record is None or record.state == "gone":
                continue
            found = record.blob
            yield {
                BLOB: found.id,
                "name": found.name,
                "media_type": found.media_type,
                "size": found.size,
                "at": found.at,
                "sha256": found.sha256,
            }

    async def _rows(self, space: str, prefix: str) -> AsyncIterator[tuple[str, bytes]]:
        """The records whose keys begin with the prefix, by the rest of the key."""
        after = ""
        while rows := await self._store.scan(space, prefix, after, PAGE):
            after = rows[-1][0]
            for key, value in rows:
                yield key.removeprefix(prefix), value
