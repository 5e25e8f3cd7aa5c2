"""Runs are known by a hash, skipped when finished, and do not depend on the number of processes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables
from napari_scarseg.experiments.execute import execute_runs, read_record
from napari_scarseg.experiments.results import collect_runs, compare_with, estimate_methods, tabulate_runs
from napari_scarseg.experiments.run import Run


@dataclass(frozen=True)
class Planted:
    """Makes rows whose DSC is known, and counts how often it ran."""

    dsc: float

    def describe(self) -> dict[str, Any]:
        return {"dsc": self.dsc}

    def execute(self, folder: Path) -> EvaluationTables:
        with (folder / "count.txt").open("a") as file:
            file.write("x")
        return collect_tables(_case(f"P{n}", self.dsc + 0.01 * n) for n in range(8))


def _case(patient: str, dsc: float) -> Any:
    from napari_scarseg.evaluation.rows import CaseRows

    keys = {"method": "truth", "patient": patient, "case": patient, "cohort": "here"}
    scores = {"dsc": dsc, "iou": dsc, "perimeter_similarity": 0.9, "surface_dice_1px": 1.0, "surface_dice_2px": 1.0}
    slices = [{**keys, "slice": 0, "truth_px": 9, "result_px": 9, **scores}]
    stack = {**keys, "truth_px": 9, "result_px": 9, "volume_dsc": dsc, "truth_mass_g": np.nan, "result_mass_g": np.nan}
    return CaseRows(slices, [], stack), 0


def run_of(name: str, dsc: float, data: str = "data") -> Run:
    return Run(name, {"variant": name, "seed": 0}, Planted(dsc), data)


def test_finished_runs_are_skipped_and_changed_ones_are_not(tmp_path: Path) -> None:
    run = run_of("a", 0.5)
    assert [done.was_skipped for done in execute_runs([run], tmp_path)] == [False]
    assert [done.was_skipped for done in execute_runs([run], tmp_path)] == [True]
    assert (tmp_path / run.folder_name / "count.txt").read_text() == "x"
    for other in (run_of("a", 0.6), run_of("a", 0.5, data="other")):
        assert read_record(tmp_path, other) is None


def test_a_run_without_its_record_is_done_again(tmp_path: Path) -> None:
    run = run_of("a", 0.5)
    list(execute_runs([run], tmp_path))
    (tmp_path / run.folder_name / "run.json").write_text("{")
    assert [done.was_skipped for done in execute_runs([run], tmp_path)] == [False]


def test_tables_are_the_same_whatever_was_skipped(tmp_path: Path) -> None:
    runs = [run_of("low", 0.3), run_of("high", 0.6)]
    list(execute_runs(runs[:1], tmp_path))
    list(execute_runs(runs, tmp_path))
    first = tabulate_runs(runs, collect_runs(runs, tmp_path))
    list(execute_runs(runs, tmp_path))
    assert tabulate_runs(runs, collect_runs(runs, tmp_path)).equals(first)
    assert first["slice_dsc"].round(3).tolist() == [0.335, 0.635]


def test_a_planted_difference_is_told_apart(tmp_path: Path) -> None:
    runs = [run_of("low", 0.3), run_of("high", 0.6), run_of("same", 0.6)]
    list(execute_runs(runs, tmp_path))
    tables = collect_runs(runs, tmp_path)
    compared = compare_with(tables, "high").set_index(["method", "measure"])
    low, same = compared.loc[("low", "slice DSC")], compared.loc[("same", "slice DSC")]
    assert low["difference"] == pytest.approx(-0.3) and low["p_adjusted"] < 0.05
    assert same["difference"] == 0 and same["p_adjusted"] == 1
    estimates = estimate_methods(tables).set_index(["method", "measure"])
    assert estimates.loc[("high", "slice DSC"), "value"] == pytest.approx(0.635)
