"""Two runs on the same patients."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from napari_scarseg.errors import InputError
from napari_scarseg.evaluation.paired import compare_methods, compare_runs, signed_rank_p
from napari_scarseg.evaluation.summary import EvaluationTables


def make_run(dsc: np.ndarray, method: str = "detector", prefix: str = "p") -> EvaluationTables:
    """Two equal slices per patient."""
    patients = np.repeat([f"{prefix}{n}" for n in range(len(dsc))], 2)
    twice = np.repeat(dsc, 2)
    slices = pd.DataFrame({"method": method, "patient": patients, "truth_px": 10, "result_px": 10, "dsc": twice})
    for column in ("iou", "perimeter_similarity", "surface_dice_1px", "surface_dice_2px"):
        slices[column] = twice
    stacks = slices.iloc[::2].assign(volume_dsc=dsc)
    return EvaluationTables(slices, pd.DataFrame({"method": []}), stacks)


def test_a_known_gain_is_found_with_patients_as_the_unit() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0.4, 0.8, 20)
    after = before + 0.05 + rng.normal(0, 0.01, 20)
    table = compare_runs(make_run(after), make_run(before)).set_index("measure")
    row = table.loc["dsc, mean over the patient's slices with scar"]
    assert row.difference == pytest.approx(np.mean(after - before))
    assert row.low < row.difference < row.high and row.low > 0.04
    assert row.patients == 20
    assert row.p == pytest.approx(stats.wilcoxon(after, before).pvalue)
    assert (table.p_adjusted.dropna() >= table.p.dropna()).all()


def test_a_run_does_not_differ_from_itself() -> None:
    run = make_run(np.linspace(0.2, 0.9, 8))
    table = compare_runs(run, run)
    assert (table.difference == 0).all() and (table.p.dropna() == 1).all()


def test_false_alarms_stay_near_five_per_cent() -> None:
    rng = np.random.default_rng(5)
    alarms = sum(signed_rank_p(rng.normal(size=15)) < 0.05 for _ in range(600))
    assert 0.02 <= alarms / 600 <= 0.08


def test_few_pairs_have_no_p() -> None:
    assert np.isnan(signed_rank_p([0.1] * 5))
    assert signed_rank_p([0.0] * 6) == 1


def test_methods_of_one_run() -> None:
    both = [make_run(np.full(7, 0.6), "detector"), make_run(np.full(7, 0.7), "truth")]
    run = EvaluationTables(*(pd.concat([getattr(r, name) for r in both]) for name in ("slices", "lesions", "stacks")))
    table = compare_methods(run, "truth", "detector")
    assert table.difference.iloc[0] == pytest.approx(0.1)


def test_runs_with_nothing_in_common_are_refused() -> None:
    run = make_run(np.full(7, 0.5))
    with pytest.raises(InputError, match="no method in common"):
        compare_runs(run, make_run(np.full(7, 0.5), "truth"))
    with pytest.raises(InputError, match="no patient in common"):
        compare_runs(run, make_run(np.full(7, 0.5), prefix="q"))
