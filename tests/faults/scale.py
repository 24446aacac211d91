"""The size of the faults: short in the test suite, long with FAULTS=long."""

import os
from typing import NamedTuple


class Scale(NamedTuple):
    """Sizes of one run; `seconds` is the time of traffic before and after a fault, each."""

    rooms: int
    clients: int
    rate: int  # messages a second, of all clients together
    seconds: float
    freeze_seconds: float
    connections: int  # that vanish at once
    cut: int  # connections that end at once
    slow_readers: int
    seeds: tuple[int, ...]


# The long form has at least 100,000 acknowledgements for each store in all.
SEEDS = tuple(range(1, int(os.environ.get("SEEDS", "3")) + 1))
SHORT = Scale(10, 50, 200, 1.5, 8, 2000, 1000, 100, (1,))
LONG = Scale(50, 200, 800, 2, 30, 9000, 5000, 100, SEEDS)

IS_LONG = os.environ.get("FAULTS") == "long"
SCALE = LONG if IS_LONG else SHORT
CONTROL_TRIALS = 5  # of a control whose fault may come when nothing is on its way
