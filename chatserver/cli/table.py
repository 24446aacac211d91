"""Tables on the terminal; control characters and markup in cells have no effect."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chatserver.logging.text import visible

PIPED_WIDTH = 200  # without a terminal rich assumes 80, and would truncate cells


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the rows under their headings; piped cells are never truncated."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(table_of(head, rows))


def table_of(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """The rows under their headings."""
    table = Table(*head, box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text("\n".join(map(visible, cell.split("\n")))) for cell in row))
    return table
