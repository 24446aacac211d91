"""Shortcodes become emoji where a person meant them, and nowhere else."""

from base64 import b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver import ChatError, Draft, RoomChange, RoomCreate, RoomKind, emoji_names
from chatserver.hooks.specs import MATCHING_OF
from chatserver.testing.running import running
from chatserver_plugins.shortcodes import ShortcodesPlugin
from chatserver_plugins.shortcodes.replace import replace_outside_code
from tests.effort import bound, took
from tests.plugins.pictures import png

EMOJI = emoji_names()


def change(body: str, **extra: str) -> str | None:
    plugin = ShortcodesPlugin(ShortcodesPlugin.Config(extra=extra))
    draft = Draft(room="r1", body=body, reply_to="r1-1", message="r1-2")
    changed = plugin.change_message(draft)
    if changed is None:
        return None
    assert (changed.room, changed.reply_to, changed.message) == ("r1", "r1-1", "r1-2")
    return changed.body


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (":smile:", "😄"),
        ("a :smile: b", "a 😄 b"),
        ("いいね:thumbsup:です", "いいね👍です"),
        (":tada::tada: :+1:", "🎉🎉 👍"),
        (":nonsense:smile:", None),
        (":nonsense: :smile:", ":nonsense: 😄"),
        ("(:heart:)", "(❤️)"),
        (":smile", None),
        ("smile:", None),
        ("nothing", None),
        (":SMILE:", None),
        ("std::fire::x", None),
        ("https://host:8080/a:fire:b", None),
        ("`:smile:` :smile:", "`:smile:` 😄"),
        ("``a ` :smile: `` :smile:", "``a ` :smile: `` 😄"),
        ("```\n:smile:\n```\n:smile:", "```\n:smile:\n```\n😄"),
        ("a ` :smile: alone", "a ` 😄 alone"),
        ("`` :smile: `", "`` 😄 `"),
        ("`a``b` :smile: ``", "`a``b` 😄 ``"),
    ],
)
def test_shortcodes_are_replaced_outside_code(body: str, changed: str | None) -> None:
    assert change(body) == changed


def test_the_configuration_adds_and_replaces_names() -> None:
    assert change(":neko: :cat:", neko="🐈", cat="🐯") == "🐈 🐯"


def test_a_name_that_could_not_be_typed_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="extra"):
        msgspec.convert({"extra": {"no spaces": "x"}}, ShortcodesPlugin.Config)


@given(st.text(), st.text())
def test_text_without_shortcodes_stays_as_it_is(before: str, after: str) -> None:
    text = before.replace(":", "") + ":" + after.replace(":", "")
    assert replace_outside_code(text, EMOJI) == text


@given(st.lists(st.sampled_from(["`", "``", ":smile:", " ", "a", "\n", ":"])))
def test_undoing_the_emoji_gives_the_text_back(parts: list[str]) -> None:
    text = "".join(parts)
    assert replace_outside_code(text, {"smile": "😄"}).replace("😄", ":smile:") == text


@pytest.mark.parametrize(
    "body",
    [
        ":" * 65_536,
        ":a" * 32_768,
        "`" * 65_536,
        "` " * 32_768,
        "".join("`" * (1 + number % 300) + ":smile:" for number in range(400)),
        ":smile:" * 9_000,
        f":{'a' * 63} " * 1_000,
    ],
)
def test_the_time_grows_with_the_length_only(body: str) -> None:
    assert took(lambda: replace_outside_code(body, EMOJI)) < bound(0.3)
    wanted = getattr(ShortcodesPlugin.change_message, MATCHING_OF)  # looked for in every message
    assert took(lambda: wanted.search(body)) < bound(0.005)


@pytest.mark.parametrize(
    ("action", "topic"),
    [
        (RoomChange(room="r", name=None, topic=":chai: is :fire:"), ":chai: is 🔥"),
        (RoomChange(room="r", name=None, topic="nothing"), None),
        (RoomChange(room="r", name=":fire:", topic=None), None),
        (RoomCreate(kind=RoomKind.PUBLIC, name="n", topic=":fire:", members=()), "🔥"),
        (RoomCreate(kind=RoomKind.DIRECT, name=None, topic="", members=()), None),
    ],
)
def test_topics_of_rooms_are_replaced_too(
    action: RoomCreate | RoomChange, topic: str | None
) -> None:
    plugin = ShortcodesPlugin(ShortcodesPlugin.Config(extra={}))
    changed = plugin.change_action(action)
    assert changed == (None if topic is None else msgspec.structs.replace(action, topic=topic))


@pytest.mark.parametrize(
    "action",
    [
        RoomChange(room="r", name=None, topic=None, description=":fire:"),
        RoomCreate(kind=RoomKind.PUBLIC, name="n", topic="", members=(), description=":fire:"),
    ],
)
def test_descriptions_of_rooms_are_replaced_too(action: RoomCreate | RoomChange) -> None:
    changed = ShortcodesPlugin(ShortcodesPlugin.Config(extra={})).change_action(action)
    assert changed == msgspec.structs.replace(action, description="🔥")


async def test_the_list_has_all_names_and_no_arguments() -> None:
    settings = {"plugin.shortcodes.extra": {"logo": "◆"}}
    async with running("shortcodes", settings=settings) as chat:
        ada = await chat.user("ada")
        emoji = (await ada.call("shortcodes.list"))["emoji"]
        assert emoji == {**EMOJI} | {"logo": "◆"}
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await ada.call("shortcodes.list", more=1)
        (part,) = (await chat.http("GET", "/api/v1/page")).json["parts"]
        assert part["plugin"] == "shortcodes"
        assert (await chat.http("GET", part["modules"][0])).status == 200


async def test_emoji_to_choose_come_in_groups_with_words_of_the_reader() -> None:
    settings = {"plugin.shortcodes.extra": {"logo": "◆"}}
    async with running("shortcodes", settings=settings) as chat:
        ada = await chat.user("ada")
        answer = await ada.call("shortcodes.groups", language="ja")
        groups = {group["group"]: group["emoji"] for group in answer["groups"]}
        assert list(groups)[:2] == ["smileys", "people"] and answer["extra"] == {"logo": "◆"}
        party = next(emoji for emoji in groups["smileys"] if emoji["text"] == "🥳")
        assert party["words"] == "パーティーの顔" and party["names"] == ["partying_face"]
        thumb = next(emoji for emoji in groups["people"] if emoji["text"] == "👍")
        assert thumb["has_tones"] and "+1" in thumb["names"]
        plain = (await ada.call("shortcodes.groups"))["groups"]
        assert all("words" not in emoji for group in plain for emoji in group["emoji"])
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await ada.call("shortcodes.groups", language=1)


async def test_no_picture_takes_the_name_of_an_emoji() -> None:
    async with running("disk_blobs", "emoji", "shortcodes") as chat:
        ada = await chat.user("ada")
        given = {"name": "heart", "picture": b64encode(png()).decode()}
        answer = await ada.http("POST", "/api/v1/emoji", given)
        error = answer.json["error"]
        assert (answer.status, error["code"]) == (422, "action.refused")
        assert "❤️" in error["message"]
        assert (await ada.http("POST", "/api/v1/emoji", given | {"name": "hearty"})).status == 201
