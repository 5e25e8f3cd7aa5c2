"""Runs the runs: finished ones are skipped, killed ones go on, several side by side."""

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from napari_scarseg.evaluation.run_folder import read_run, write_rows
from napari_scarseg.evaluation.summary import EvaluationTables
from napari_scarseg.experiments.run import Run
from napari_scarseg.io import write_json

RECORD = "run.json"


@dataclass(frozen=True, slots=True, eq=False)
class RunDone:
    """A run that is finished.

    Parameters
    ----------
    run : Run
    seconds : float
        That it took, when it ran (summed over its pieces it is not: a killed piece leaves no time behind).
    was_skipped : bool
        Whether it had been finished before.
    """

    run: Run
    seconds: float
    was_skipped: bool


def execute_runs(runs: Sequence[Run], folder: Path, *, workers: int = 1, threads: int = 1) -> Iterator[RunDone]:
    """Finish all runs, yielding each as it is done, those finished before first.

    Parameters
    ----------
    runs : sequence of Run
    folder : Path
        Receives a folder per run.
    workers : int
        Processes side by side; with one, everything runs in this process.
    threads : int
        Of torch in each process. Results do not depend on `workers`, only on this.
    """
    waiting = []
    for run in runs:
        record = read_record(folder, run)
        if record is None:
            waiting.append(run)
        else:
            yield RunDone(run, float(record["seconds"]), True)
    if workers <= 1:
        for run in waiting:
            torch.set_num_threads(threads)
            yield RunDone(run, _execute(run, folder), False)
        return
    # spawn: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)
    ) as pool:
        futures = {pool.submit(_execute, run, folder): run for run in waiting}
        try:
            for future in as_completed(futures):
                yield RunDone(futures[future], future.result(), False)
        finally:
            # After an error or a cancel, what has not begun is not begun.
            pool.shutdown(wait=False, cancel_futures=True)


def read_record(folder: Path, run: Run) -> dict[str, Any] | None:
    """The record of a finished run; None where it is not finished."""
    path = folder / run.folder_name / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.get("key") == run.key else None


def read_result(folder: Path, run: Run) -> EvaluationTables:
    """The rows of a finished run."""
    return read_run(folder / run.folder_name)


def _execute(run: Run, folder: Path) -> float:
    """Do one run and write its rows; its record comes last and makes it finished."""
    own = folder / run.folder_name
    own.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    write_rows(own, run.job.execute(own))
    seconds = round(time.monotonic() - started, 1)
    write_json(own / RECORD, {"key": run.key, "name": run.name, "settings": dict(run.settings), "seconds": seconds})
    return seconds
