"""Measure many cases: one after the other, in processes of this machine, or on a dask cluster."""

import base64
import io
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import typer

from napari_scarseg.cli.many import Bench, PackageNetworks, Pool, report_failures, run_many
from napari_scarseg.cli.measure_config import MeasureConfig
from napari_scarseg.cli.measure_one import MeasuredCase, measure_case
from napari_scarseg.cli.measure_sources import Source
from napari_scarseg.cli.part_store import PartStore, make_key
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.measure.cohort import Cohort

Tick = Callable[[], None]


def measure_cases(
    sources: Sequence[Source],
    people: Cohort | None,
    config: MeasureConfig,
    *,
    parts: Path,
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
    parts : Path
        Folder that keeps the results of cases until all are there; the caller removes it.
    workers : int, optional
        Processes of this machine; by itself as many as pay. 1 stays in this process.
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
    ScarSegError
        If a file cannot be used, after all others were measured and each such file was reported; or if no scheduler
        answers.
    """
    measured: dict[int, MeasuredCase] = {}
    failures: list[tuple[str, InputError]] = []
    work = partial(_measure_kept, people, config, parts)
    outcomes = run_many(work, sources, Pool(workers, scheduler), factory=PackageNetworks())
    with closing(outcomes):
        for outcome in outcomes:
            if outcome.result is not None:
                measured[outcome.index] = _restore(outcome.result)
            elif outcome.error is not None:
                failures.append((sources[outcome.index].case, outcome.error))
                if len(sources) > 1:
                    typer.echo(str(outcome.error), err=True)
            tick()
    error = report_failures(failures, len(sources), "measured")
    if error is not None:
        raise error
    return [measured[index] for index in range(len(sources))]


def _measure_kept(
    people: Cohort | None, config: MeasureConfig, parts: Path, source: Source, bench: Bench
) -> dict[str, Any]:
    """Measure a case, unless what the same files, person and settings gave is kept; as plain values."""
    try:
        key = make_key(
            {"config": asdict(config), "case": source.case, "person": _person(people, source)},
            [source.labels, source.image, source.myocardium],
        )
    except InputError as error:
        raise InputError(f"{source.case}: {error}") from error
    store = PartStore(parts)
    kept = store.load(key)
    return store.save(key, _as_plain(measure_case(source, people, config))) if kept is None else kept


def _person(people: Cohort | None, source: Source) -> Any:
    """What the cohort table says of a case; that there is one makes a difference too."""
    if people is None:
        return None
    return [list(people.extra_columns), repr(people.find(source.names))]


def _as_plain(case: MeasuredCase) -> dict[str, Any]:
    buffer = io.BytesIO()
    case.table.to_parquet(buffer, engine="pyarrow", index=False)
    others = {item.name: getattr(case, item.name) for item in fields(case) if item.name not in ("table", "spacing")}
    return {**others, "table": base64.b64encode(buffer.getvalue()).decode(), "spacing": asdict(case.spacing)}


def _restore(plain: dict[str, Any]) -> MeasuredCase:
    table = pd.read_parquet(io.BytesIO(base64.b64decode(plain["table"])), engine="pyarrow")
    spacing = Spacing(**{**plain["spacing"], "origin": SpacingOrigin(plain["spacing"]["origin"])})
    others: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plain.items()
        if name not in ("table", "spacing")
    }
    return MeasuredCase(table=table, spacing=spacing, **others)
