"""The accounts of an import: user names that are valid and unique here, and one for whoever the export only mentions."""

import re
from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from chatserver.copies.foreign.ids import made_id, time_text
from chatserver.copies.foreign.model import Person
from chatserver.copies.foreign.report import Report
from chatserver.errors import ChatError
from chatserver.model import ServerRole, User, UserRef
from chatserver.service.mail.emails import clean_email
from chatserver.service.names import USERNAME_CHARS, clean_username, free_names
from chatserver.service.newcomers import shown_name

_UNSAFE = re.compile(r"[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff\0]")


class People:
    """The accounts by their ids in the source. Those that are added first keep their names."""

    def __init__(self, report: Report, *, salt: str) -> None:
        """`salt` parts the ids of this format from those of others."""
        self._report, self._salt = report, salt
        self._users: dict[str, User] = {}
        self._emails: dict[str, str] = {}
        self._by_source_name: dict[str, str] = {}
        self._ids: dict[str, str] = {}  # our ids by our user names

    def __contains__(self, person: str) -> bool:
        return person in self._users

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def add(self, person: Person) -> User:
        """The account of a person; a second one with this id changes nothing."""
        if person.id in self._users:
            return self._users[person.id]
        username = self._username(person.username or person.name)
        if username != person.username.casefold():
            self._report.renamed[person.username or person.id] = username
        user = User(
            id=made_id(f"{self._salt}/user/{person.id}", person.at),
            username=username,
            name=shown_name(_UNSAFE.sub("", person.name), username),
            role=ServerRole.MEMBER if person.bot else person.role,
            at=time_text(person.at),
            disabled=person.locked,
            bot=True if person.bot else UNSET,
        )
        self._users[person.id] = user
        self._ids[username] = user.id
        self._by_source_name.setdefault(person.username.casefold(), username)
        if person.email and not person.bot:
            self._keep_email(user, person)
        self._report.count("accounts of machines" if person.bot else "accounts")
        if person.locked:
            self._report.count("of them locked, as they were deleted or deactivated")
        return user

    def user(self, person: str) -> User:
        """The account of an id; a locked one for an id that the export does not describe."""
        if person not in self._users:
            self._report.note("accounts made for users whom the export only mentions", person)
            self.add(Person(id=person, username=f"unknown-{person}"[:USERNAME_CHARS], locked=True))
        return self._users[person]

    def ref(self, person: str) -> UserRef:
        """The user as events show one."""
        return UserRef.of(self.user(person))

    def mention(self, person: str) -> str:
        """The text that mentions a user."""
        return f"@{self.user(person).username}"

    def ours(self, username: str) -> str | None:
        """The user name here of a user name in the source, in any case."""
        return self._by_source_name.get(username.casefold())

    def id_of(self, username: str) -> str | None:
        """The id here of a user name here."""
        return self._ids.get(username)

    def email(self, user: User) -> str | None:
        return self._emails.get(user.id)

    def appoint(self, username: str) -> bool:
        """Make the user of a user name here, or in the source, owner; False if there is none, or they are locked."""
        wanted = username.casefold()
        wanted = wanted if wanted in self._ids else self._by_source_name.get(wanted, wanted)
        for person, user in self._users.items():
            if user.username == wanted and not user.disabled and user.bot is UNSET:
                self._users[person] = msgspec.structs.replace(user, role=ServerRole.OWNER)
                return True
        return False

    def _username(self, wanted: str) -> str:
        try:
            base = clean_username(wanted)
        except ChatError:
            base = next(free_names(wanted))
        name, number = base, 2
        while name in self._ids:
            end = f"-{number}"
            name, number = base[: USERNAME_CHARS - len(end)].rstrip("-.") + end, number + 1
        return name

    def _keep_email(self, user: User, person: Person) -> None:
        try:
            self._emails[user.id] = clean_email(person.email)
        except ChatError:
            self._report.leave_out("e-mail addresses of another form than ours", person.email)
        else:
            self._report.count("e-mail addresses")
