"""The server's image, built and run by the tools it is for."""

from tests.operation.images import CONFINED, Engine


def test_the_image_runs_without_root_rights_and_writes(engine: Engine, server_image: str) -> None:
    done = engine.podman("run", "--rm", "--network", "none", *CONFINED, server_image, "--version")
    assert done.stdout.startswith("chatserver, version ")
