"""The scripts of `chatserver completion`, in the real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import need_tool

BASH = r"""
eval "$(chatserver completion bash)"
complete -p chatserver >/dev/null || exit 9
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_chatserver_completion chatserver
printf '%s\n' "${COMPREPLY[@]}"
"""
# What zsh's completion system would show: `compadd` is replaced, as there is no terminal.
ZSH = r"""
compdef() { : }
compadd() { while [[ $1 != -a && $# -gt 0 ]]; do shift; done; shift; print -rl -- "${(@P)1}" }
_describe() { local -a found; found=("${(@P)3}"); print -rl -- "${found[@]%%:*}" }
eval "$(chatserver completion zsh)"
words=("$@"); CURRENT=$#
_chatserver_completion
"""
FISH = """
chatserver completion fish | source
complete --do-complete "$argv"
"""


@pytest.fixture(scope="module")
def path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def in_shell(path: str, folder: Path, shell: str, script: str, *words: str) -> list[str]:
    command = {
        "bash": [need_tool("bash"), "--norc", "-c", script, "bash", *words],
        "zsh": [need_tool("zsh"), "-f", "-c", script, "zsh", *words],
        "fish": [need_tool("fish"), "--no-config", "-c", script, " ".join(words)],
    }[shell]
    environment = {"PATH": path, "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines() if line]


SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_commands_options_and_names_are_completed(path: str, tmp_path: Path, shell: str) -> None:
    def complete(*words: str) -> list[str]:
        return in_shell(path, tmp_path, shell, SCRIPTS[shell], "chatserver", *words)

    assert complete("sta") == ["status"]
    assert complete("consumers", "re") == ["replay", "retry"]
    assert "--alertmanager" in complete("status", "--al")
    assert complete("jobs", "-c", "prod") == ["production"]
    assert complete("jobs", "--set", "server.dra") == ["server.drain_seconds="]


def test_names_of_this_installation_are_completed_in_bash(path: str, tmp_path: Path) -> None:
    (tmp_path / "chat.toml").write_text(
        '[plugins]\nenabled = ["sqlite", "password", "webhooks"]\n'
        '[plugin.webhooks.outgoing.tickets]\nuri = "https://example.org/"\n'
        'secret = "0123456789abcdef0123"\n'
    )
    (tmp_path / "data/backups/chatserver-20261125T100000Z").mkdir(parents=True)

    def complete(*words: str) -> list[str]:
        return in_shell(path, tmp_path, "bash", BASH, "chatserver", *words)

    assert complete("consumers", "replay", "-c", "chat.toml", "") == ["webhooks.tickets"]
    assert complete("jobs", "--set", "plugin.sqlite.t") == ["plugin.sqlite.timeout_ms="]
    assert "plugin.kafka." in complete("jobs", "--set", "plugin.k")
    assert complete("restore", "-c", "chat.toml", "data/b") == [
        "data/backups/chatserver-20261125T100000Z"
    ]
    assert complete("consumers", "replay", "-c", "missing.toml", "") == []  # and no traceback


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed_without_its_shell(tmp_path: Path, shell: str) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "python").symlink_to(shutil.which("python3") or sys.executable)
    done = subprocess.run(
        [sys.executable, "-m", "chatserver", "completion", shell],
        env={"PATH": str(bare)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "_CHATSERVER_COMPLETE" in done.stdout, done.stderr
