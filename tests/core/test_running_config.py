"""The note of the configuration that a server runs with."""

from pathlib import Path

from chatserver.config import Config, Loaded, ServerConfig
from chatserver.process.running_config import NOTE, noted


def test_a_process_that_leaves_keeps_the_note_of_the_one_that_took_over(tmp_path: Path) -> None:
    """Also where a new file gets the number of one that was removed, as on ext4."""
    loaded = Loaded(Config(server=ServerConfig(data=str(tmp_path))), {})
    note = tmp_path / NOTE
    for _ in range(20):
        first, second = noted(loaded), noted(loaded)
        first.__enter__()
        second.__enter__()
        text = note.read_bytes()
        first.__exit__(None, None, None)
        assert note.read_bytes() == text
        second.__exit__(None, None, None)
        assert not note.exists()
