"""Reads what systems post to incoming webhooks of Slack. After its documentation "Incoming webhooks" and "Block Kit".

What a message of ours cannot show is left out: colours, pictures, menus. So is what a sender says of the room, the
author's name and picture, which are the hook's. Fields that make no sense are as if they were not there.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from chatserver import ChatError, from_mrkdwn

FORM = "application/x-www-form-urlencoded"
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)
MARKS = {"strike": "~", "italic": "_", "bold": "*"}  # from the inner one to the outer
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def text_of(body: bytes, content_type: str, most: int) -> str:
    """The text of a message for Slack, in our Markdown; `most` is the number of characters that are translated.

    Raises `ChatError` request.invalid, limit.size.
    """
    try:
        payload = _decode(_json(body, content_type))
    except UNREADABLE as error:
        raise ChatError("request.invalid", f"expected a message for Slack: {error}") from error
    shown = _joined(_blocks(payload)) or _text(payload.get("text"))
    parts = [shown, *(_attached(each) for each in _list(payload, "attachments"))]
    if sum(map(len, parts)) > most:
        raise ChatError("limit.size", f"Expected at most {most} characters for Slack.")
    text = "\n".join(filter(None, map(_ours, parts)))
    if not text:
        raise ChatError("request.invalid", "text: expected one, or blocks or attachments with one.")
    return text


def _json(body: bytes, content_type: str) -> bytes | str:
    """The JSON of a body, which may be the field `payload` of a form."""
    if content_type.partition(";")[0].strip().lower() != FORM or body.lstrip().startswith(b"{"):
        return body
    return parse_qs(body.decode(), max_num_fields=20).get("payload", [""])[0]


def _attached(attachment: Mapping[str, Any]) -> str:
    title = _text(attachment.get("title"))
    lines = [
        _text(attachment.get("pretext")),
        _text(attachment.get("author_name")),
        _link(attachment.get("title_link"), title) if title else "",
        _text(attachment.get("text")),
        *_blocks(attachment),
        *(
            f"{_bold(_text(field.get('title')))} {_text(field.get('value'))}".strip()
            for field in _list(attachment, "fields")
        ),
        *(_button(action) for action in _list(attachment, "actions")),
    ]
    return _joined(lines) or _text(attachment.get("fallback"))


def _blocks(parent: Mapping[str, Any]) -> list[str]:
    return [line for block in _list(parent, "blocks") for line in _block(block)]


def _block(block: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a block."""
    elements = _list(block, "elements")
    match block.get("type"):
        case "header":
            yield _bold(_text(block.get("text")))
        case "section":
            yield _text(block.get("text"))
            yield from (_text(field) for field in _list(block, "fields"))
            yield _button(block.get("accessory"))
        case "context":
            yield " ".join(filter(None, (_text(element) for element in elements)))
        case "actions":
            yield " ".join(filter(None, (_button(element) for element in elements)))
        case "image":
            label = _text(block.get("title")) or _escaped(block.get("alt_text")) or "🖼"
            yield _link(block.get("image_url"), label)
        case "rich_text":
            for element in elements:
                yield from _rich(element)


def _rich(element: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a part of rich text."""
    match element.get("type"):
        case "rich_text_list":
            is_numbered = element.get("style") == "ordered"
            for number, item in enumerate(_list(element, "elements"), 1):
                yield (f"{number}. " if is_numbered else "- ") + _runs(item)
        case "rich_text_quote":
            yield "\n".join(f"> {line}" for line in _runs(element).split("\n"))
        case "rich_text_preformatted":
            yield f"```\n{_runs(element)}\n```"
        case _:
            yield _runs(element)


def _runs(element: Mapping[str, Any]) -> str:
    return "".join(_run(each) for each in _list(element, "elements")).strip("\n")


def _run(run: Mapping[str, Any]) -> str:
    match run.get("type"):
        case "text":
            return _styled(_escaped(run.get("text")), run.get("style"))
        case "link":
            return _link(run.get("url"), _escaped(run.get("text")))
        case "emoji":
            return f":{_escaped(run.get('name'))}:"
        case "user":
            return f"<@{_escaped(run.get('user_id'))}>"
        case "broadcast":
            return f"<!{_escaped(run.get('range'))}>"
    return ""


def _styled(text: str, style: object) -> str:
    """Marks stand at the words, not at the blanks around them."""
    inside = text.strip()
    if not inside or not isinstance(style, Mapping):
        return text
    shown = inside
    if style.get("code"):  # in which no others count
        return text.replace(inside, f"`{inside}`", 1)
    for name, mark in MARKS.items():
        shown = f"{mark}{shown}{mark}" if style.get(name) else shown
    return text.replace(inside, shown, 1)


def _button(element: object) -> str:
    """A button that opens an address; nothing else that one may press works here."""
    if not isinstance(element, Mapping):
        return ""
    text = _text(element.get("text"))
    return _link(element.get("url"), text) if element.get("url") and text else ""


def _link(address: object, label: str) -> str:
    found = _escaped(address).replace("|", "%7C")
    if not found:
        return label
    return f"<{found}|{label}>" if label and "\n" not in label else f"<{found}>"


def _bold(text: str) -> str:
    return f"*{text}*" if text and "*" not in text and "\n" not in text else text


def _text(value: object) -> str:
    """A text with Slack's marks: a string, a number, or an object with one."""
    if isinstance(value, Mapping):
        found = value.get("text")
        return _escaped(found) if value.get("type") == "plain_text" else _text_alone(found)
    return _text_alone(value)


def _text_alone(value: object) -> str:
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else ""


def _escaped(value: object) -> str:
    """A text that has no marks, so that nothing in it is taken for a link or mention."""
    return _text_alone(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _list(parent: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = parent.get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _joined(lines: list[str]) -> str:
    return "\n".join(filter(None, lines))


def _ours(text: str) -> str:
    """A text with Slack's marks as one of ours. Users of Slack are nobody here: their ids are left as they are."""
    return from_mrkdwn(text, lambda user: user)
