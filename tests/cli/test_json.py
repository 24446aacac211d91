"""Every command that prints a table prints it as JSON too, in the shape that docs/commands.md shows."""

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import click
import msgspec
import pytest

from chatserver.cli import COMMANDS, main
from chatserver.cli.shapes import (
    BackupMade,
    BackupShown,
    BackupVerified,
    Checked,
    SettingShown,
    Steps,
)

from .conftest import Run

# Functions that print, or make, tables of a kind.
TABLES = {"print_table", "render_rows", "page"}


def commands(
    command: click.Command | None = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, also those that have commands below them."""
    command = command or main
    if path:
        yield path, command
    if isinstance(command, click.Group):
        with click.Context(command) as ctx:
            for name in command.list_commands(ctx):
                below = command.get_command(ctx, name)
                assert below is not None
                yield from commands(below, (*path, name))


ALL = dict(commands())


def names_used(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= names_used(constant)
    return found


def reached(function: Any, module: ModuleType, seen: set[str]) -> set[str]:
    """Names used by a function, and by the functions of its own module that it uses."""
    found = names_used(inspect.unwrap(function).__code__)
    for name in found - seen:
        other = vars(module).get(name)
        if isinstance(other, FunctionType) and other.__module__ == module.__name__:
            seen.add(name)
            found |= reached(other, module, seen)
    return found


def prints_a_table(command: click.Command) -> bool:
    callback = command.callback
    if callback is None:
        return False
    module = inspect.getmodule(inspect.unwrap(callback))
    assert module is not None
    return bool(reached(callback, module, set()) & TABLES)


def has_json(command: click.Command) -> bool:
    return any("--json" in option.opts for option in command.params)


def test_every_command_that_prints_a_table_has_json() -> None:
    printing = {" ".join(path) for path, command in ALL.items() if prints_a_table(command)}
    assert {"status", "jobs", "consumers list", "backup list", "drill", "config"} <= printing
    without = {path for path in printing if not has_json(ALL[tuple(path.split())])}
    assert without == set()


def test_a_command_without_json_would_be_found() -> None:
    module = ModuleType("careless")
    exec(CARELESS, vars(module))
    assert "print_table" in reached(module.command.callback, module, set())
    assert not has_json(module.command)


CARELESS = """
import click

@click.command()
def command():
    show()

def show():
    from chatserver.cli.table import print_table

    print_table((), ())
"""


def lines(text: str, kind: Any) -> list[Any]:
    return [msgspec.json.decode(line, type=kind) for line in text.splitlines()]


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The options for an installation on SQLite in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return ("--data", str(tmp_path / "data"), "--set", "plugins.enabled=sqlite,password")


def test_each_shape_is_what_is_printed(run: Run, real: tuple[str, ...]) -> None:
    assert lines(run("migrate", "--plan", "--json", *real).stdout, Steps)[0].done is False
    done = lines(run("migrate", "--json", *real).stdout, Steps)[0]
    assert done.done and len(done.steps) > 3
    assert lines(run("migrate", "--json", *real).stdout, Steps) == [Steps(steps=[], done=True)]
    (checked,) = lines(run("check", "--json", *real).stdout, Checked)
    assert checked.problems == [] and checked.notes
    shown = lines(run("config", "--json", *real).stdout, SettingShown)
    assert {row.source for row in shown} == {"default", "command line"}
    defaults = lines(run("config", "--default", "--json").stdout, SettingShown)
    assert {row.section for row in defaults} >= {"server", "status", "plugins"}
    assert {row.source for row in defaults} == {"default"}


def test_backups_are_printed_as_json(run: Run, real: tuple[str, ...]) -> None:
    run("migrate", *real)
    assert run("jobs", *real).exit_code == 0  # opens the store as a server does
    assert (
        run("user", "add", "ada", "--password-file", "-", *real, input="correct horse").exit_code
        == 0
    )
    done = run("backup", "--json", *real)
    assert done.exit_code == 0, done.output
    (made,) = lines(done.stdout, BackupMade)
    assert Path(made.made.backup).is_dir() and made.removed == []
    (verified,) = lines(run("backup", "verify", "--json", *real).stdout, BackupVerified)
    assert verified.closed and verified.records == made.made.records
    listed = json.loads(run("backup", "list", "--json", *real).stdout)
    (again,) = msgspec.convert(listed, list[BackupShown])
    assert again.begun == made.made.begun and again.verified


def test_the_names_of_commands_are_those_of_their_modules() -> None:
    assert set(COMMANDS) == {path[0] for path in ALL}
