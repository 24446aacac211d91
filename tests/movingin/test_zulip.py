"""An export of Zulip, as its users find it over HTTP."""

from pathlib import Path

from tests.movingin import zulip_export
from tests.movingin.home import Home
from tests.movingin.packing import PNG, tarred


def test_an_export_is_imported(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    export = tarred(tmp_path / "export.tar.gz", zulip_export.export())
    done = home.moved_in(export, "zulip", "--owner", "anna")
    assert done.returncode == 0, done.stderr
    home.let_in("anna", "ben", "carol")
    with home:
        anna, ben, carol = map(home.login, ("anna", "ben", "carol"))
        rooms = home.rooms(anna)
        assert set(rooms) == {"general", "core", "Ben", "Ben, Carol"}
        general = rooms["general"]["id"]
        plans, second, alone, other, notice, files = home.messages(carol, general)
        assert plans["body"] == "**plans**\nHello @ben and @room 🎉"
        assert plans["mentions"][0] == "@room" and len(plans["mentions"]) == 2
        assert list(plans["reactions"]) == ["👍", ":parrot2:"]
        assert {m["thread"] for m in (second, notice, files)} == {plans["id"]}
        assert alone["body"] == "without a topic" and "thread" not in alone
        assert other["body"] == "**other**\n> old words\n**Anna** in #general > plans"
        assert other["edited_at"] == "2023-11-14T22:14:20.000Z" and "thread" not in other
        assert notice["author"]["bot"]
        assert files["body"].split() == ["see", "📎", "gone.txt"]
        assert home.file(ben, general, files) == PNG
        members = home.members(anna, general)
        assert members == {"anna": "owner", "ben": "member", "carol": "member"}
        assert home.said(ben, home.rooms(ben)["Anna"]["id"]) == ["Ben: psst", "Anna: yes?"]
        assert home.said(carol, rooms["Ben, Carol"]["id"]) == ["Carol: us three"]
        assert home.get(f"/api/v1/rooms/{rooms['core']['id']}/messages", ben).status_code == 404
        assert home.get("/api/v1/me", carol).json()["role"] == "guest"
    report = {text.strip() for text in done.stdout.splitlines()}
    assert {
        "10 messages",
        "1 of them locked, as they were deleted or deactivated",
        "1 messages of rooms that are not in the export: 11",
        "1 pictures of emoji of the server's own",
        "1 files that the export does not have: gone.txt",
    } <= report
