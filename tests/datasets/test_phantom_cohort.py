"""The sample cohort: the same every time, complete, and named synthetic wherever it is drawn."""

import pandas as pd
import pytest

from napari_scarseg.core.case import Phase
from napari_scarseg.datasets import make_phantom_cohort
from napari_scarseg.datasets.phantom_cohort import COHORT_SIZE, plan_phantoms
from napari_scarseg.errors import InputError
from napari_scarseg.measure import check_measures
from napari_scarseg.measure.figure_agreement import bland_altman_figure
from napari_scarseg.measure.figure_maps import correlation_figure, pca_figure
from napari_scarseg.measure.figures import PlotKind, distribution_figure, scatter_figure
from napari_scarseg.phantom import make_phantom


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return make_phantom_cohort(5, seed=3)


def test_a_table_of_measures_with_image_and_wall(cohort: pd.DataFrame) -> None:
    checked = check_measures(cohort)
    # The fifth has no scar, so no row.
    assert checked["patient"].unique().tolist() == [f"PH3-{n:04d}" for n in range(1, 5)]
    assert checked.groupby("patient")["phase"].first().tolist() == ["acute", "chronic", "acute", "chronic"]
    assert checked["transmurality_pct"].notna().any() and checked["intensity_mean"].notna().all()
    assert set(checked["cohort"]) == {"phantom"}


def test_the_default_cohort_has_ten_of_each_phase_and_begins_as_a_shorter_one() -> None:
    planned = plan_phantoms(COHORT_SIZE)
    assert [sum(p.phase is phase for p in planned) for phase in (Phase.ACUTE, Phase.CHRONIC, Phase.NONE)] == [10, 10, 5]
    assert planned[:7] == plan_phantoms(7) and len({p.seed for p in planned}) == COHORT_SIZE
    assert {p.phase for p in plan_phantoms(4, phase=Phase.CHRONIC)} == {Phase.CHRONIC}
    with pytest.raises(InputError, match="at least one patient"):
        plan_phantoms(0)


def test_measured_mass_is_that_of_the_phantoms_labels_within_one_percent(cohort: pd.DataFrame) -> None:
    patient = plan_phantoms(1, seed=3)[0]
    made = make_phantom(patient.seed, patient.phase)
    spacing = made.stack.spacing
    truth_g = int((made.labels >= 3).sum()) * spacing.z_mm * spacing.y_mm * spacing.x_mm / 1000 * 1.05
    measured_g = cohort.loc[cohort["patient"] == patient.name, "mass_g"].sum()
    assert measured_g == pytest.approx(truth_g, rel=0.01)


def test_every_figure_says_synthetic(cohort: pd.DataFrame) -> None:
    names = ("area_mm2", "solidity", "circularity")
    pairs = cohort[["patient", "cohort"]].assign(solidity_first=cohort["solidity"], solidity_second=cohort["extent"])
    figures = [
        *(distribution_figure(cohort, "area_mm2", kind=kind) for kind in PlotKind),
        scatter_figure(cohort, "area_mm2", "solidity"),
        correlation_figure(cohort, names),
        pca_figure(cohort, names),
        bland_altman_figure(pairs, "solidity", unit="slices"),
    ]
    assert {figure.get_suptitle() for figure in figures} == {"synthetic phantom data"}
