"""The client for JavaScript, as it is packed, for a compiler and in a browser."""

import json
import shutil
from pathlib import Path

import pytest

from tests.client_js.programs import ROOT, installed
from tests.page.people import PersonFactory, Server
from tests.page.tools import page_tool

OPTIONS = {
    "strict": True,
    "noEmit": True,
    "target": "es2023",
    "module": "nodenext",
    "lib": ["es2023", "dom"],
    "types": [],
}
PROGRAM = """
import { ChatError, connect, type Gap, type RoomView } from "chatserver-client";

const chat = await connect({ url: "https://chat.example.org", token: "t", positions: { r: 1 }, epoch: "e" });
const joined: RoomView = await chat.request("join", { room: "r" });
const { text } = await chat.request("command", { room: "r", text: "/me waves", client_id: "c" });
await chat.request("rooms");
const answer: unknown = await chat.request("polls.vote", { anything: [1] });
const seq: number = (await chat.send(joined.id, text ?? "text", { reply_to: "m" })).seq;
const stop: () => void = chat.onNotice((notice) => notice.ev === "typing" && console.log(notice.room));
try {
  for await (const event of chat.events()) {
    if (event.ev === "message.posted") console.log(event.body.length, event.author.name, seq, answer);
    else if (event.ev === "room.changed") console.log(event.kind === "private");
    else if (event.ev === "gap") { const gap: Gap = event; console.log(gap.head); }
  }
} catch (error) {
  if (error instanceof ChatError && error.code === "limit.rate") console.log(error.after_ms, error.close);
}
stop();
chat.close();
"""
MISTAKES = {
    "no such operation": 'await chat.request("jion", { room: "r" });',
    "a field is missing": 'await chat.request("join", {});',
    "all fields are missing": 'await chat.request("join");',
    "a field of another type": 'await chat.request("history", { room: "r", limit: "10" });',
    "no such field of the answer": '(await chat.request("join", { room: "r" })).title;',
    "no such option": 'await connect({ url: "u", tokn: "t" });',
    "no such field of a message": 'await chat.send("r", "text", { replyTo: "m" });',
    "not of every event": "for await (const event of chat.events()) event.body;",
    "no such event": 'for await (const event of chat.events()) event.ev === "message.gone";',
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("npm"))


def test_a_compiler_knows_what_is_right_and_what_is_wrong(folder: Path) -> None:
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    begin = (
        'import { connect } from "chatserver-client";\nconst chat = await connect({ url: "u" });\n'
    )
    (folder / "right.ts").write_text(PROGRAM, encoding="utf-8")
    shutil.copy(ROOT / "docs/examples/last_words.ts", folder)
    for number, mistake in enumerate(MISTAKES.values()):
        (folder / f"wrong{number}.ts").write_text(
            f"{begin}{mistake}\nexport {{}};\n", encoding="utf-8"
        )
    config = {"compilerOptions": OPTIONS, "include": ["*.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
    done = page_tool("tsc", "--project", str(folder), "--pretty", "false")
    errors = [line for line in done.stdout.splitlines() if ": error TS" in line]
    wrong = {Path(line.partition("(")[0]).name for line in errors}
    assert wrong == {f"wrong{number}.ts" for number in range(len(MISTAKES))}, (
        done.stdout + done.stderr
    )


def test_the_package_says_what_its_modules_do() -> None:
    done = page_tool("tsc", "--project", "tests/page/tsconfig.client.json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_page_uses_it_with_the_cookie_of_who_is_signed_in(
    server: Server, person: PersonFactory, folder: Path
) -> None:
    dana = person(server).sign_up("dana-client", "Dana")
    package = folder / "node_modules/chatserver-client"
    dana.page.route(
        "**/packed/*",
        lambda route: route.fulfill(
            path=package / route.request.url.rpartition("/")[2], content_type="text/javascript"
        ),
    )
    said = dana.page.evaluate(
        """async (url) => {
          const { connect } = await import(`${url}/packed/index.js`);
          const chat = await connect({ url });
          const { id } = await chat.request("create", { name: "Packed" });
          await chat.send(id, "from a page");
          for await (const event of chat.events()) {
            if (event.ev !== "message.posted") continue;
            chat.close();
            return [event.room === id, event.body];
          }
        }""",
        server.url,
    )
    assert said == [True, "from a page"]
