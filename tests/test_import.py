"""What is imported when: a command that only answers a question does not load the whole server."""

import subprocess
import sys

import pytest

import chatserver
from chatserver import names


def loaded_after(program: str) -> set[str]:
    shown = "import sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{shown}"], capture_output=True, text=True, check=True
    )
    return {*done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "program",
    [
        "import chatserver",
        "from chatserver.cli import main\nmain(['--help'], standalone_mode=False)",
        "from chatserver.cli import main\nmain(['serve', '--help'], standalone_mode=False)",
    ],
)
def test_help_loads_neither_the_service_nor_the_web_server(program: str) -> None:
    loaded = loaded_after(program)
    assert "chatserver" in loaded
    assert not loaded & {"chatserver.names", "chatserver.service", "chatserver.app", "tornado"}


def test_the_package_has_the_public_names_and_no_others() -> None:
    assert "chatserver.names" in loaded_after("from chatserver import Store")
    assert chatserver.__all__ == names.__all__
    assert {*names.__all__} <= {*dir(chatserver)}
    for name in names.__all__:
        assert getattr(chatserver, name) is getattr(names, name)
    with pytest.raises(AttributeError, match="module 'chatserver' has no attribute 'nothing'"):
        chatserver.nothing  # noqa: B018 - it is what is tested
    with pytest.raises(ImportError):
        from chatserver import nothing  # noqa: F401
