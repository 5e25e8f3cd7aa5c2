"""`scarseg evaluate`: engines over a data set with known truth."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from napari_scarseg.core.config import DetectConfig, Device
from napari_scarseg.core.provenance import make_provenance
from napari_scarseg.datasets import load_case, read_dataset, read_folds
from napari_scarseg.engines import load_detector, load_segmenter
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.prompts import PromptSource
from napari_scarseg.evaluation.rows import Evaluator, evaluate_case
from napari_scarseg.evaluation.summary import summarise
from napari_scarseg.io import write_json, write_table


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Data set CSV: patient,image,label and optional columns.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the tables.")],
    prompts: Annotated[PromptSource, typer.Option(help="Whose boxes.")] = PromptSource.DETECTOR,
    folds: Annotated[Path | None, typer.Option(help="CSV patient,fold; else the data set's fold column.")] = None,
    fold: Annotated[int | None, typer.Option(help="Evaluate the patients of this fold only.")] = None,
    detector: Annotated[str, typer.Option(help="Name or path of the detector's weights.")] = "bundled",
    segmenter: Annotated[str, typer.Option(help="Name or path of the segmenter's weights.")] = "bundled",
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Least score of a detector's box.")
    ] = DetectConfig().confidence,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of jitter and bootstrap.")] = 0,
) -> None:
    """Compare results with the truth: rows per slice and stack, and a summary with intervals over patients."""
    records = read_dataset(dataset)
    if fold is not None:
        of_patient = read_folds(folds) if folds is not None else {r.patient: r.fold for r in records}
        records = [record for record in records if of_patient.get(record.patient) == fold]
        if not records:
            raise InputError(f"No patient of the data set is in fold {fold}; give the folds with --folds.")
    needs_detector = prompts is PromptSource.DETECTOR
    evaluator = Evaluator(
        segmenter=load_segmenter(segmenter, device),
        detector=load_detector(detector, device) if needs_detector else None,
        source=prompts,
        confidence=confidence,
        seed=seed,
    )
    slice_rows, stack_rows = [], []
    with Progress(console=Console(stderr=True)) as progress:
        for record in progress.track(records, description="evaluating"):
            slices, stack = evaluate_case(evaluator, load_case(record))
            slice_rows += slices
            stack_rows.append(stack)
    slice_table, stack_table = pd.DataFrame(slice_rows), pd.DataFrame(stack_rows)
    summary = summarise(slice_table, stack_table, seed=seed)
    output.mkdir(parents=True, exist_ok=True)
    write_table(output / "slices.csv", slice_table)
    write_table(output / "stacks.csv", stack_table)
    write_table(output / "summary.csv", summary)
    engines = {"segmenter": evaluator.segmenter.info}
    if evaluator.detector is not None:
        engines["detector"] = evaluator.detector.info
    config = {"prompts": prompts.value, "fold": fold, "confidence": confidence, "seed": seed}
    write_json(output / "summary.json", make_provenance("evaluate", config=config, engines=engines))
    Console().print(_as_table(summary))


def _as_table(summary: pd.DataFrame) -> Table:
    table = Table("measure", "value", "95 % interval", "patients", "slices")
    for row in summary.itertuples():
        table.add_row(
            str(row.measure), f"{row.value:.3f}", f"{row.low:.3f} to {row.high:.3f}", str(row.patients), str(row.slices)
        )
    return table
