"""Figures of known rows; what is empty in the truth is kept apart."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.paper_table import make_paper_table
from napari_scarseg.evaluation.rows import compare_case
from napari_scarseg.evaluation.run_folder import read_run, write_run
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables, summarise, summarise_strata


@pytest.fixture
def tables(case_of: Callable[..., LabelledCase], in_mm: Spacing) -> EvaluationTables:
    """Two infarcts (one found exactly, one half), one missed, two normal hearts (one with false scar)."""
    scar = np.zeros((3, 20, 20), bool)
    scar[0, 2:8, 2:8] = True
    half = scar.copy()
    half[0, 2:5] = False
    empty, false = np.zeros_like(scar), np.zeros_like(scar)
    false[2, 3:7, 3:8] = True
    pairs = {"a": (scar, scar), "b": (scar, half), "c": (scar, empty), "m": (empty, empty), "n": (empty, false)}
    rows = [
        compare_case(case_of(truth, patient, in_mm), result, "detector") for patient, (truth, result) in pairs.items()
    ]
    return collect_tables((row, number) for number, row in enumerate(rows))


def value(table: pd.DataFrame, measure: str) -> float:
    return float(table.set_index("measure").value[measure])


def test_figures_by_hand(tables: EvaluationTables) -> None:
    summary = summarise(tables, draws=50)
    mean_dsc = (1 + 2 * 18 / 54 + 0) / 3
    assert value(summary, "slice DSC, slices with scar") == pytest.approx(mean_dsc)
    assert value(summary, "patient-volume DSC, infarct patients") == pytest.approx(mean_dsc)
    assert value(summary, "share of slices with scar where scar was found") == pytest.approx(2 / 3)
    assert value(summary, "share of scar-free slices left empty") == pytest.approx(11 / 12)
    assert value(summary, "false scar (px) per scar-free slice") == pytest.approx(20 / 12)
    assert value(summary, "share of infarct patients with scar found") == pytest.approx(2 / 3)
    assert value(summary, "share of scar-free patients with scar found") == 0.5
    assert value(summary, "size bias (px; result / truth - 1), infarct patients") == pytest.approx(54 / 108 - 1)
    voxel_g = 1.5 * 1.5 * 10 / 1000 * 1.05
    assert value(summary, "size difference (g; result - truth), infarct patients") == pytest.approx(-18 * voxel_g)
    assert value(summary, "lesion recall") == pytest.approx(2 / 3)
    assert value(summary, "lesion precision") == pytest.approx(2 / 3)
    assert summary.set_index("measure").rows["HD95 (px), slices with scar in both"] == 2
    assert not summary.value.isna().any()


def test_patient_f1(tables: EvaluationTables) -> None:
    stacks = tables.stacks
    true, found = stacks.truth_px > 0, stacks.result_px > 0
    precision, recall = true[found].mean(), found[true].mean()
    expected = 2 * precision * recall / (precision + recall)
    assert value(summarise(tables, draws=20), "patient detection F1") == pytest.approx(expected)


def test_empty_slices_never_enter_a_mean(tables: EvaluationTables) -> None:
    dsc = tables.slices[tables.slices.truth_px > 0].dsc
    assert len(dsc) == 3 and not dsc.isna().any()
    summary = summarise(tables, draws=20).set_index("measure")
    assert summary.rows["slice DSC, slices with scar"] == 3
    assert summary.rows["share of scar-free slices left empty"] == 12


def test_strata_are_thirds_of_the_truth() -> None:
    sizes = np.arange(10, 100, 10)
    slices = pd.DataFrame(
        {
            "method": "detector",
            "patient": [f"p{n}" for n in range(9)],
            "truth_px": sizes,
            "result_px": sizes,
            "dsc": sizes / 100,
            "perimeter_similarity": 1.0,
        }
    )
    stacks = slices.assign(volume_dsc=slices.dsc)
    lesions = slices.assign(side="truth", lesion_px=sizes, is_matched=sizes > 30)
    strata = summarise_strata(EvaluationTables(slices, lesions, stacks), draws=20)
    dsc = strata[strata.measure == "slice DSC"].set_index("stratum")
    assert dsc.value.to_dict() == pytest.approx({"small": 0.2, "medium": 0.5, "large": 0.8})
    assert dsc.low_px.to_dict() == {"small": 10, "medium": 40, "large": 70}
    assert strata[strata.measure == "lesion recall"].value.tolist() == [0.0, 1.0, 1.0]


def test_the_paper_s_form(tables: EvaluationTables) -> None:
    row = make_paper_table(tables).iloc[0]
    assert row.method == "YOLO-SAM"
    assert row.dsc == f"{np.mean([1, 2 / 3, 0]):.3f} ± {np.std([1, 2 / 3, 0], ddof=1):.3f}"
    assert row["size"].endswith(" g")
    assert row.p_size == ""  # three patients prove nothing
    assert (row.slices, row.patients) == (3, 3)


def test_a_data_set_without_any_scar_has_its_figures(case_of: Callable[..., LabelledCase]) -> None:
    empty = np.zeros((2, 9, 9), bool)
    tables = collect_tables([(compare_case(case_of(empty), empty, "detector"), None)])
    summary = summarise(tables, draws=20)
    assert value(summary, "share of scar-free patients with scar found") == 0
    assert "slice DSC, slices with scar" not in set(summary.measure)
    assert not summary.value.map(math.isnan).any()
    assert summarise_strata(tables, draws=20).empty


def test_a_run_can_be_read_back(tables: EvaluationTables, tmp_path: Path) -> None:
    written = write_run(tmp_path, tables)
    again = summarise(read_run(tmp_path))
    pd.testing.assert_frame_equal(again, written, check_dtype=False)
    with pytest.raises(InputError, match="output folder of scarseg evaluate"):
        read_run(tmp_path / "absent")
