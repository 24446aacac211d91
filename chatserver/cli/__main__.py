"""`python -m chatserver.cli` is the `chatserver` command."""

from chatserver.cli import main

main(prog_name="chatserver")
