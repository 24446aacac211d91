"""An export of Slack, imported into a real store, as its users find it over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver.cli.movingin import NAMES
from chatserver.copies.foreign.formats import FORMATS
from tests.movingin import slack_export
from tests.movingin.home import Home
from tests.movingin.packing import PNG, foldered, zipped


class Moved:
    """A server after the import, and what that printed."""

    def __init__(self, home: Home, report: str) -> None:
        self.home, self.report = home, report
        self.anna, self.ben, self.carol = map(home.login, ("anna", "ben", "carol"))
        self.rooms = home.rooms(self.anna)
        self.general = str(self.rooms["general"]["id"])
        self.messages = home.messages(self.anna, self.general)

    def find(self, body: str) -> dict[str, Any]:
        """The message of the public room with this text."""
        [found] = [message for message in self.messages if body in message["body"]]
        return found

    def id_of(self, username: str) -> str:
        found: str = self.home.get(f"/api/v1/users/{username}", self.anna).json()["id"]
        return found


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    folder = tmp_path_factory.mktemp("slack")
    home = Home(folder / "home")
    export = zipped(folder / "export.zip", slack_export.export())
    done = home.moved_in(export, "slack", "--owner", "anna")
    assert done.returncode == 0, done.stderr
    home.let_in("anna", "ben", "carol")
    with home:
        yield Moved(home, done.stdout)


def test_texts_have_our_marks_mentions_and_emoji(moved: Moved) -> None:
    hello = moved.find("**Hello**")
    assert hello["body"] == "**Hello** @ben & all, see [the page](https://example.org/a?b=1) 🎉"
    assert hello["mentions"] == [moved.id_of("ben")]
    assert hello["at"] == "2023-11-14T22:13:21.000Z"
    look = moved.find("look,")
    assert look["body"] == "@room look, `@ben *x*` ~~old~~"
    assert look["mentions"][0] == "@room"


def test_threads_are_threads(moved: Moved) -> None:
    root = moved.find("a root")
    assert moved.find("in the thread")["thread"] == root["id"]
    shown = moved.find("also here")
    assert (shown["thread"], shown["broadcast"]) == (root["id"], True)


def test_changes_are_kept_with_their_times(moved: Moved) -> None:
    better = moved.find("better")
    assert better["edited_at"] == "2023-11-14T22:14:20.000Z"
    anna, ben, carol = map(moved.id_of, ("anna", "ben", "carol"))
    assert better["reactions"] == {"👍🏼": [anna, carol], "🦜": [ben]}
    assert moved.find("**Hello**")["pinned"]
    assert [m["body"] for m in moved.messages if m.get("pinned")] == [moved.find("Hello")["body"]]


def test_a_log_is_in_the_order_of_time(moved: Moved) -> None:
    times = [event["at"] for event in moved.home.log(moved.general, moved.anna)]
    assert times == sorted(times)
    assert moved.find("written earlier")["at"] == "2023-11-14T22:14:50.000Z"


def test_long_messages_are_cut_and_nothing_is_lost(moved: Moved) -> None:
    parts = [m["body"] for m in moved.messages if m["body"].startswith("words")]
    assert len(parts) == 3 and all(len(part) <= 8000 for part in parts)
    assert " ".join(parts).split() == ["words"] * 3000


def test_files_are_there_or_named(moved: Moved) -> None:
    message = moved.find("lost.txt")
    assert message["body"] == "📎 lost.txt"
    assert moved.home.file(moved.carol, moved.general, message) == PNG
    [file] = message["data"]["attachments"]["files"]
    assert (file["name"], file["width"]) == ("dot.png", 1)


def test_those_who_left_are_locked_and_machines_are_machines(moved: Moved) -> None:
    gone = moved.find("I was here")
    assert gone["author"]["id"] not in (moved.id_of("anna"), moved.id_of("ben"))
    assert moved.id_of("anna-2") == gone["author"]["id"]
    assert moved.find("a stranger")["author"]["name"] == "unknown-u0000000x"
    weather = moved.find("Rain")
    assert weather["author"]["bot"] and weather["author"]["name"] == "Weather"
    assert weather["body"] == "[Rain](https://rain.example)\nsoon"


def test_members_and_times_of_joining(moved: Moved) -> None:
    members = moved.home.members(moved.anna, moved.general)
    assert members == {"anna": "owner", "ben": "member", "carol": "member"}
    log = moved.home.log(moved.general, moved.anna)
    joined = {e["user"]["name"]: e["at"] for e in log if e["ev"] == "member.joined"}
    assert joined["Anna"] == "2023-11-14T22:11:40.000Z"
    assert joined["Carol"] == "2023-11-14T22:13:20.000Z"


def test_rooms_are_for_their_members_alone(moved: Moved) -> None:
    home = moved.home
    assert set(moved.rooms) == {"general", "board", "Ben, Carol", "Ben"}
    assert moved.rooms["general"]["topic"] == "All & more"
    board, pair = moved.rooms["board"]["id"], moved.rooms["Ben"]["id"]
    assert home.said(moved.anna, board) == ["Anna: a secret"]
    assert home.said(moved.ben, pair) == ["Ben: only for you"]
    for token, room in ((moved.ben, board), (moved.carol, pair)):
        assert home.get(f"/api/v1/rooms/{room}/messages", token).status_code == 404
    assert home.said(moved.carol, moved.rooms["Ben, Carol"]["id"]) == ["Ben: the three of us"]
    assert moved.rooms["general"]["unread"] == 0


def test_nobody_is_said_to_have_read_what_was_imported(moved: Moved) -> None:
    home = moved.home
    refused = home.get(f"/api/v1/receipts/{moved.find('**Hello**')['id']}", moved.anna)
    assert refused.status_code == 403
    assert refused.json()["error"]["detail"] == {"why": "imported"}
    pair = moved.rooms["Ben"]["id"]
    body: dict[str, object] = {"body": "are you here?", "client_id": "receipts"}
    posted = home.post(f"/api/v1/rooms/{pair}/messages", moved.anna, body)
    found = home.get(f"/api/v1/receipts/{posted['id']}", moved.anna).json()
    assert (found["read"], found["of"]) == (0, 1)  # of what was said here, it is known


def test_an_archived_room_is_kept_for_reading(moved: Moved) -> None:
    found = moved.home.get("/api/v1/rooms?archived=true", moved.anna).json()["rooms"]
    [old] = [room for room in found if room["name"] == "old-things"]
    assert old["archived"]


def test_people_get_in_by_mail_and_with_their_roles(moved: Moved) -> None:
    home = moved.home
    email = home.get("/api/v1/users/ben/email", moved.anna).json()
    assert email["email"] == "ben@chat.example"
    roles = {
        name: home.get("/api/v1/me", getattr(moved, name)).json()["role"]
        for name in (
            "anna",
            "ben",
            "carol",
        )
    }
    assert roles == {"anna": "owner", "ben": "member", "carol": "guest"}


def test_a_conversation_goes_on(moved: Moved) -> None:
    root = moved.find("a root")["id"]
    body: dict[str, object] = {"body": "one more", "client_id": "1", "thread": root}
    posted = moved.home.post(f"/api/v1/rooms/{moved.general}/messages", moved.ben, body)
    log = moved.home.log(moved.general, moved.ben)
    assert (log[-1]["id"], log[-1]["thread"]) == (posted["id"], root)


def test_the_report_counts_all(moved: Moved) -> None:
    lines = {line.strip() for line in moved.report.splitlines()}
    assert {
        "15 messages",
        "2 public rooms",
        "1 private rooms",
        "2 direct rooms",
        "3 reactions",
        "1 pins",
        "1 files",
        "1 notices about rooms: channel_topic",
        "1 files that the export does not have: lost.txt",
        "1 messages whose id the room has already: 1700000100.000100",
        "1 accounts made for users whom the export only mentions: U0000000X",
        "anna → anna-2",
    } <= lines


def test_files_can_lie_beside_the_export(tmp_path: Path) -> None:
    files = slack_export.export()
    export = foldered(tmp_path / "export", {k: v for k, v in files.items() if "upload" not in k})
    beside = foldered(
        tmp_path / "beside", {"F00000001.png": PNG, "a/F00000002-lost.txt": b"found again"}
    )
    home = Home(tmp_path / "home")
    report = home.moved_in(export, "slack", "--files", beside, "--dry-run")
    assert "2 files\n" in report.stdout and "does not have" not in report.stdout
    without = home.moved_in(export, "slack", "--files", beside, "--dry-run", "--without-files")
    assert "2 files, as --without-files was given" in without.stdout


def test_missing_files_can_be_made_an_error(tmp_path: Path) -> None:
    export = zipped(tmp_path / "export.zip", slack_export.export())
    home = Home(tmp_path / "home")
    refused = home.moved_in(export, "slack", "--require-files")
    assert refused.returncode == 1
    assert "1 files that the export does not have: give them by --files" in refused.stderr
    assert not (home.folder / "data").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dry-run",), "need --from"),
        (("--owner", "anna"), "need --from"),
        (("--from", "irc"), "'irc' is not one of"),
        (("--from", "slack", "--dry-run", "--to-archive", "x"), "leave out --to-archive"),
    ],
)
def test_options_that_do_not_fit(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = Home(tmp_path).tried("import", tmp_path / "export.zip", *options)
    assert done.returncode == 2 and said in done.stderr


def test_the_command_names_all_formats() -> None:
    assert tuple(FORMATS) == NAMES
