"""The make targets that the README names exist in the Makefile, and CI runs all that test something."""

import re

from tests.docs.pages import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_targets_and_variables_exist() -> None:
    commands = re.findall(r"^    make ([\w-]+)(.*)$", README, re.M)
    assert {target for target, _ in commands} >= {"run", "test"}
    for target, rest in commands:
        assert re.search(rf"^{target}:", MAKEFILE, re.M)
        for variable in re.findall(r"\b([A-Z]+)=", rest):
            assert f"({variable})" in MAKEFILE, variable


def test_ci_runs_all_tests() -> None:
    run = (ROOT / ".ci/run").read_text(encoding="utf-8")
    (looped,) = re.findall(r"^for target in (.+); do$", run, re.M)
    called = {*looped.split(), *re.findall(r"^make (test[\w-]*)", run, re.M)}
    (everything,) = re.findall(r"^test-all: ([\w -]+) ##", MAKEFILE, re.M)
    assert called == set(everything.split())
    assert {*everything.split(), "test-all"} == set(re.findall(r"^(test[\w-]*):", MAKEFILE, re.M))


def test_the_plugins_in_the_changes_are_those_that_come_with_it() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    listed = re.findall(r"`(\w+)`", changes.partition("Built in:")[2].partition("\n\n")[0])
    there = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert set(listed) == there
