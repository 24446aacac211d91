"""A bulk export of Mattermost, imported into MongoDB, as its users find it over HTTP."""

import secrets
from pathlib import Path

from tests.movingin import mattermost_export
from tests.movingin.home import Home
from tests.movingin.packing import PNG, zipped
from tests.servers import Mongod


def test_an_export_is_imported(tmp_path: Path, mongod: Mongod) -> None:
    settings = {"uri": mongod.uri, "database": f"chat{secrets.token_hex(4)}"}
    given = {f"plugin__mongo__{key}": value for key, value in settings.items()}
    home = Home(tmp_path / "home", store="mongo", **given)
    export = zipped(tmp_path / "export.zip", mattermost_export.export())
    done = home.moved_in(export, "mattermost", "--owner", "anna")
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout + done.stderr
    home.let_in("anna", "ben")
    with home:
        anna, ben = map(home.login, ("anna", "ben"))
        rooms = home.rooms(anna)
        assert set(rooms) == {"Town Square", "Staff", "Ben Doe", "Ben Doe, Gone Doe"}
        square = rooms["Town Square"]["id"]
        hi, earlier, reply, build = home.messages(ben, square)
        assert hi["body"] == (
            "Hi @ben and @room 🎉 [cat](https://x.example/c.png) `@ben :tada:`\n📎 lost.txt"
        )
        assert hi["at"] == "2023-11-14T22:13:21.000Z"
        assert hi["edited_at"] == "2023-11-14T22:13:29.000Z"
        assert hi["pinned"] and list(hi["reactions"]) == ["👍"]
        assert home.file(ben, square, hi) == PNG
        assert [(m["body"], m["thread"]) for m in (earlier, reply)] == [
            ("an earlier one", hi["id"]),
            ("a reply", hi["id"]),
        ]
        assert (build["author"]["name"], build["author"]["bot"]) == ("Build", True)
        assert build["body"] == "Done\nin 3 s"
        log = home.log(square, anna)
        joined = {e["user"]["name"]: e["at"] for e in log if e["ev"] == "member.joined"}
        assert joined["Ben Doe"] == "2023-11-14T22:13:24.000Z"
        reacted = next(event for event in log if event["ev"] == "reaction.added")
        assert reacted["at"] == "2023-11-14T22:13:25.000Z"
        assert rooms["Town Square"]["topic"] == "For @ben"
        assert home.said(anna, rooms["Staff"]["id"]) == ["Anna Doe: among us"]
        assert home.get(f"/api/v1/rooms/{rooms['Staff']['id']}/messages", ben).status_code == 404
        assert home.said(ben, rooms["Ben Doe"]["id"]) == ["Ben Doe: psst"]
    report = {text.strip() for text in done.stdout.splitlines()}
    assert {
        "7 messages",
        "1 pictures of emoji of the server's own",
        "1 notices about rooms: system_header_change",
        "1 files that the export does not have: lost.txt",
    } <= report
