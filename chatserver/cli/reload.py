"""Restarts on changes of the code: stops in order, then starts the same process anew.

The process replaces itself, so it keeps its id, and no parent has to forward signals.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import click

import chatserver
from chatserver.cli import refuse
from chatserver.config import Loaded
from chatserver.errors import StartupError

POLL_SECONDS = 0.5
_RESTARTED = "_CHATSERVER_RESTARTED"  # marks a restarted process


class Watcher:
    """Finds new, changed and deleted Python files below some folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._seen = self._times()

    def changed(self) -> list[Path]:
        """The files that changed since the last call."""
        before, self._seen = self._seen, self._times()
        return sorted(
            path
            for path in before.keys() | self._seen.keys()
            if before.get(path) != self._seen.get(path)
        )

    def _times(self) -> dict[Path, int]:
        return dict(self._files())

    def _files(self) -> Iterator[tuple[Path, int]]:
        for folder in self._folders:
            for path in folder.rglob("*.py"):
                try:
                    yield path, path.stat().st_mtime_ns
                except OSError:  # deleted meanwhile
                    continue


def run_reloading(loaded: Loaded) -> int:
    """Like `serving.run`, but restarts whenever the code changes and compiles.

    A failed restart waits for the next change; a failed first start ends the process as usual.
    """
    watcher = Watcher(watched(loaded.config.plugins.folder))
    restarted = os.environ.pop(_RESTARTED, "") != ""
    changed, ended = threading.Event(), threading.Event()

    def watch() -> None:
        while not ended.wait(POLL_SECONDS):
            if fits(watcher.changed()):
                changed.set()
                os.kill(os.getpid(), signal.SIGTERM)
                return

    try:
        from chatserver.serving import run

        threading.Thread(target=watch, name="reload", daemon=True).start()
        status: int = run(loaded, dev=True)
    except Exception as error:
        if not restarted:
            raise
        text = str(error) if isinstance(error, StartupError) else traceback.format_exc()
        refuse(text)
        status = 1
    finally:
        ended.set()
    if changed.is_set():
        restart()
    if status and restarted:
        click.secho("chatserver: waiting for a change", err=True, fg="yellow")
        while not fits(watcher.changed()):
            time.sleep(POLL_SECONDS)
        restart()
    return status


def watched(plugin_folder: str) -> list[Path]:
    """The folders of the server, of its plugins and of local plugins."""
    folders = [Path(chatserver.__file__).parent]
    try:
        import chatserver_plugins
    except ModuleNotFoundError:
        pass
    else:
        folders += [Path(place).resolve() for place in chatserver_plugins.__path__]
    if plugin_folder:
        folders.append(Path(plugin_folder))
    return folders


def fits(changed: list[Path]) -> bool:
    """Whether files changed and all of them compile; reports those that do not."""
    for path in changed:
        try:
            compile(path.read_bytes(), path, "exec")
        except FileNotFoundError:
            continue
        except (SyntaxError, ValueError) as error:
            click.secho(f"chatserver: not restarted: {path}: {error}", err=True, fg="yellow")
            return False
    return bool(changed)


def restart() -> NoReturn:
    """Replace this process by a new start of the same command."""
    click.secho("chatserver: the code changed, starting again", err=True, fg="yellow")
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ[_RESTARTED] = "1"
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
