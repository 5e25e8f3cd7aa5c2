"""The same work on many cases: one after the other in this process, or side by side through dask.

In this process nothing of dask is loaded. Side by side, local processes do the work unless the address of a scheduler
is given. Whoever works has networks of its own, loaded once. What a case gives does not depend on who worked on it.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

import psutil

from napari_scarseg.cli.flow import Step, run_to_end
from napari_scarseg.core.config import Device
from napari_scarseg.core.cores import usable_cores
from napari_scarseg.engines.networks import EngineFactory, LoadedNetworks
from napari_scarseg.errors import InputError, ScarSegError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Follow = Callable[[str, Generator[Step, None, Any]], Any]

# A process costs the import of the libraries and the loading of the networks, as long as some cases take.
_CASES_PER_WORKER = 8
# Networks, libraries and a large stack of one worker.
_WORKER_BYTES = 2 * 2**30


class PackageNetworks:
    """The package's own networks, as an `EngineFactory` that crosses to other processes."""

    def load_detector(self, name_or_path: str, device: Device) -> Any:
        """As `engines.load_detector`."""
        from napari_scarseg.engines import load_detector

        return load_detector(name_or_path, device)

    def load_segmenter(self, name_or_path: str, device: Device) -> Any:
        """As `engines.load_segmenter`."""
        from napari_scarseg.engines import load_segmenter

        return load_segmenter(name_or_path, device)


def _unwatched(title: str, steps: Generator[Step, None, Any]) -> Any:
    return run_to_end(steps)


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What a worker has at hand.

    Parameters
    ----------
    networks : LoadedNetworks
    follow : callable
        Runs a generator of steps to its end, under a title, and returns its result.
    """

    networks: LoadedNetworks
    follow: Follow = field(default=_unwatched)


Work = Callable[[ItemT, Bench], ResultT]


@dataclass(frozen=True, slots=True)
class Pool:
    """Who works.

    Parameters
    ----------
    workers : int or None
        Processes of this machine; None for as many as pay.
    scheduler : str or None
        Address of a dask scheduler, whose workers have this package and see the files under the same paths.
    device : Device or None
        Where networks run; None where there are none. With several GPUs, every worker has one of its own.
    """

    workers: int | None = None
    scheduler: str | None = None
    device: Device | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome(Generic[ResultT]):
    """What became of one case: a result, or the sentence that says why there is none."""

    index: int
    result: ResultT | None = None
    error: InputError | None = None


def run_many(
    work: Work[ItemT, ResultT],
    items: Sequence[ItemT],
    pool: Pool,
    *,
    factory: EngineFactory,
    follow: Follow = _unwatched,
) -> Generator[Outcome[ResultT], None, None]:
    """Work on every item; closing the generator cancels.

    Parameters
    ----------
    work : callable
        Of an item and a `Bench`; with its items it crosses to other processes.
    items : sequence
    pool : Pool
    factory : EngineFactory
        Where the workers' networks come from.
    follow : callable
        For the bench of this process.

    Yields
    ------
    Outcome
        One per item, in the order in which they are done. An `InputError` of an item is its outcome, and not the end.

    Raises
    ------
    ScarSegError
        Any other error of an item: weights or a device that are not there are so for every case.
    """
    free_bytes = int(psutil.virtual_memory().available)
    workers = resolve_workers(len(items), pool.workers, cores=usable_cores(), free_bytes=free_bytes)
    if pool.scheduler is None and workers <= 1:
        bench = Bench(LoadedNetworks(factory), follow)
        for index, item in enumerate(items):
            yield try_item(work, index, item, bench)
        return
    from napari_scarseg.cli.cluster import run_on_cluster

    gpus = _count_gpus(pool.device) if pool.scheduler is None else 0
    if gpus:
        workers = resolve_workers(len(items), pool.workers, cores=gpus, free_bytes=free_bytes)
    with closing(run_on_cluster(work, items, factory, pool.scheduler, workers, gpus)) as outcomes:
        yield from outcomes


def try_item(work: Work[ItemT, ResultT], index: int, item: ItemT, bench: Bench) -> Outcome[ResultT]:
    """Work on one item; its own fault becomes its outcome."""
    try:
        return Outcome(index, work(item, bench))
    except InputError as error:
        # Without its traceback, which would hold the stack in memory.
        return Outcome(index, error=InputError(str(error)))


def resolve_workers(cases: int, wanted: int | None, *, cores: int, free_bytes: int) -> int:
    """Processes that work side by side: as wanted, else as many as pay.

    By itself one for every 8 cases, and at most one per core (or GPU, where `cores` counts those) and as many as fit in
    memory. Never more than there are cases.

    Examples
    --------
    >>> resolve_workers(1000, None, cores=8, free_bytes=2**36)
    8
    >>> resolve_workers(7, None, cores=8, free_bytes=2**36)
    1
    """
    if wanted is None:
        wanted = min(cores, -(-cases // _CASES_PER_WORKER), max(free_bytes // _WORKER_BYTES, 1))
    return max(min(wanted, cases), 1)


def report_failures(failures: Sequence[tuple[str, InputError]], total: int, what: str) -> ScarSegError | None:
    """The error to end with after some cases could not be used; None where all could.

    Parameters
    ----------
    failures : sequence of (case, error)
    total : int
        Cases in all.
    what : str
        What was not done, such as "segmented".
    """
    if not failures:
        return None
    if total == 1:
        return failures[0][1]
    names = ", ".join(name for name, _ in failures[:3]) + (", …" if len(failures) > 3 else "")
    return ScarSegError(
        f"{len(failures)} of {total} cases were not {what} ({names}), each for the reason given above; the others are "
        "done and need not be done again."
    )


def _count_gpus(device: Device | None) -> int:
    """GPUs that workers could share out among them; none where torch is absent, which whoever needs it will say."""
    if device not in (Device.AUTO, Device.CUDA) or find_spec("torch") is None:
        return 0
    from napari_scarseg.engines.device import count_gpus

    return count_gpus()
