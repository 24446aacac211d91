"""One window: the server's resources, and the clients' observations meanwhile."""

import asyncio
import gc
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import sub
from pathlib import Path
from typing import NamedTuple

from tests.bench import machine, profile


class Plan(NamedTuple):
    """Seconds before and in a window, and how many windows the medians are of."""

    warm: float
    seconds: float
    runs: int
    database: Callable[[], float]  # the processor seconds it has used
    samples: Path | None = None  # where to write a profile of the server in the window


class Window(NamedTuple):
    """Seconds it took, processor seconds in it, and copies of the samples that came in it."""

    seconds: float
    cpu: float
    client_cpu: float
    database_cpu: float
    other_cpu: float  # of what has no part in the benchmark: should be next to nothing
    samples: list["array[float]"]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the client's garbage collector out of the figures."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def window(pid: int, plan: Plan, *seen: "array[float]") -> Window:
    await asyncio.sleep(plan.warm)
    for samples in seen:
        del samples[:]
    began, before = time.perf_counter(), _spent(pid, plan)
    if plan.samples is None:
        await asyncio.sleep(plan.seconds)
    else:
        await profile.sample(pid, plan.seconds, plan.samples)
    seconds = time.perf_counter() - began
    spent = map(sub, _spent(pid, plan), before)
    return Window(seconds, *spent, [samples[:] for samples in seen])


def _spent(pid: int, plan: Plan) -> tuple[float, float, float, float]:
    """Processor seconds of the server, this process, the database, and of all else."""
    ours = machine.family_seconds(pid), time.process_time(), plan.database()
    return *ours, machine.busy_seconds() - sum(ours)


def percentile(samples: "array[float] | Sequence[float]", share: float) -> float:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
