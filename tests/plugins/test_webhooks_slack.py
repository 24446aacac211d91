"""What systems post to Slack is shown here with the same words and links, and nothing in it breaks a hook."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from chatserver import ChatError
from chatserver_plugins.webhooks.slack import FORM, text_of
from tests.plugins.test_webhooks_incoming import hooks

MOST = 1000


def shown(payload: object) -> str:
    return text_of(json.dumps(payload).encode(), "application/json", MOST)


def rich(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"blocks": [{"type": "rich_text", "elements": list(elements)}]}


def section(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(runs)}


def run(text: str, **style: bool) -> dict[str, Any]:
    return {"type": "text", "text": text, "style": style}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"text": "*Build 7* is <https://e.org|green> :tada:"}, "**Build 7** is [green](https://e.org) 🎉"),
        ({"text": "<!channel> a &lt; b, <@U12>"}, "@room a < b, U12"),
        ({"text": "of old", "blocks": []}, "of old"),
        ({"text": "of old", "blocks": [{"type": "divider"}]}, "of old"),
        ({"text": 7}, "7"),
    ],
)  # fmt: skip
def test_texts(payload: dict[str, Any], expected: str) -> None:
    assert shown(payload) == expected


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "header", "text": {"type": "plain_text", "text": "Up & <!here>"}}, "**Up & <!here>**"),
        ({"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}, "fields": [{"type": "plain_text", "text": "b"}, {"text": "_c_"}]}, "**a**\nb\n_c_"),
        ({"type": "section", "text": {"text": "a"}, "accessory": {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://e.org"}}, "a\n[Open](https://e.org)"),
        ({"type": "context", "elements": [{"type": "mrkdwn", "text": "by *ada*"}, {"type": "image", "image_url": "https://e.org/a.png", "alt_text": "x"}, {"type": "plain_text", "text": "today"}]}, "by **ada** today"),
        ({"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "See"}, "url": "https://e.org?a=1&b=2"}, {"type": "button", "text": {"type": "plain_text", "text": "Approve"}}]}, "[See](https://e.org?a=1&b=2)"),
        ({"type": "header", "text": "2 * 3"}, "2 * 3"),
        ({"type": "actions", "elements": [{"type": "button", "url": "https://e.org"}, {"type": "button", "text": "Two\nlines", "url": "https://e.org/a|b>c"}]}, "https://e.org/a%7Cb>c"),
        ({"type": "image", "image_url": "https://e.org/a.png", "title": {"type": "plain_text", "text": "Load"}}, "[Load](https://e.org/a.png)"),
        ({"type": "image", "image_url": "https://e.org/a.png", "alt_text": "A <chart>"}, "[A <chart>](https://e.org/a.png)"),
    ],
)  # fmt: skip
def test_blocks_take_the_place_of_the_text(block: dict[str, Any], expected: str) -> None:
    assert shown({"text": "in short", "blocks": [block]}) == expected


def test_rich_text() -> None:
    item = section(run("one "), {"type": "link", "url": "https://e.org", "text": "link"})
    payload = rich(
        section(
            run("bold ", bold=True),
            run("both", bold=True, italic=True),
            run(" <plain>", strike=False),
        ),
        {"type": "rich_text_list", "style": "ordered", "elements": [item, section(run("two\n"))]},
        {"type": "rich_text_list", "style": "bullet", "elements": [section(run("dot"))]},
        {"type": "rich_text_quote", "elements": [run("said\ntwice")]},
        {"type": "rich_text_preformatted", "elements": [run("a *b* <c>")]},
        section(
            {"type": "emoji", "name": "tada"},
            {"type": "broadcast", "range": "here"},
            {"type": "user", "user_id": "U1"},
            run(" ", bold=True),
            run(" code", code=True, bold=True),
        ),
    )
    assert shown(payload).split("\n") == [
        "**bold** **_both_** <plain>",
        "1. one [link](https://e.org)",
        "2. two",
        "- dot",
        "> said",
        "> twice",
        "```",
        "a *b* <c>",
        "```",
        "🎉@hereU1  `code`",
    ]


def test_attachments() -> None:
    attachment = {
        "fallback": "in short",
        "pretext": "*Alert*",
        "author_name": "Monitor",
        "title": "Disk full",
        "title_link": "https://e.org/7",
        "text": "on `db1`",
        "color": "danger",
        "fields": [{"title": "Free", "value": "1 %", "short": True}, {"title": "Load", "value": 7}],
        "actions": [{"type": "button", "text": "Silence", "url": "https://e.org/s"}],
    }
    assert shown({"attachments": [attachment, {"fallback": "the second"}, {"color": "good"}]}) == (
        "**Alert**\nMonitor\n[Disk full](https://e.org/7)\non `db1`\n**Free** 1 %\n**Load** 7\n"
        "[Silence](https://e.org/s)\nthe second"
    )


@pytest.mark.parametrize(
    "payload",
    [
        *({}, {"text": ""}, {"text": True}, {"text": None, "blocks": None, "attachments": None}),
        *({"text": ["a"]}, {"blocks": "no"}, {"blocks": [1, None, [], {"type": 7}]}),
        *([], "text", 7, None),
        {"blocks": [{"type": "section", "text": {"text": {"text": "deep"}}}]},
        {"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": 3}]}]},
        {"attachments": [{"title": {"a": 1}, "fields": [3], "actions": [None]}]},
    ],
)  # fmt: skip
def test_what_has_no_text_is_refused(payload: object) -> None:
    with pytest.raises(ChatError) as caught:
        shown(payload)
    assert caught.value.code == "request.invalid"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    for kind in ("application/json", FORM, ""):
        with pytest.raises(ChatError) as caught:
            text_of(body, kind, MOST)
        assert caught.value.code == "request.invalid"


def test_only_so_much_is_translated_in_all() -> None:
    """Of text alone, blocks and attachments together."""
    attachments = [{"text": "`a" * 200}] * 2
    assert shown({"text": "`a" * 100, "attachments": attachments}).count("a") == 500
    with pytest.raises(ChatError) as caught:
        shown({"text": "`a" * 100 + "b", "attachments": attachments})
    assert caught.value.code == "limit.size"


def test_a_form_of_many_fields_is_refused() -> None:
    form = urlencode({"payload": '{"text": "one"}'} | {f"field{number}": 1 for number in range(19)})
    assert text_of(form.encode(), FORM, MOST) == "one"
    with pytest.raises(ChatError, match="expected a message for Slack"):
        text_of(f"{form}&more=1".encode(), FORM, MOST)


async def test_a_hook_takes_what_is_meant_for_slack(tmp_path: Path) -> None:
    async with hooks(tmp_path, format="slack") as made:
        assert await made.post({"text": "*one*", "channel": "#else"}) == (200, b"ok")
        form = urlencode({"payload": json.dumps({"text": "<https://e.org|two> & more"})}).encode()
        header = {"Content-Type": f"{FORM}; charset=utf-8"}
        assert await made.post(form, given=header) == (200, b"ok")
        assert await made.post({"text": "three"}, given=header) == (200, b"ok")  # curl -d
        status, answer = await made.post({"body": "not Slack's"})
        assert (status, answer["error"]["code"]) == (400, "request.invalid")
        status, answer = await made.post({"text": "x"}, token="wrong")
        assert (status, answer["error"]["code"]) == (401, "auth.invalid")
        bodies = [each.body for each in await made.messages()]
        assert bodies == ["**one**", "[two](https://e.org) & more", "three"]
