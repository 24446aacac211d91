"""Files of DiscordChatExporter, as users find them over HTTP."""

from pathlib import Path

from tests.movingin import discord_export
from tests.movingin.home import Home
from tests.movingin.packing import PNG, foldered


def test_channels_are_imported(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    export = foldered(tmp_path / "export", discord_export.export())
    done = home.moved_in(export, "discord", "--owner", "anna")
    assert done.returncode == 0, done.stderr
    home.let_in("anna", "ben")
    home.add("carol")
    with home:
        anna, ben = map(home.login, ("anna", "ben"))
        outsider = home.login("carol")
        rooms = home.rooms(anna)
        assert {name: room["kind"] for name, room in rooms.items()} == {
            "general": "private",
            "forum": "private",
            "Ben B.": "direct",
        }
        general = rooms["general"]["id"]
        hi, raw, answer, file, embed, below = home.messages(ben, general)
        assert hi["body"] == "Hi @ben and @room *now* 🎉"
        assert hi["at"] == "2023-11-14T22:13:01.000Z" and hi["pinned"]
        assert raw["body"] == "raw @anna :parrot2: #general"
        assert raw["edited_at"] == "2023-11-14T22:13:30.000Z"
        assert {name: len(users) for name, users in raw["reactions"].items()} == {
            "👍": 2,
            ":parrot2:": 1,
        }
        assert answer["reply_to"] == raw["id"]
        assert file["body"] == "📎 lost.txt" and home.file(ben, general, file) == PNG
        assert embed["author"]["bot"] and embed["body"] == "[T](https://e.example)\nd"
        assert (below["body"], below["thread"]) == ("below it", raw["id"])
        question, so = home.messages(ben, rooms["forum"]["id"])
        assert question["body"] == "**a question**\nhow?" and so["thread"] == question["id"]
        assert home.said(ben, rooms["Ben B."]["id"]) == ["Anna: psst", "Ben B.: ?"]
        for room in rooms.values():
            assert home.get(f"/api/v1/rooms/{room['id']}/messages", outsider).status_code == 404
    report = {text.strip() for text in done.stdout.splitlines()}
    assert {
        "10 messages",
        "1 notices about rooms: ThreadCreated",
        "1 reactions whose users the export does not name",
    } <= report
