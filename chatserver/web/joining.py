"""Joins the ES modules of a page into one script, so that a browser gets them by one request and not by a chain.

Each module becomes a block, which has a scope of its own, after the modules that it imports. Its exports are kept by
name. A module that is imported with `import("./x.js")` becomes a script of its own, with what it alone needs; what
several of them need, and the first script does not, is in one script that is loaded beside any of them. Lines stay what
they are but for comments, indentation and empty ones, and a source map leads each of them back to its file.

Only what the page uses is understood: imports by relative path and exports of functions, classes and constants, each
at the start of a line. Anything else is refused, and the page's files are served one by one.
"""

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

_IMPORT = re.compile(r"""^import\s+(?:(?P<names>[^"';()]+?)\s+from\s+)?"(?P<path>[^"]+)";?""", re.M)
_LATER = re.compile(r'\bimport\("(?P<path>\.[^"]+)"\)')
_DECLARED = re.compile(
    r"^export (?=(?:(?:async )?function\*?|class|const) +(?P<name>[\w$]+))", re.M
)
_DEFAULT = re.compile(
    r"^export default (?P<kept>(?:(?:async )?function\*?|class) +(?P<name>[\w$]+))?", re.M
)
_LISTED = re.compile(r"^export \{(?P<names>[^}]*)\};?(?!\s*from)", re.M)
_COMMENT = re.compile(
    r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)[ \t]*$", re.M
)  # whole lines of them
# A comment behind code, whose texts in quotes are whole.
_ASIDE = re.compile(
    r"""^((?:[^"'`/\n]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\\n])*`|/(?!/))+?)[ \t]+// .*$"""
)
_LEFT = re.compile(
    r"""\bimport\b\s*(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}\s*|\*\s*as\s+[\w$]+\s*)?(?:from\s*)?["']"""
    r"|\bexport\s*(?:[{*]|(?:default|const|let|var|function|class|async)\b)|\bimport\.meta\b(?!\.url)"
)
_FIRST = """\
const $modules = {}, $scripts = {};
const $run = (script, before) => ($scripts[script] ??= Promise.all([import(script), before])
  .then(([{ default: run }]) => run($modules, $load))
  .catch((error) => { delete $scripts[script]; throw error; }));
const $load = async (name, script, shared) => {
  if (!$modules[name]) await $run(script, shared && $run(shared));
  return $modules[name];
};
"""
_OTHER = "export default async ($modules, $load) => {"
_SHARED = "shared.js"  # what several of the other scripts need
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class NotJoinable(Exception):
    """The modules have to be served one by one; the message names the module and the reason."""


class _Module(NamedTuple):
    text: str
    lines: list[str]  # of its body, if they are the same in every script; else empty
    imported: dict[str, list[str]]  # names by module
    later: list[str]  # modules that are loaded when they are used
    exported: dict[str, str]  # by the name outside, that inside


def join(root: Path, entry: str) -> dict[str, bytes]:
    """Scripts and their source maps by path below a common folder, beside `root`; the one of `entry` comes first.

    Raises `NotJoinable`, and `OSError` if a module is missing.
    """
    modules = _read(root, entry)
    for name, module in modules.items():
        for source, wanted in module.imported.items():
            if missing := set(wanted) - {*modules[source].exported, "*"}:
                raise NotJoinable(f"{name}: {source} does not export {min(missing)}")
    later = list(dict.fromkeys(path for module in modules.values() for path in module.later))
    first = list(_in_order(modules, [entry]))
    needed = {path: set(_in_order(modules, [path])) - set(first) for path in later}
    wanted = [name for name in modules if sum(name in theirs for theirs in needed.values()) > 1]
    shared = [name for name in _in_order(modules, wanted) if name not in first]
    if _SHARED in modules:
        raise NotJoinable(f"{_SHARED} is the name of a script that is made")
    places = {path: _places(path, needed[path], shared) for path in later}
    scripts = _script(modules, entry, first, entry, places)
    if shared:
        scripts |= _script(modules, _SHARED, shared, entry, places)
    for path in later:
        if path not in first and path not in shared:
            own = [name for name in _in_order(modules, [path]) if name in needed[path]]
            scripts |= _script(
                modules, path, [name for name in own if name not in shared], entry, places
            )
    return scripts


def _places(path: str, needed: set[str], shared: Sequence[str]) -> list[str]:
    """The script that has a module, and the one that has to run before it, if there is one."""
    if path in shared:
        return [_SHARED]
    return [path, _SHARED] if needed.intersection(shared) else [path]


def _read(root: Path, entry: str) -> dict[str, _Module]:
    """The module and all that it leads to, by path below `root`."""
    found: dict[str, _Module] = {}
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = _parse(path, (root / path).read_text(encoding="utf-8"))
            waiting += [*found[path].imported, *found[path].later]
    return found


def _parse(path: str, text: str) -> _Module:
    imported: dict[str, list[str]] = {}
    exported: dict[str, str] = {}
    for match in _IMPORT.finditer(text):
        wanted = imported.setdefault(_resolved(path, match["path"]), [])
        wanted += [outside for outside, _ in _names(match["names"] or "")]
    # Looks for plain texts before those by regular expressions take half of their time at each start.
    found = _LATER.finditer(text) if "import(" in text else ()
    later = [_resolved(path, match["path"]) for match in found]
    for match in _DECLARED.finditer(text):
        exported[match["name"]] = match["name"]
    for match in _DEFAULT.finditer(text):
        exported["default"] = match["name"] or "$default"
    for match in _LISTED.finditer(text):
        exported |= {outside: inside for inside, outside in _names(f"{{{match['names']}}}")}
    body = _body(path, text, path, path, {})
    if ("import" in body or "export" in body) and (left := _LEFT.search(body)):
        raise NotJoinable(f"{path}: {left[0]!r} is not understood")
    is_the_same = not later and "import.meta.url" not in text
    return _Module(text, body.splitlines() if is_the_same else [], imported, later, exported)


def _resolved(path: str, target: str) -> str:
    """A target of `path`, below the same root."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target.startswith(".") or found.startswith(".."):
        raise NotJoinable(f"{path}: {target} is not a path below the page's folder")
    return found


def _names(clause: str) -> Iterator[tuple[str, str]]:
    """What an import or export clause names, as pairs of the name before and the name after `as`."""
    default, brace, listed = clause.partition("{")
    for part in default.split(","):
        if found := re.fullmatch(r"\*\s+as\s+([\w$]+)", part.strip()):
            yield "*", found[1]
        elif part.strip():
            yield "default", part.strip()
    for part in listed.rstrip().removesuffix("}").split(",") if brace else ():
        if part.strip():
            before, _, after = part.strip().partition(" as ")
            yield before.strip(), (after or before).strip()


def _in_order(modules: dict[str, _Module], wanted: Iterable[str]) -> Iterator[str]:
    """The modules and all that they import, each after those. Raises `NotJoinable` for a circle."""
    done: dict[str, bool] = {}  # false while its imports are visited

    def visit(name: str) -> Iterator[str]:
        if done.get(name) is False:
            raise NotJoinable(f"{name} imports itself, by way of others")
        if name not in done:
            done[name] = False
            for source in modules[name].imported:
                yield from visit(source)
            done[name] = True
            yield name

    for name in wanted:
        yield from visit(name)


def _body(
    path: str, text: str, script: str, entry: str, places: Mapping[str, Sequence[str]]
) -> str:
    """The lines of a module with this text, as part of the script at `script`; comments are empty lines.

    `places` has, for each module that is loaded when it is used, the script that has it and what runs before.
    """

    def importing(match: re.Match[str]) -> str:
        source = json.dumps(_resolved(path, match["path"]))
        names = [(before, after) for before, after in _names(match["names"] or "") if before != "*"]
        whole = [after for before, after in _names(match["names"] or "") if before == "*"]
        pairs = ", ".join(
            before if before == after else f"{before}: {after}" for before, after in names
        )
        parts = [f"const {{ {pairs} }} = $modules[{source}];"] if pairs else []
        parts += [f"const {name} = $modules[{source}];" for name in whole]
        return " ".join(parts) + "\n" * match[0].count("\n")

    def loading(match: re.Match[str]) -> str:
        target = _resolved(path, match["path"])
        start = posixpath.dirname(entry) or "."
        scripts = [f"./{posixpath.relpath(place, start)}" for place in places.get(target, [target])]
        return f"$load({', '.join(map(json.dumps, [target, *scripts]))})"

    here = json.dumps(_relative(path, script))
    text = _COMMENT.sub(_unless_quoted, text)
    text = _IMPORT.sub(importing, text)
    if "import(" in text:
        text = _LATER.sub(loading, text)
    if "export default" in text:
        text = _DEFAULT.sub(lambda match: match["kept"] or "const $default = ", text)
    text = _DECLARED.sub("", text)
    text = _LISTED.sub(_blank, text)
    return text.replace("import.meta.url", f"new URL({here}, import.meta.url).href")


def _thinned(lines: Iterable[str]) -> Iterator[str | None]:
    """The lines without indentation, and without comments behind code; None for an empty one.

    Lines of a template stay what they are.
    """
    in_template = False
    for line in lines:
        if in_template:
            yield line
        else:
            aside = _ASIDE.match(line) if "//" in line else None
            yield (aside[1] if aside else line).strip() or None
        in_template ^= "`" in line and line.count("`") % 2 == 1


def _unless_quoted(comment: re.Match[str]) -> str:
    """Nothing but the comment's line ends; within a template of several lines, it is no comment."""
    is_quoted = comment.string.count("`", 0, comment.start()) % 2
    return comment[0] if is_quoted else _blank(comment)


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _relative(path: str, script: str) -> str:
    """The address of a module as seen from a script of the folder beside the modules."""
    return "../" * (script.count("/") + 1) + path


def _script(
    modules: dict[str, _Module],
    script: str,
    names: Sequence[str],
    entry: str,
    places: Mapping[str, Sequence[str]],
) -> dict[str, bytes]:
    """The script of these modules, and its source map. All but the first script are functions that it calls."""
    before, after = (_FIRST, "") if script == entry else (_OTHER, "};")
    lines = before.splitlines()
    mappings: list[tuple[int, int] | None] = [None] * len(lines)  # index of the module, and line
    for index, name in enumerate(names):
        module = modules[name]
        all_lines = module.lines or _body(name, module.text, script, entry, places).splitlines()
        body = [(line, text) for line, text in enumerate(_thinned(all_lines)) if text is not None]
        given = ", ".join(
            outside if outside == inside else f"{outside}: {inside}"
            for outside, inside in module.exported.items()
        )
        lines += [
            "{",
            *(text for _, text in body),
            f"$modules[{json.dumps(name)}] = {{ {given} }};",
            "}",
        ]
        mappings += [None, *((index, line) for line, _ in body), None, None]
    lines += [*after.splitlines(), f"//# sourceMappingURL={posixpath.basename(script)}.map", ""]
    source_map = {
        "version": 3,
        "sources": [_relative(name, script) for name in names],
        "names": [],
        "mappings": _encoded(mappings),
    }
    return {
        script: "\n".join(lines).encode(),
        f"{script}.map": json.dumps(source_map).encode(),
    }


def _encoded(mappings: Iterable[tuple[int, int] | None]) -> str:
    """The lines' origins in the form of ECMA-426, source maps: each field as the difference to the one before."""
    last_index = last_line = 0
    lines: list[str] = []
    for origin in mappings:
        if origin is None:
            lines.append("")
            continue
        index, line = origin
        lines.append(f"A{_vlq(index - last_index)}{_vlq(line - last_line)}A")
        last_index, last_line = index, line
    return ";".join(lines)


@cache
def _vlq(number: int) -> str:
    """A number as a variable-length quantity: five bits a digit, the lowest bit is the sign."""
    rest, text = abs(number) << 1 | (number < 0), ""
    while True:
        digit, rest = rest & 31, rest >> 5
        text += _DIGITS[digit | (32 if rest else 0)]
        if not rest:
            return text
