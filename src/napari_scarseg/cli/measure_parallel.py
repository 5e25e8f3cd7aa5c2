"""Measure many cases at once: in processes of this machine, or on a dask cluster."""

import os
from collections.abc import Callable, Sequence

import dask
from dask.callbacks import Callback

from napari_scarseg.cli.measure_config import MeasureConfig
from napari_scarseg.cli.measure_one import MeasuredCase, measure_case
from napari_scarseg.cli.measure_sources import Source
from napari_scarseg.errors import InputError
from napari_scarseg.measure.cohort import Cohort

# A process costs the import of the libraries, as long as some cases take.
_CASES_PER_WORKER = 8

_CONNECT_TIMEOUT_S = 10
_LOCAL_SCHEDULER = "processes"

Tick = Callable[[], None]


def measure_cases(
    sources: Sequence[Source],
    people: Cohort | None,
    config: MeasureConfig,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    tick: Tick = lambda: None,
) -> list[MeasuredCase]:
    """Measure every case; the result does not depend on where, nor on how many at once.

    Parameters
    ----------
    sources : sequence of Source
    people : Cohort or None
    config : MeasureConfig
    workers : int, optional
        Processes of this machine; by itself one for every 8 cases, at most one per processor. 1 stays in this process.
    scheduler : str, optional
        Address of a dask scheduler, whose workers have this package and see the files under the same paths.
    tick : callable
        Told after every case.

    Returns
    -------
    list of MeasuredCase
        In the order of `sources`.

    Raises
    ------
    InputError
        If a file cannot be used (the first in order, after all others were tried), or no scheduler answers.
    """
    count = workers or min(os.cpu_count() or 1, -(-len(sources) // _CASES_PER_WORKER))
    if scheduler is not None:
        outcomes = _measure_on_cluster(sources, people, config, scheduler, tick)
    elif min(count, len(sources)) > 1:
        outcomes = _measure_in_processes(sources, people, config, count, tick)
    else:
        outcomes = []
        for source in sources:
            outcomes.append(measure_case(source, people, config))
            tick()
    for outcome in outcomes:
        if isinstance(outcome, InputError):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, MeasuredCase)]


def _try_case(source: Source, people: Cohort | None, config: MeasureConfig) -> MeasuredCase | InputError:
    """An error as a value: one that crosses processes as an exception brings its traceback along in its text."""
    try:
        return measure_case(source, people, config)
    except InputError as error:
        return InputError(str(error))


def _measure_in_processes(
    sources: Sequence[Source], people: Cohort | None, config: MeasureConfig, workers: int, tick: Tick
) -> list[MeasuredCase | InputError]:
    tasks = [dask.delayed(_try_case, pure=False)(source, people, config) for source in sources]
    with Callback(posttask=lambda *_: tick()):
        count = min(workers, len(sources))
        return list(dask.compute(*tasks, scheduler=_LOCAL_SCHEDULER, num_workers=count, chunksize=1))


def _measure_on_cluster(
    sources: Sequence[Source], people: Cohort | None, config: MeasureConfig, address: str, tick: Tick
) -> list[MeasuredCase | InputError]:
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=_CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise InputError(
            f"No dask scheduler answers at '{address}'; start one with `dask scheduler`, or leave --scheduler out."
        ) from error
    with client:
        futures = client.map(_try_case, sources, people=people, config=config, pure=False)
        for _ in as_completed(futures):
            tick()
        return list(client.gather(futures))
