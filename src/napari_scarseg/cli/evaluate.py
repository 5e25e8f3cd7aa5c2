"""`scarseg evaluate`: engines over a data set with known truth."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from napari_scarseg.cli.evaluate_one import evaluate_case, restore_result
from napari_scarseg.cli.many import PackageNetworks, Pool, report_failures, run_many
from napari_scarseg.cli.options import Scheduler
from napari_scarseg.cli.part_store import PartStore, parts_folder
from napari_scarseg.cli.progress import ProgressBar
from napari_scarseg.core.config import DetectConfig, Device
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.datasets import read_dataset, read_folds
from napari_scarseg.evaluation.baselines import BASELINES
from napari_scarseg.evaluation.paired import compare_runs
from napari_scarseg.evaluation.plan import EvaluationPart, EvaluationSettings, plan_parts
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.run import CaseResult
from napari_scarseg.evaluation.run_folder import read_run, write_run, write_shifts
from napari_scarseg.evaluation.shifts import NO_SHIFT, find_shifts
from napari_scarseg.evaluation.summary import collect_tables
from napari_scarseg.io import write_json, write_table


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Data set CSV: patient,image,label and optional columns.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the tables.")],
    prompts: Annotated[
        list[PromptSource] | None, typer.Option(help="Whose boxes; may be given several times. [default: detector]")
    ] = None,
    folds: Annotated[Path | None, typer.Option(help="CSV patient,fold; else the data set's fold column.")] = None,
    fold: Annotated[int | None, typer.Option(help="Evaluate the patients of this fold only.")] = None,
    detector: Annotated[
        str, typer.Option(help="Name or path of the detector's weights; {fold} in it is the patient's fold.")
    ] = "bundled",
    segmenter: Annotated[
        str, typer.Option(help="Name or path of the segmenter's weights; {fold} in it is the patient's fold.")
    ] = "bundled",
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Least score of a detector's box.")
    ] = DetectConfig().confidence,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also n-SD, FWHM and Otsu inside the true myocardium.")
    ] = False,
    shifts: Annotated[
        str | None,
        typer.Option(metavar="all|NAMES", help="Run again under these shifts (names, commas) too."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder of an earlier run; adds paired tests.")
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.AUTO,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "--jobs", min=1, help="Processes to work in; by itself as many as it pays."),
    ] = None,
    scheduler: Scheduler = None,
    seed: Annotated[int, typer.Option(help="Seed of jitter and bootstrap.")] = 0,
) -> None:
    """Compare results with the truth: rows per slice, lesion and stack, and figures with intervals over patients.

    With {fold} in the weights' paths every patient is evaluated with the weights that did not see it: one command gives
    the out-of-fold table. Weights that do not record that they were trained without the patient are refused.

    An interrupted evaluation goes on where it was when it is started again. A case that cannot be read is reported at
    the end, and no table is written until all are there.
    """
    settings = EvaluationSettings(
        sources=tuple(dict.fromkeys(prompts or [PromptSource.DETECTOR])),
        segmenter=segmenter,
        detector=detector,
        device=device,
        confidence=confidence,
        seed=seed,
        baselines=BASELINES if baselines else (),
        shifts=tuple(shift.name for shift in find_shifts(tuple(shifts.split(",")))) if shifts else (),
    )
    earlier = read_run(against) if against is not None else None
    records = read_dataset(dataset)
    parts = plan_parts(
        settings,
        records,
        table=dataset.name,
        fold_of=read_folds(folds) if folds is not None else None,
        folds=folds.name if folds is not None else None,
        fold=fold,
    )
    parts_of = parts_folder(output)
    results = _run(parts, Pool(workers, scheduler, device), parts_of)
    order = {record: number for number, record in enumerate(records)}
    results.sort(key=lambda result: order[result.record])
    tables = collect_tables((rows, result.fold) for result in results for rows in result.rows)
    output.mkdir(parents=True, exist_ok=True)
    summary = write_run(output, tables, seed=seed)
    write_json(output / "summary.json", _provenance(settings, parts, results, dataset))
    PartStore(parts_of).remove()
    console = Console()
    console.print(_as_table(summary))
    if settings.shifts:
        console.print(_shift_table(write_shifts(output, _shifted_slices(results), seed=seed)))
    if earlier is not None:
        paired = compare_runs(tables, earlier, seed=seed)
        write_table(output / "paired.csv", paired)
        console.print(_paired_table(paired))


def _run(parts: Sequence[EvaluationPart], pool: Pool, folder: Path) -> list[CaseResult]:
    """Every case with its part's weights.

    Raises
    ------
    ScarSegError
        After all others are done, if some cases cannot be read.
    """
    items = [replace(part, records=(record,)) for part in parts for record in part.records]
    results, failures = [], []
    with ProgressBar() as bar:
        tick = bar.count("evaluating", len(items))
        outcomes = run_many(partial(evaluate_case, folder), items, pool, factory=PackageNetworks())
        with closing(outcomes):
            for outcome in outcomes:
                item = items[outcome.index]
                if outcome.result is not None:
                    results.append(restore_result(outcome.result, item))
                elif outcome.error is not None:
                    patient = item.records[0].patient
                    failures.append((patient, outcome.error))
                    if len(items) > 1:
                        typer.echo(f"{patient}: {outcome.error}", err=True)
                tick()
    error = report_failures(failures, len(items), "evaluated")
    if error is not None:
        raise error
    return results


def _provenance(
    settings: EvaluationSettings, parts: Sequence[EvaluationPart], results: Sequence[CaseResult], dataset: Path
) -> dict[str, Any]:
    """Engines by role, and by fold where they differ; of paths only the last part, which names no person's folder."""
    engines = {
        role if not settings.is_out_of_fold else f"{role}, fold {result.fold}": info
        for result in results
        for role, info in sorted(result.engines.items())
    }
    config = {
        "dataset": dataset.name,
        "prompts": [source.value for source in settings.sources],
        "out_of_fold": settings.is_out_of_fold,
        "folds": sorted({part.fold for part in parts if part.fold is not None}),
        "confidence": settings.confidence,
        "shifts": list(settings.shifts),
        "baselines": [baseline.name for baseline in settings.baselines],
        "seed": settings.seed,
        "patients": len({result.record.patient for result in results}),
        "training_recorded": all(part.training for part in parts),
    }
    return make_provenance("evaluate", config=config, engines=engines)


def _as_table(summary: pd.DataFrame) -> Table:
    """One line per figure, one column per method."""
    methods = list(dict.fromkeys(summary["method"]))
    table = Table("measure (95 % interval over patients)", *methods)
    for measure in dict.fromkeys(summary["measure"]):
        rows = summary[summary.measure == measure].set_index("method")
        table.add_row(str(measure), *(_cell(rows.loc[m]) if m in rows.index else "" for m in methods))
    return table


def _cell(row: pd.Series) -> str:
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


def _shifted_slices(results: Sequence[CaseResult]) -> pd.DataFrame:
    """Rows of all slices, as they are and under each shift; baselines are not shifted."""
    rows: list[dict[str, object]] = []
    for result in results:
        methods = {case.stack["method"] for moved in result.shifted.values() for case in moved}
        plain = tuple(case for case in result.rows if case.stack["method"] in methods)
        for shift, cases in {NO_SHIFT: plain, **result.shifted}.items():
            rows += [{"shift": shift, **row, "fold": result.fold} for case in cases for row in case.slices]
    return pd.DataFrame(rows)


def _shift_table(costs: pd.DataFrame) -> Table:
    table = Table("prompts", "shift", "", "slice DSC", "difference", "95 % interval", "slices")
    for row in costs.itertuples():
        table.add_row(
            str(row.method), str(row.shift), str(row.about), f"{row.dsc:.3f}", f"{row.difference:+.3f}",
            f"{row.low:+.3f} to {row.high:+.3f}", str(row.slices),
        )  # fmt: skip
    return table


def _paired_table(paired: pd.DataFrame) -> Table:
    table = Table("method", "measure", "this run", "earlier", "difference", "95 % interval", "p, adjusted", "patients")
    for row in paired.itertuples():
        table.add_row(
            str(row.method), str(row.measure), f"{row.value:.3f}", f"{row.other:.3f}", f"{row.difference:+.3f}",
            f"{row.low:+.3f} to {row.high:+.3f}", f"{row.p_adjusted:.3g}", str(row.patients),
        )  # fmt: skip
    return table
