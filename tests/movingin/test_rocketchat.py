"""A dump of Rocket.Chat in both of its forms, as its users find it over HTTP."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.movingin import rocketchat_export
from tests.movingin.home import Home
from tests.movingin.packing import PNG, foldered, zipped


@pytest.mark.parametrize(
    ("made", "packed"),
    [(rocketchat_export.dumped, zipped), (rocketchat_export.exported, foldered)],
    ids=["mongodump", "mongoexport"],
)
def test_a_dump_is_imported(
    made: Callable[[], dict[str, Any]],
    packed: Callable[[Path, dict[str, Any]], Path],
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    done = home.moved_in(packed(tmp_path / "export", made()), "rocketchat", "--owner", "anna")
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout
    home.let_in("anna", "ben", "carol")
    with home:
        anna, ben, carol = map(home.login, ("anna", "ben", "carol"))
        rooms = home.rooms(anna)
        assert set(rooms) == {"general", "staff", "Ben", "Ben, Carol"}
        general = rooms["general"]["id"]
        hi, inside, shown, removed, answer, file = home.messages(carol, general)
        assert hi["body"] == "**Hi** @ben and @room 🎉"
        assert list(hi["reactions"]) == ["👍"] and len(hi["reactions"]["👍"]) == 1
        assert hi["pinned"]
        assert inside["thread"] == shown["thread"] == hi["id"]
        assert shown["broadcast"] and shown["edited_at"] == "2023-11-14T22:13:50.000Z"
        assert removed["deleted"] and removed["body"] == ""
        assert (answer["body"], answer["reply_to"]) == ("so it is", shown["id"])
        assert file["body"] == "A dot" and home.file(ben, general, file) == PNG
        assert len(file["data"]["attachments"]["files"]) == 1
        log = home.log(general, anna)
        pin = next(event for event in log if event["ev"] == "pin.added")
        assert (pin["at"], pin["author"]["name"]) == ("2023-11-14T22:14:10.000Z", "Ben")
        members = home.members(anna, general)
        assert members == {"anna": "owner", "ben": "admin", "carol": "member"}
        assert rooms["general"]["topic"] == "All **things**"
        assert rooms["staff"]["archived"]
        assert home.said(ben, home.rooms(ben)["Anna"]["id"]) == ["Ben: psst"]
        assert home.said(carol, rooms["Ben, Carol"]["id"]) == ["Carol: us three"]
        assert home.get(f"/api/v1/rooms/{rooms['staff']['id']}/messages", ben).status_code == 404
        emails = [
            home.get(f"/api/v1/users/{u}/email", anna).json()["email"] for u in ("ben", "carol")
        ]
        assert emails == ["ben@chat.example", None]
    report = {text.strip() for text in done.stdout.splitlines()}
    assert {
        "9 messages",
        "1 of them deleted",
        "1 users who never chose a name, or were visitors: v1",
        "1 rooms of kinds that there are none of here: l",
        "1 messages of rooms that are not in the export: l1",
        "1 messages that only their readers can decrypt: m8",
        "1 reactions of users who are not in the export: stranger",
    } <= report
