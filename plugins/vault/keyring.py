"""The keys of a vault, as the inner store keeps them, and those of them that this process has open.

The master key wraps the root key; the root key wraps the data keys. So a server asks a service that has the master
key once, at its start, however many rooms there are. All records are in one space, which SealedStore hides:

- `root/N`: a root key, wrapped. There is one, and two during a rotation of the master key.
- `key/SCOPE`: the data keys of a scope, wrapped. The scopes are `room/ID`, `index/ID`, `records/SPACE`, and `person/ID`,
  whose key nothing is sealed with alone: what a user writes is sealed with a key that follows from theirs and the room's.
- `state`: the turn, which a rotation of data keys raises: a scope whose newest key is of an earlier turn gets another
  when it next seals something; and the number of changes, by which every node notices what others did to the keys.
"""

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatserver import StartupError, Store, StoreUnavailable
from chatserver_plugins.vault.masters import KEY_BYTES, NONCE_BYTES, Masters, Wrapped
from chatserver_plugins.vault.sealing import (
    NUMBERS,
    PLACED,
    Cipher,
    Destroyed,
    Sealer,
    UnknownKey,
    cipher_of,
    number_of,
    person_of,
)

NAME = "vault"  # the plugin's
MARKS = "wrapped"  # the space with the mark of each plugin that is around the store
SPACE = f"{MARKS}/{NAME}"
STATE = "state"
LOOK_SECONDS = 1.0  # a node may seal with a key for so long after another has made a newer one
ASKED_AT_ONCE = 500  # scopes in one query
# Scopes that get a key together: each is a write of its own, and all begin in one turn of the loop.
MADE_AT_ONCE = 50
_ROOT, _KEY = "root/", "key/"
PERSON = "person/"  # scopes whose keys no rotation replaces, as those of the places do for what is derived from both


class Root(msgspec.Struct, frozen=True):
    """A root key as it is stored."""

    master: str
    wrapped: bytes
    at: str


class DataKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A data key as it is stored. `gone` is the time at which it was destroyed; then `wrapped` is empty."""

    number: int
    root: int
    wrapped: bytes
    turn: int
    at: str
    gone: str = ""


class Keys(msgspec.Struct, frozen=True):
    """The data keys of a scope, by ascending number."""

    keys: tuple[DataKey, ...]


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """See the module. `sealed` is the turn of which everything is; -1: something may be left of before the vault.

    `form` is the format of seals in which everything was then. `root` is the number of the root key of the last
    rotation of the master key: whatever is wrapped by an earlier one, some node wrote too late.
    """

    turn: int = 0
    changes: int = 0
    sealed: int = -1
    form: int = PLACED
    root: int = 0


class Further(NamedTuple):
    """A scope with a further key, which is to be stored in place of `raw`."""

    name: str
    raw: bytes | None
    keys: Keys
    secret: bytes  # of the last of them


class Scope:
    """The keys of a scope in memory. `newest` is the number of the one that seals; 0: another one has to be made."""

    __slots__ = ("keys", "name", "newest", "secrets")

    def __init__(self, name: str, keys: Keys, secrets: dict[int, bytes | None], turn: int) -> None:
        self.name, self.keys, self.secrets = name, keys, secrets
        newest = keys.keys[-1] if keys.keys else None
        self.newest = newest.number if newest is not None and is_good(name, newest, turn) else 0

    def secret(self, number: int) -> bytes:
        """Raises `UnknownKey`, `Destroyed`."""
        try:
            found = self.secrets[number]
        except KeyError:
            raise UnknownKey(self.name, number) from None
        if found is None:
            raise Destroyed
        return found


def is_good(name: str, key: DataKey, turn: int) -> bool:
    """Whether the newest key of a scope may seal."""
    return not key.gone and (key.turn >= turn or name.startswith(PERSON))


class Keyring:
    """All methods but `open` may raise `StoreUnavailable`."""

    def __init__(
        self,
        store: Store,
        masters: Masters,
        bound: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`bound` is the number of scopes whose keys stay in memory, and of ciphers made from them."""
        self._store, self.masters, self._bound, self._clock = store, masters, bound, clock
        self._roots: dict[int, AESGCM] = {}
        self._scopes: dict[str, Scope] = {}
        self._cipher = lru_cache(bound)(cipher_of)
        # What seals what somebody writes in a room, by the ids of both.
        self.writers: dict[tuple[str, str], Sealer] = {}
        self.readers: dict[
            str, dict[str, tuple[bytes, Cipher]]
        ] = {}  # by room, author; with the head
        self._kept = 0  # of these
        self.generation = 0  # of all of these, which end together when keys change
        self.state = State()
        self._looked = 0.0
        self.is_open = self._writes = False

    # -- opening -----------------------------------------------------------------------------------------

    async def open(self, writes: bool) -> None:
        """Open the root keys; with `writes`, make the first one if this is a new vault, and the mark.

        Raises `StartupError` that names the key which is missing or wrong.
        """
        self._writes = writes
        roots = await self.roots()
        if not roots:
            if await self._store.get(MARKS, NAME) is not None:
                raise StartupError(
                    "plugin.vault: the store is sealed, and its root key is missing: restore the database as a whole"
                )
            if not writes:
                return  # nothing is sealed yet, and nothing can be written
            await self.add_root(1)
            roots = await self.roots()
        for number, root in roots.items():
            self._roots[number] = await self._opened_root(root)
        await self.look()
        if writes:
            await self._store.add(MARKS, NAME, b"1")
        self.is_open = True

    async def roots(self) -> dict[int, Root]:
        """The root keys as they are stored, ascending by number."""
        found = await self._store.scan(SPACE, _ROOT)
        return {
            int(key.removeprefix(_ROOT)): msgspec.json.decode(value, type=Root)
            for key, value in found
        }

    async def add_root(self, number: int) -> None:
        """Make a root key of this number, wrapped by the present master key, unless there is one. May raise `StartupError`."""
        wrapped = await self.masters.wrap(os.urandom(KEY_BYTES))
        root = Root(wrapped.master, wrapped.data, now())
        await self._store.add(SPACE, root_key(number), msgspec.json.encode(root))

    async def _opened_root(self, root: Root) -> AESGCM:
        return AESGCM(await self.masters.unwrap(Wrapped(root.master, root.wrapped)))

    async def _root(self, number: int) -> AESGCM:
        """The root key; one that another process has made is fetched."""
        if (found := self._roots.get(number)) is not None:
            return found
        stored = (await self.roots()).get(number)
        if stored is None:
            raise StoreUnavailable(reason=f"vault: the root key {number} is missing in the store")
        try:
            opened = await self._opened_root(stored)
        except StartupError as error:
            raise StoreUnavailable(reason=str(error)) from error
        self._roots[number] = opened
        return opened

    async def newest_root(self) -> int:
        """The number of the root key that wraps new data keys, asked from the store, as it is rarely needed."""
        numbers = await self.roots()
        if not numbers:
            raise StoreUnavailable(reason="vault: the root key is missing in the store")
        return max(numbers)

    # -- keys of scopes ----------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Whether it is not time yet to `look`."""
        return self._clock() - self._looked < LOOK_SECONDS

    async def look(self) -> None:
        """See whether other processes have changed the keys; then none in memory count any more."""
        self._looked = self._clock()
        found = await self.stored_state()
        if found[0] != self.state:
            self.state = found[0]
            self._clear()

    async def stored_state(self) -> tuple[State, bytes | None]:
        raw = await self._store.get(SPACE, STATE)
        return (State() if raw is None else msgspec.json.decode(raw, type=State)), raw

    async def change_state(self, change: Callable[[State], State]) -> State:
        """Change the state in the store; every node notices within LOOK_SECONDS."""
        while True:
            state, raw = await self.stored_state()
            new = msgspec.structs.replace(change(state), changes=state.changes + 1)
            data = msgspec.json.encode(new)
            if raw is None:
                done = await self._store.add(SPACE, STATE, data)
            else:
                done = await self._store.swap(SPACE, STATE, raw, data)
            if done:
                self.state = new
                self._clear()
                return new

    def _clear(self) -> None:
        self._scopes.clear()
        self._clear_made()

    def _clear_made(self) -> None:
        self.generation += 1
        self._cipher.cache_clear()
        self.writers.clear()
        self.readers.clear()
        self._kept = 0

    @property
    def known(self) -> Mapping[str, Scope]:
        """The scopes whose keys are in memory."""
        return self._scopes

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._scopes.pop(name, None)
        self._clear_made()

    def keep_writers(self, made: Mapping[tuple[str, str], Sealer], generation: int) -> None:
        """Keep these in memory for the next time, unless keys have changed since that generation."""
        if generation == self.generation:
            if len(self.writers) + len(made) > self._bound:
                self.writers.clear()
            self.writers.update(made)

    def keep_reader(self, room: str, writer: str, head: bytes, cipher: Cipher) -> None:
        """The same for a cipher that was just found."""
        if self._kept >= self._bound:
            self.readers.clear()
            self._kept = 0
        self.readers.setdefault(room, {})[writer] = head, cipher
        self._kept += 1

    async def scopes(self, names: Collection[str]) -> dict[str, Scope]:
        """The keys of these scopes; those that have none are left out, as is ""."""
        found, missing = {}, []
        for name in dict.fromkeys(names):
            scope = self._scopes.get(name)
            if scope is None and name:
                missing.append(name)
            elif scope is not None:
                found[name] = scope
        for start in range(0, len(missing), ASKED_AT_ONCE):
            generation = self.generation
            part = {record_key(name): name for name in missing[start : start + ASKED_AT_ONCE]}
            for key, raw in (await self._store.get_many(SPACE, list(part))).items():
                found[part[key]] = await self._keep(
                    part[key], msgspec.json.decode(raw, type=Keys), generation
                )
        return found

    def cipher(self, scopes: Mapping[str, Scope], name: str, person: str, head: bytes) -> Cipher:
        """The cipher of a seal with this head, at a place (the scope `name`) and of a person (their scope).

        Raises `UnknownKey`, `Destroyed`.
        """
        secret = _secret(scopes, name, number_of(head))
        number = person_of(head)
        if number is None:
            return self._cipher(secret)
        return self._cipher(secret, _secret(scopes, person, number))

    def sealer(self, name: str, person: str) -> Sealer | None:
        """What seals at a place, by a person unless that is ""; None if a key is not in memory, or has to be made."""
        scope = self._scopes.get(name)
        if scope is None or not scope.newest:
            return None
        secret = scope.secret(scope.newest)
        if not person:
            return Sealer(self._cipher(secret), scope.newest)
        writer = self._scopes.get(person)
        if writer is None or not writer.newest:
            return None
        cipher = self._cipher(secret, writer.secret(writer.newest))
        return Sealer(cipher, scope.newest, writer.newest)

    async def writing(self, places: Collection[tuple[str, str]]) -> dict[tuple[str, str], Sealer]:
        """As `sealer`, for each of these; keys that are missing, or of an earlier turn, are made."""
        names = dict.fromkeys(name for place in places for name in place if name)
        found = await self.scopes(names)
        while lacking := [name for name in names if name not in found or not found[name].newest]:
            found |= await self._made(lacking[:MADE_AT_ONCE])
        sealers = {}
        for place, person in places:
            scope, writer = found[place], found.get(person)
            secret = scope.secret(scope.newest)
            if writer is None:
                sealers[place, person] = Sealer(self._cipher(secret), scope.newest)
                continue
            cipher = self._cipher(secret, writer.secret(writer.newest))
            sealers[place, person] = Sealer(cipher, scope.newest, writer.newest)
        return sealers

    async def lasting(self, name: str) -> bytes | None:
        """The first key of a scope itself, which no rotation replaces; None if it is missing and may not be made."""
        raw = await self._store.get(SPACE, record_key(name))
        if raw is None:
            if not self._writes:
                return None
            await self._made([name])
            raw = await self._store.get(SPACE, record_key(name))
        assert raw is not None
        keys = msgspec.json.decode(raw, type=Keys)
        if self.is_late(keys):
            await self.mend(name)
            return await self.lasting(name)
        return await self.secret(name, keys.keys[0])

    async def renew(self, name: str) -> int:
        """Make a further key for a scope, whatever its newest one is; returns its number."""
        return (await self._made([name], always=True))[name].keys.keys[-1].number

    async def _made(self, names: Sequence[str], *, always: bool = False) -> dict[str, Scope]:
        """These scopes, each with a further key; or, unless `always`, as another process has just made it.

        Together, as hundreds may write for the first time at the same moment, and all others wait for their batch.
        """
        generation = self.generation
        found: dict[str, Scope] = {}
        wanted: dict[str, tuple[bytes | None, Keys]] = {}
        stored = await self._store.get_many(SPACE, [record_key(name) for name in names])
        for name in names:
            raw = stored.get(record_key(name))
            keys = Keys(()) if raw is None else msgspec.json.decode(raw, type=Keys)
            if not always and keys.keys and is_good(name, keys.keys[-1], self.state.turn):
                found[name] = await self._keep(name, keys, generation)
            else:
                wanted[name] = raw, keys
        if not wanted:
            return found
        root = await self.newest_root()
        further = [await self._further(name, *of, root) for name, of in wanted.items()]
        written = await asyncio.gather(*map(self._write, further))
        newest_root = await self.newest_root()
        for made, is_written in zip(further, written, strict=True):
            if not is_written:
                found |= await self._made([made.name], always=always)
            elif newest_root == root:
                found[made.name] = await self._keep(made.name, made.keys, generation)
            else:  # a rotation of the master key has begun meanwhile, and may be past this scope
                await self.rewrap(made.name, newest_root, {made.keys.keys[-1].number: made.secret})
                found |= await self._made([made.name])
        return found

    async def _further(self, name: str, raw: bytes | None, keys: Keys, root: int) -> Further:
        number = keys.keys[-1].number + 1 if keys.keys else 1
        if number > NUMBERS:
            raise StoreUnavailable(reason=f"vault: {name} has had {NUMBERS} data keys")
        secret = os.urandom(KEY_BYTES)
        wrapped = await self.wrapped(name, number, secret, root)
        made = DataKey(number, root, wrapped, self.state.turn, now())
        return Further(name, raw, Keys((*keys.keys, made)), secret)

    async def _write(self, further: Further) -> bool:
        """Store the keys; False if another process has changed them meanwhile."""
        key, data = record_key(further.name), msgspec.json.encode(further.keys)
        if further.raw is None:
            return await self._store.add(SPACE, key, data)
        return await self._store.swap(SPACE, key, further.raw, data)

    async def wrapped(self, name: str, number: int, secret: bytes, root: int) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + (await self._root(root)).encrypt(nonce, secret, _place(name, number))

    async def secret(self, name: str, key: DataKey) -> bytes:
        """The data key itself."""
        nonce, data = key.wrapped[:NONCE_BYTES], key.wrapped[NONCE_BYTES:]
        try:
            return (await self._root(key.root)).decrypt(nonce, data, _place(name, key.number))
        except (InvalidTag, ValueError):
            raise StoreUnavailable(
                reason=f"vault: data key {key.number} of {name} was damaged or changed in the database"
            ) from None

    async def rewrap(self, name: str, root: int, secrets: Mapping[int, bytes] = {}) -> int:
        """Wrap the keys of a scope by this root key; returns how many were wrapped by another.

        `secrets` are keys that are known already, as their root key may be gone.
        """
        key = record_key(name)
        while (raw := await self._store.get(SPACE, key)) is not None:
            keys = msgspec.json.decode(raw, type=Keys)
            old = [each for each in keys.keys if each.root != root and not each.gone]
            if not old:
                return 0
            made = []
            for each in keys.keys:
                if each in old:
                    secret = secrets.get(each.number) or await self.secret(name, each)
                    again = await self.wrapped(name, each.number, secret, root)
                    made.append(msgspec.structs.replace(each, root=root, wrapped=again))
                else:
                    made.append(each)
            if await self._store.swap(SPACE, key, raw, msgspec.json.encode(Keys(tuple(made)))):
                return len(old)
        return 0

    def is_late(self, keys: Keys) -> bool:
        """Whether one of these was wrapped by a root key that a rotation of the master key has replaced."""
        return any(not each.gone and each.root < self.state.root for each in keys.keys)

    async def mend(self, name: str) -> Keys:
        """The keys of a scope, without late ones.

        A node wraps a key by the root key that it knows, and looks then whether there is a newer one. If it was so slow
        that the rotation was past this scope, it wraps the key anew; if it was killed before, the key is useless, but
        nothing was sealed with it either. As long as the earlier root key is there, others may use the key.
        """
        key = record_key(name)
        while (raw := await self._store.get(SPACE, key)) is not None:
            keys = msgspec.json.decode(raw, type=Keys)
            if not self.is_late(keys):
                return keys
            roots = await self.roots()
            left = tuple(
                each
                for each in keys.keys
                if each.gone or each.root >= self.state.root or each.root in roots
            )
            if left == keys.keys:
                await self.rewrap(name, max(roots))
            elif left:
                await self._store.swap(SPACE, key, raw, msgspec.json.encode(Keys(left)))
            else:
                await self._store.delete(SPACE, key, raw)
        return Keys(())

    async def destroy(self, name: str, numbers: Callable[[DataKey], bool]) -> int:
        """Destroy those keys of a scope; what was sealed with them is lost. Returns how many there were."""
        key = record_key(name)
        while (raw := await self._store.get(SPACE, key)) is not None:
            keys = msgspec.json.decode(raw, type=Keys)
            lost = [each for each in keys.keys if not each.gone and numbers(each)]
            if not lost:
                break
            left = [
                msgspec.structs.replace(each, wrapped=b"", gone=now()) if each in lost else each
                for each in keys.keys
            ]
            if await self._store.swap(SPACE, key, raw, msgspec.json.encode(Keys(tuple(left)))):
                self._scopes.pop(name, None)
                self._clear_made()
                return len(lost)
        return 0

    async def names(self, after: str = "", limit: int = 1000) -> list[tuple[str, Keys]]:
        """The scopes that have keys, by ascending name > `after`."""
        found = await self._store.scan(SPACE, _KEY, record_key(after) if after else "", limit)
        return [(key.removeprefix(_KEY), msgspec.json.decode(raw, type=Keys)) for key, raw in found]

    async def drop_root(self, number: int) -> None:
        await self._store.delete(SPACE, root_key(number))
        self._roots.pop(number, None)

    async def _keep(self, name: str, keys: Keys, generation: int) -> Scope:
        """Open the keys of a scope; keep them in memory, unless some have changed since they were read."""
        if self.is_late(keys):
            keys = await self.mend(name)
        secrets = {
            key.number: None if key.gone else await self.secret(name, key) for key in keys.keys
        }
        scope = Scope(name, keys, secrets, self.state.turn)
        if generation != self.generation:
            return scope
        while len(self._scopes) >= self._bound:
            del self._scopes[next(iter(self._scopes))]  # the one that is there for longest
        self._scopes[name] = scope
        return scope

    async def close(self) -> None:
        self.is_open = False
        self._clear()
        self._roots.clear()
        await self.masters.close()


def _secret(scopes: Mapping[str, Scope], name: str, number: int) -> bytes:
    scope = scopes.get(name)
    if scope is None:
        raise UnknownKey(name, number)
    return scope.secret(number)


def record_key(name: str) -> str:
    """The key of the record with a scope's keys."""
    return f"{_KEY}{name}"


def root_key(number: int) -> str:
    return f"{_ROOT}{number:08}"


def _place(name: str, number: int) -> bytes:
    return f"{number}\0{name}".encode()


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
