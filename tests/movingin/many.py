"""Exports with many messages, written piece by piece: `python -m tests.movingin.many slack 100000 FILE` makes one.

How long such an import takes, and how much memory, is in docs/moving-in.md.
"""

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.movingin import (
    discord_export,
    discord_package,
    mattermost_export,
    rocketchat_export,
    slack_export,
    zulip_export,
)
from tests.movingin.packing import foldered

A_FILE = 1000  # messages
TEXT = "A message of some length, number {}, with a :tada: and a word for everybody who reads it."


def slack(path: Path, messages: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in slack_export.export().items():
            if name.count("/") == 0:
                pack.writestr(name, json.dumps(content))
        people = (slack_export.ANNA, slack_export.BEN, slack_export.CAROL)
        for day, numbers in enumerate(_files(messages)):
            said = []
            for number in numbers:
                more: dict[str, Any] = {}
                if number % 10 == 3:
                    more = {"thread_ts": slack_export.ts(number - number % 1000)}
                if number % 7 == 0:
                    more["reactions"] = [{"name": "tada", "users": list(people)}]
                said.append(
                    slack_export.said(number, people[number % 3], TEXT.format(number), **more)
                )
            pack.writestr(f"general/{2000 + day // 300}-01-{day % 300:02}.json", json.dumps(said))


def mattermost(path: Path, messages: int) -> None:
    with path.open("wb") as file:
        kinds = ("version", "team", "channel", "user")
        for line in mattermost_export.LINES:
            if line["type"] in kinds:
                file.write(json.dumps(line).encode() + b"\n")
        for number in range(messages):
            post = mattermost_export.post(number, ("anna", "ben")[number % 2], TEXT.format(number))
            file.write(json.dumps(mattermost_export.line("post", post)).encode() + b"\n")


def zulip(path: Path, messages: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as pack:
        pack.writestr("export/realm.json", json.dumps(zulip_export.REALM))
        for part, numbers in enumerate(_files(messages), 1):
            said = [
                zulip_export.message(
                    number, zulip_export.ANNA, 101, TEXT.format(number), subject=f"t{number % 50}"
                )
                for number in numbers
            ]
            content = {"zerver_message": said, "zerver_usermessage": []}
            pack.writestr(f"export/messages-{part:06}.json", json.dumps(content))


def rocketchat(path: Path, messages: int) -> None:
    path.mkdir()
    for name, content in rocketchat_export.exported().items():
        if "message" not in name and "/" not in name:
            (path / name).write_bytes(content)
    with (path / "rocketchat_message.json").open("wb") as file:
        for number in range(messages):
            said = rocketchat_export.said(
                f"m{number}", number, "GENERAL", "uben", TEXT.format(number)
            )
            said["ts"] = {"$date": said["ts"].isoformat().replace("+00:00", "Z")}
            file.write(json.dumps(said).encode() + b"\n")


def discord(path: Path, messages: int) -> None:
    path.mkdir()
    head = json.dumps({**discord_export.GENERAL, "messages": []}, indent=2)
    begin, end = head.split("[]", 1) if head.count("[]") == 1 else head.rsplit("[]", 1)
    with (path / "general.json").open("w") as file:
        file.write(f"{begin}[\n")
        for number in range(messages):
            said = discord_export.said(
                str(10_000 + number), 0, discord_export.ANNA, TEXT.format(number)
            )
            minute, second = divmod(number, 60)
            hour, minute = divmod(minute, 60)
            said["timestamp"] = (
                f"2023-11-{14 + hour // 24:02}T{hour % 24:02}:{minute:02}:{second:02}Z"
            )
            file.write(("," if number else "") + json.dumps(said, indent=2))
        file.write(f"]{end}")


def discord_packages(path: Path, messages: int) -> None:
    """Two packages, of which one has JSON and the other CSV."""
    for name, files in (("anna", discord_package.anna()), ("ben", discord_package.ben())):
        kept = ("user.json", "500/channel.json")
        foldered(path / name, {key: each for key, each in files.items() if key.endswith(kept)})
    each = [
        discord_package.said(
            discord_package.snowflake(number),
            discord_package.time_text(number),
            TEXT.format(number),
        )
        for number in range(messages, 0, -1)
    ]
    newer, older = each[: messages // 2], each[messages // 2 :]
    as_json = json.dumps(newer, indent=2).encode()
    (path / "anna/Nachrichten/c500/messages.json").write_bytes(as_json)
    (path / "ben/messages/500/messages.csv").write_bytes(discord_package.table(*older))


def _files(messages: int) -> Iterator[range]:
    for start in range(0, messages, A_FILE):
        yield range(start, min(start + A_FILE, messages))


MADE: dict[str, Callable[[Path, int], None]] = {
    "slack": slack,
    "mattermost": mattermost,
    "zulip": zulip,
    "rocketchat": rocketchat,
    "discord": discord,
    "discord-packages": discord_packages,
}

if __name__ == "__main__":
    MADE[sys.argv[1]](Path(sys.argv[3]), int(sys.argv[2]))
