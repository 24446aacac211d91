"""Modules that are joined into one script do what they do one by one."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from chatserver.web.joined_page import WORKER
from chatserver.web.joining import NotJoinable, join

STATIC = Path(__file__).parents[2] / "static"
MODULES = {
    "app.js": """\
import { add, Sum as Total } from "./lib/sum.js";
import words from "./texts/en.js";
import * as all from "./lib/sum.js";
import {
  place,
} from "./lib/place.js";
import "./lib/effect.js";

const hidden = 3;
const out = [add(1, 2), new Total().of(hidden), words.hello, all.limit, place, globalThis.effects];
const later = await import("./parts/one.js");
const again = await import("./parts/one.js");
const two = await import("./parts/two.js");
console.log(JSON.stringify([...out, later.one(), later === again, two.default, two.same(later.shared)]));
if (globalThis.process?.env.FAIL) (await import("./parts/two.js")).fail();
""",
    "lib/sum.js": """\
/**
 * Adds. import { nothing } from "./nowhere.js"
 */
import { hidden } from "./base.js";
export const limit = `7
// not a comment`;
export function add(a, b) { return a + b + hidden; }
export class Sum {
  of(x) { return add(x, x); }
}
""",
    "lib/base.js": "const other = 10;\nexport { other as hidden };\n",
    "lib/place.js": "export const place = new URL('../x', import.meta.url).pathname.split('/').at(-1);\n",
    "lib/effect.js": "globalThis.effects = (globalThis.effects ?? 0) + 1;\n",
    "lib/shared.js": 'import "./effect.js";\nexport const shared = {};\n',
    "texts/en.js": 'export default {\n  "hello": "Hello",\n};\n',
    "parts/one.js": """\
import { add } from "../lib/sum.js";
import { shared } from "../lib/shared.js";
import { own } from "./own.js";
export { shared };
export async function* many() {}
export const one = () => add(own, 1);
""",
    "parts/own.js": "export const own = 100;\n",
    "parts/two.js": """\
import { shared } from "../lib/shared.js";
export default function name() {}
export const same = (other) => other === shared;
export function fail() {
  throw new Error("here");
}
""",
}


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "node (20 or newer) is not installed"
        )
    return found


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def run(node: str, script: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [node, "--enable-source-maps", str(script)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | environ
    )


def test_the_joined_script_does_what_the_modules_do(node: str, tmp_path: Path) -> None:
    root = write(tmp_path, MODULES | {"package.json": '{"type": "module"}'})
    scripts = join(root, "app.js")
    assert [name for name in scripts if name.endswith(".js")] == [
        "app.js",
        "shared.js",
        "parts/one.js",
        "parts/two.js",
    ]
    assert [name for name, script in scripts.items() if b"own = 100" in script] == ["parts/one.js"]
    assert [name for name, script in scripts.items() if b"shared = {}" in script] == ["shared.js"]
    write(tmp_path / "joined", scripts)
    apart, joined = run(node, root / "app.js"), run(node, root / "joined/app.js")
    assert apart.returncode == joined.returncode == 0, apart.stderr + joined.stderr
    assert json.loads(apart.stdout) == json.loads(joined.stdout)
    assert len(json.loads(joined.stdout)) == 10


def test_an_error_names_the_line_of_the_module(node: str, tmp_path: Path) -> None:
    root = write(tmp_path, MODULES | {"package.json": '{"type": "module"}'})
    write(tmp_path / "joined", join(root, "app.js"))
    failed = run(node, root / "joined/app.js", FAIL="1")
    line = MODULES["parts/two.js"].splitlines().index('  throw new Error("here");') + 1
    assert re.search(rf"{re.escape(str(root))}/parts/two\.js:{line}\b", failed.stderr), (
        failed.stderr
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"lib/base.js": "export let hidden = 1;\n"},
        {"lib/base.js": "export const { hidden } = {};\n"},
        {"lib/base.js": 'export * from "./sum.js";\n'},
        {"lib/base.js": 'export { add as hidden } from "./effect.js";\n'},
        {"lib/base.js": "const a = 1;export{a as hidden};\n"},
        {"lib/base.js": "export const given = 1;\n"},
        {"lib/base.js": 'import { add } from "./sum.js";\nexport const hidden = 1;\n'},
        {"lib/base.js": 'import { h } from "preact";\nexport const hidden = 1;\n'},
        {"lib/base.js": 'import { h } from "../../outside.js";\nexport const hidden = 1;\n'},
        {"lib/effect.js": "const a = 1;import{b}from'./base.js';\n"},
        {"lib/effect.js": "console.log(import.meta.env);\n"},
        {"lib/effect.js": 'import "../shared.js";\n', "shared.js": ""},
    ],
)
def test_what_is_not_understood_is_refused(changed: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(NotJoinable):
        join(write(tmp_path, MODULES | changed), "app.js")


def test_our_own_page_is_joined_as_a_whole() -> None:
    scripts = join(STATIC, "app.js")
    named = {
        re.sub(r"^(\.\./)+", "", source)
        for name, data in scripts.items()
        if name.endswith(".map")
        for source in json.loads(data)["sources"]
    }
    assert named == {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")} - {
        WORKER
    }
    assert next(iter(scripts)) == "app.js"
    for texts in ("texts/en.js", "texts/ja.js"):
        assert texts in scripts and texts.encode() in scripts["app.js"]
