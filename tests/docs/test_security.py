"""The page about security: complete, counted right, and what it names is there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.pages import ROOT
from tests.docs.test_architecture import names

TEXT = (ROOT / "docs/security.md").read_text(encoding="utf-8")
# The levels of the requirements of each section of ASVS 5.0.0, in order.
LEVELS = """
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123 2.1:122 2.2:112 2.3:12223 2.4:23 3.1:3 3.2:113 3.3:12223
3.4:11222233 3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 5.1:2 5.2:112333 5.3:113 5.4:222
6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222 7.1:222 7.2:1111 7.3:22
7.4:11222 7.5:223 7.6:22 8.1:1233 8.2:1123 8.3:133 8.4:23 9.1:111 9.2:1222 10.1:22 10.2:223 10.3:22223
10.4:1111122222233333 10.5:22222 10.6:22 10.7:222 11.1:2233 11.2:22233 11.3:11233 11.4:1222 11.5:23 11.6:23 11.7:33
12.1:12233 12.2:11 12.3:22223 13.1:2333 13.2:222223 13.3:2233 13.4:1222233 14.1:22 14.2:12223333 14.3:122
15.1:12233 15.2:12233 15.3:1222222 15.4:3333 16.1:2 16.2:22222 16.3:2222 16.4:222 16.5:2223 17.1:23 17.2:22223333
17.3:22
"""
LEAST_MET = 0.85  # of what applies
REFERENCE = re.compile(r"`((?:chatserver|config|deploy|docs|plugins|static|tests)/[^`\s]*)`")
CRYPTOGRAPHY = {"argon2", "cryptography", "hashlib", "hmac", "secrets", "ssl"}


class Row(NamedTuple):
    """A requirement that applies, as the page has it."""

    id: str
    asked: str
    level: str
    status: str
    how: str
    tests: str


def expected() -> dict[str, str]:
    """The ids of levels 1 and 2, with their level."""
    return {
        f"V{section}.{number}": level
        for section, levels in (each.split(":") for each in LEVELS.split())
        for number, level in enumerate(levels, 1)
        if level in "12"
    }


def section(title: str) -> str:
    """The text under a heading of the second order."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows() -> list[Row]:
    return [_row(item) for item in items(TEXT) if item.startswith("**V")]


def items(text: str) -> list[str]:
    """The items of all lists in the text, each in one line."""
    found = re.findall(r"^- (.*(?:\n  .*)*)", text, re.M)
    return [" ".join(item.split()) for item in found]


def _row(item: str) -> Row:
    described, _, tests = item.partition(" *Tests:* ")
    found = re.fullmatch(
        r"\*\*(V[\d.]+)\*\* (.+?) \(level (\d), (met|not met)\)\. (.+)\.", described
    )
    assert found is not None, f"a requirement has another form than the others: {item}"
    return Row(*found.groups(), tests=tests or "–")


def excluded() -> list[tuple[str, str]]:
    """The ids that do not apply, each with the level that stands before it."""
    return [
        (id, level)
        for item in items(section("Requirements that do not apply"))
        for level, listed in re.findall(r" Level (\d): ([^:]+)\.(?= Level|$)", item)
        for id in re.findall(r"V[\d.]+\d", listed)
    ]


def test_the_levels_are_those_of_the_standard() -> None:
    levels = list(expected().values())
    assert (levels.count("1"), levels.count("2")) == (70, 183)


def test_every_requirement_is_there_once_with_its_level() -> None:
    here = [(row.id, row.level) for row in rows()] + excluded()
    assert sorted(here) == sorted(expected().items())


def test_every_row_is_met_or_not_and_most_are() -> None:
    statuses = [row.status for row in rows()]
    assert set(statuses) == {"met", "not met"}
    assert statuses.count("met") >= LEAST_MET * len(statuses)


def test_the_page_counts_right() -> None:
    statuses = [row.status for row in rows()]
    said = re.search(
        r"(\d+) requirements apply: (\d+) are met, (\d+) are not\. \[(\d+) do not apply\]", TEXT
    )
    assert said is not None
    counts = (len(statuses), statuses.count("met"), statuses.count("not met"), len(excluded()))
    assert tuple(map(int, said.groups())) == counts


def test_met_requirements_have_tests_and_all_have_reasons() -> None:
    for row in rows():
        assert row.how.strip(), row.id
        assert row.status != "met" or row.tests != "–", row.id


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.id)
def test_its_tests_exist(row: Row) -> None:
    for reference in row.tests.split(", ") if row.tests != "–" else ():
        path, _, name = reference.strip("`").partition(":")
        assert path.startswith("tests/"), reference
        if path.endswith(".mjs"):
            assert re.search(r"^test\(", (ROOT / path).read_text(encoding="utf-8"), re.M)
        else:
            assert name.startswith("test_") and name in names(ROOT / path), reference


def test_every_file_that_the_page_names_exists() -> None:
    references = set(REFERENCE.findall(TEXT))
    assert len(references) > 100
    for reference in references:
        path, _, name = reference.partition(":")
        assert (ROOT / path).is_dir() if path.endswith("/") else (ROOT / path).is_file(), reference
        assert not name or name in names(ROOT / path), reference


def test_the_sections_that_rows_refer_to_are_there() -> None:
    anchors = set(re.findall(r"\[[Bb]elow\]\(#([\w-]+)\)", TEXT))
    titles = re.findall(r"^## (.+)$", TEXT, re.M)
    for anchor in anchors:
        title = next(each for each in titles if each.lower().replace(" ", "-") == anchor)
        assert len(re.findall(r"^(?:\| |- )", section(title), re.M)) >= 4, title
    assert len(anchors) > 6


def test_the_settings_that_the_page_names_exist() -> None:
    reference = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    named = {
        line.rpartition(".")[2]
        for line in re.findall(r"`((?:server|limits|logging|delivery|plugin\.\w+)\.\w+)`", TEXT)
    }
    assert len(named) > 10
    assert {key for key in named if f"- **`{key}`** (" not in reference} == set()


def test_the_list_of_passwords_is_as_long_as_the_page_says() -> None:
    words = (ROOT / "plugins/password/common.txt").read_text(encoding="ascii").split()
    row = next(row for row in rows() if row.id == "V6.2.4")
    assert (
        f"has {len(words):,} entries, of which {sum(len(word) >= 8 for word in words)} " in row.how
    )


def test_the_inventory_of_cryptography_has_every_file_that_uses_it() -> None:
    inventory = {path.partition(":")[0] for path in REFERENCE.findall(section("Cryptography"))}
    using = {path for path, tree in sources() if imported(tree) & CRYPTOGRAPHY}
    assert using == {path for path in inventory if path.endswith(".py")}


def test_no_broken_hash_is_used() -> None:
    for path, tree in sources():
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        used |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        # The published lists of breached passwords have SHA-1 digests; it protects nothing there.
        allowed = {"sha1"} if path == "plugins/password/breached.py" else set()
        assert not used & {"md5", "sha1", "new_md5", "sha224"} - allowed, path


def test_no_code_is_made_of_text_and_no_program_started_through_a_shell() -> None:
    modules = {"pickle", "marshal", "shelve", "yaml", "xml", "jinja2", "mako"}
    functions = {"eval", "exec", "create_subprocess_shell", "os.system", "os.popen", "getoutput"}
    for path, tree in sources():
        # It reads the files of deploy/ for a command, as nodes alone.
        reader = path == "chatserver/deployment/yamlfile.py"
        assert imported(tree) & modules <= ({"yaml"} if reader else set()), path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                if (name := ast.unparse(node.func)).startswith("yaml."):
                    assert name in ("yaml.compose_all", "yaml.YAMLError"), path
                assert called(node) not in functions, f"{path}:{node.lineno}"
                assert "shell" not in {key.arg for key in node.keywords}, f"{path}:{node.lineno}"


def test_the_field_for_the_password_is_masked_and_left_to_managers() -> None:
    field = (ROOT / "static/elements/sign-in.js").read_text(encoding="utf-8")
    assert 'type: "password"' in field
    assert '"new-password" : "current-password"' in field and 'autocomplete: "username"' in field
    # The composer alone, which has no password, looks at what is pasted: for files, and code.
    for path in (ROOT / "static").rglob("*.js"):
        if path.name not in ("message-composer.js", "composer-marks.js"):
            assert '"paste"' not in path.read_text(encoding="utf-8"), path


@cache
def sources() -> tuple[tuple[str, ast.Module], ...]:
    """The Python files of the server and its plugins, with their paths; not those for authors' tests."""
    return tuple((str(file.relative_to(ROOT)), ast.parse(file.read_bytes())) for file in _files())


def _files() -> Iterator[Path]:
    for folder in ("chatserver", "plugins"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if ROOT / "chatserver/testing" not in file.parents:
                yield file


def imported(tree: ast.Module) -> set[str]:
    """The modules that are imported, by their first name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def called(node: ast.Call) -> str:
    """The name of what is called; of a method or a module's function the last part, but for `os`."""
    name = ast.unparse(node.func)
    return name if name.startswith("os.") else name.rpartition(".")[2]
