"""The folder of an evaluation: its tables out, and in again for a comparison with a later run."""

from pathlib import Path

import pandas as pd

from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.paper_table import make_paper_table
from napari_scarseg.evaluation.shift_table import tabulate_shifts
from napari_scarseg.evaluation.summary import EvaluationTables, summarise, summarise_strata
from napari_scarseg.io import write_table

_ROWS = ("slices", "lesions", "stacks")


def write_run(folder: Path, tables: EvaluationTables, *, seed: int = 0) -> pd.DataFrame:
    """Write rows (`slices.csv`, `lesions.csv`, `stacks.csv`) and figures; returns the summary.

    `summary.csv` has all figures with intervals, `strata.csv` those by scar size, `table.csv` the form of the paper's.
    """
    summary = summarise(tables, seed=seed)
    write_rows(folder, tables)
    write_table(folder / "summary.csv", summary)
    write_table(folder / "strata.csv", summarise_strata(tables, seed=seed))
    write_table(folder / "table.csv", make_paper_table(tables))
    return summary


def write_rows(folder: Path, tables: EvaluationTables) -> None:
    """Write the rows alone: `slices.csv`, `lesions.csv` and `stacks.csv`."""
    for name in _ROWS:
        write_table(folder / f"{name}.csv", getattr(tables, name))


def write_shifts(folder: Path, slices: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Write the rows under shifts (`shift_slices.csv`) and what each shift costs (`shifts.csv`); returns the latter."""
    costs = tabulate_shifts(slices, seed=seed)
    write_table(folder / "shift_slices.csv", slices)
    write_table(folder / "shifts.csv", costs)
    return costs


def read_run(folder: Path) -> EvaluationTables:
    """Read the rows of an earlier run.

    Raises
    ------
    InputError
        If the folder is not one that `scarseg evaluate` wrote.
    """
    tables = []
    for name in _ROWS:
        try:
            table = pd.read_csv(folder / f"{name}.csv", dtype={"patient": str, "method": str})
        except (OSError, ValueError) as cause:
            raise InputError(
                f"The folder '{folder.name}' holds no readable {name}.csv; give the output folder of scarseg evaluate."
            ) from cause
        if not {"method", "patient"} <= set(table.columns):
            raise InputError(f"The {name}.csv in '{folder.name}' is not one that scarseg evaluate writes.")
        tables.append(table)
    return EvaluationTables(*tables)
