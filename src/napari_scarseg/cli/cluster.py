"""Many cases on the workers of dask: local processes, or those of a scheduler somewhere else.

What crosses between dask's processes is pickled: a scheduler is trusted as
one's own machine is.
"""

import logging
import os
import threading
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, WorkerPlugin, get_worker, wait

from napari_scarseg.cli.many import Bench, ItemT, Outcome, ResultT, Work, try_item
from napari_scarseg.engines.networks import EngineFactory, LoadedNetworks
from napari_scarseg.errors import InputError, ScarSegError

# A worker's death is blamed on every case that it had, also on one that was done but whose result was not fetched yet.
# So a case that dask gives up is set aside and tried again at the end, alone: none is given up for its neighbour.
_DEATHS = 1
_CONNECT_TIMEOUT = "10s"
# Cases handed out per worker, so that none waits for the client between two of them.
_AHEAD = 2
# A machine at its limit takes long to import the libraries in every process.
_START_TIMEOUT = "300s"
# Without any worker for so many checks the wait is over. A worker that was killed takes a while to be replaced.
_CHECK_S = 30
_WORKERLESS_CHECKS = 10
_BENCH = "scarseg-bench"
# Of dask's habits: its workers give freed memory back to the system at once, which makes every forward pass ask for it
# again, page by page; and they sample their own stack a hundred times per second.
_QUIET_WORKERS = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.worker.profile.enabled": False,
}
_DEADLY = "The process that worked on it ended every time it was tried, perhaps for want of memory; try it alone."


class _BenchPlugin(WorkerPlugin):
    """Gives a worker its bench, again where the worker was restarted.

    Parameters
    ----------
    factory : EngineFactory
    gpus : int
        Where there are several, local workers take turns.
    """

    name = _BENCH

    def __init__(self, factory: EngineFactory, gpus: int) -> None:
        self._factory = factory
        self._gpus = gpus

    def setup(self, worker: Any) -> None:
        """Before the first case, and so before torch looks for its GPU."""
        if self._gpus > 1 and isinstance(worker.name, int):
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu_of(worker.name, self._gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))
        self.bench = Bench(LoadedNetworks(self._factory))
        # A worker of another cluster may have several threads; networks are for one at a time.
        self.turn = threading.Lock()


def gpu_of(worker: int, gpus: int, visible: str | None) -> str:
    """The GPU of a local worker, as `CUDA_VISIBLE_DEVICES` names it.

    Examples
    --------
    >>> [gpu_of(worker, 2, None) for worker in range(3)], gpu_of(1, 2, "4,6")
    (['0', '1', '0'], '6')
    """
    names = visible.split(",") if visible else [str(number) for number in range(gpus)]
    return names[worker % len(names)]


def run_on_cluster(
    work: Work[ItemT, ResultT],
    items: Sequence[ItemT],
    factory: EngineFactory,
    scheduler: str | None,
    workers: int,
    gpus: int,
) -> Generator[Outcome[ResultT], None, None]:
    """As `many.run_many`, on `workers` local processes or those of `scheduler`.

    A worker that dies is replaced, and its case is begun again; a case with which one after the other dies has that as
    its outcome.
    """
    with _open_client(scheduler, workers) as client:
        client.register_plugin(_BenchPlugin(factory, gpus if scheduler is None else 0))
        count = workers if scheduler is None else max(len(client.scheduler_info()["workers"]), 1)
        waiting = iter(range(len(items)))
        running: dict[Future, int] = {}
        suspects: list[int] = []

        def submit(index: int) -> None:
            # On another cluster a name in use would be taken for the same work.
            running[client.submit(_on_worker, work, index, items[index], pure=False)] = index

        for index in islice(waiting, _AHEAD * count):
            submit(index)
        while running:
            for future in _first_done(client, running):
                index = running.pop(future)
                outcome = _outcome(future)
                for following in islice(waiting, 1):
                    submit(following)
                if outcome is None:
                    suspects.append(index)
                else:
                    yield outcome
        for index in suspects:
            submit(index)
            (future,) = _first_done(client, running)
            running.clear()
            yield _outcome(future) or Outcome(index, error=InputError(_DEADLY))


def _first_done(client: Client, running: Collection[Future]) -> set[Future]:
    """Wait until some cases are done.

    Raises
    ------
    ScarSegError
        If there is nobody left to do them.
    """
    patience = _WORKERLESS_CHECKS
    while True:
        try:
            done: set[Future] = wait(list(running), timeout=_CHECK_S, return_when="FIRST_COMPLETED").done
            return done
        except TimeoutError:
            patience = _WORKERLESS_CHECKS if client.scheduler_info()["workers"] else patience - 1
        if not patience:
            raise ScarSegError(
                "No worker of the cluster is left: each ended, or none could start. Check that this package and its "
                "networks' libraries are installed where they run, or leave --scheduler and --workers out."
            )


def _on_worker(work: Work[ItemT, ResultT], index: int, item: ItemT) -> Outcome[ResultT] | ScarSegError:
    """In a worker: one case. An error that ends all comes back as a value, without a traceback in its text."""
    plugin = get_worker().plugins[_BENCH]
    with plugin.turn:
        try:
            return try_item(work, index, item, plugin.bench)
        except ScarSegError as error:
            return type(error)(str(error))


def _outcome(future: Future) -> Outcome[Any] | None:
    """What came of a case; None where workers died with it.

    Raises
    ------
    ScarSegError
        If an error ends all cases.
    """
    try:
        # Asked for at once, not after a look at `future.exception()`: a worker that dies between the two takes the
        # result with it.
        result = future.result()
    except KilledWorker:
        return None
    if isinstance(result, ScarSegError):
        raise result
    outcome: Outcome[Any] = result
    return outcome


@contextmanager
def _open_client(scheduler: str | None, workers: int) -> Iterator[Client]:
    patience = _START_TIMEOUT if scheduler is None else _CONNECT_TIMEOUT
    settings = {
        "distributed.comm.timeouts.connect": patience,
        "distributed.scheduler.allowed-failures": _DEATHS,
        **_QUIET_WORKERS,
    }
    with dask.config.set(settings):
        if scheduler is not None:
            with _connected(scheduler) as client:
                yield client
            return
        threads = max((os.cpu_count() or 1) // workers, 1)
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                silence_logs=logging.CRITICAL,
                env={"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))},
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=_CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No dask scheduler answers at '{address}'; start one with `dask scheduler`, or leave --scheduler out."
        ) from error
