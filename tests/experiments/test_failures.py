"""Failures that are planted are found, and lesions are described as they were drawn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_scarseg.datasets import LabelledCase
from napari_scarseg.experiments.continuity import measure_continuity
from napari_scarseg.experiments.failures import (
    count_components,
    cut_trait,
    describe_lesions,
    flag_slices,
    order_strata,
    worst_slices,
)
from napari_scarseg.experiments.gallery import Tile, gallery_figure
from napari_scarseg.experiments.segment_case import compare_with_continuity


def flags_of(case: LabelledCase, result: np.ndarray) -> pd.DataFrame:
    rows = compare_with_continuity(case, result, "truth").slices
    counts = zip(rows, count_components(case.scar), count_components(result), strict=True)
    return flag_slices(pd.DataFrame([{**r, "components_truth": t, "components_result": f} for r, t, f in counts]))


def test_a_moved_scar_is_shifted(ring_case: LabelledCase) -> None:
    flags = flags_of(ring_case, np.roll(ring_case.scar, 9, axis=2))
    assert flags["is_shifted"].tolist() == [False, True, True]
    assert not flags[["is_fragmented", "is_missed", "is_invented"]].any(axis=None)


def test_pieces_misses_and_inventions(ring_case: LabelledCase) -> None:
    result = np.zeros_like(ring_case.scar)
    result[0, 2:6, 2:6] = True
    result[1] = ring_case.scar[1]
    result[1, 30:35] = False
    flags = flags_of(ring_case, result)
    assert flags["is_invented"].tolist() == [True, False, False]
    assert flags["is_fragmented"].tolist() == [False, True, False]
    assert flags["is_missed"].tolist() == [False, False, True]


def test_traits_of_a_lesion_are_those_that_were_drawn(ring_case: LabelledCase) -> None:
    mvo = ring_case.scar.copy()
    mvo[1] = False
    (lesion,) = describe_lesions(ring_case, ring_case.scar, ring_case.scar, mvo)
    assert lesion["is_matched"] and lesion["lesion_px"] == ring_case.scar.sum()
    assert lesion["mvo_share"] == pytest.approx(0.5)
    assert lesion["side"] == "right"
    assert lesion["position"] == pytest.approx(0.75)
    # Scar is 120 brighter than the wall, whose noise is 4.
    assert lesion["contrast"] == pytest.approx(30, rel=0.15)
    (missed,) = describe_lesions(ring_case, ring_case.scar, np.zeros_like(ring_case.scar), None)
    assert not missed["is_matched"] and np.isnan(missed["mvo_share"])  # type: ignore[arg-type]


@pytest.mark.parametrize(("turns", "side"), [(0, "right"), (1, "top"), (2, "left"), (3, "bottom")])
def test_sides_are_those_of_the_image(ring_case: LabelledCase, turns: int, side: str) -> None:
    def turn(mask: np.ndarray) -> np.ndarray:
        return np.rot90(mask, turns, axes=(1, 2))

    assert ring_case.lv is not None and ring_case.myocardium is not None
    case = replace(ring_case, scar=turn(ring_case.scar), lv=turn(ring_case.lv), myocardium=turn(ring_case.myocardium))
    (lesion,) = describe_lesions(case, case.scar, case.scar, None)
    assert lesion["side"] == side


def test_thirds_hold_equally_many_and_stand_in_order() -> None:
    sizes = pd.Series([5, 90, 7, 50, 6, 60, 8, 55, 100], dtype=float)
    strata = cut_trait(sizes, "lesion_px")
    assert strata.value_counts().tolist() == [3, 3, 3]
    order = order_strata(sizes, strata)
    assert [sizes[strata == name].max() for name in order] == [7, 55, 100]
    shares = pd.Series([0.0, 0.2, np.nan])
    assert cut_trait(shares, "mvo_share").tolist() == ["none", "some", ""]


def test_worst_slices_come_first_and_are_drawn(ring_case: LabelledCase) -> None:
    slices = pd.DataFrame(
        {"patient": list("aaab"), "truth_px": [9, 9, 9, 9], "dsc": [0.1, 0.2, 0.3, 0.9], "slice": range(4)}
    )
    assert worst_slices(slices, 3)["slice"].tolist() == [0, 1, 3]
    tiles = [Tile(ring_case, 1, ring_case.scar, "first"), Tile(ring_case, 0, np.zeros_like(ring_case.scar), "second")]
    figure = gallery_figure(tiles, synthetic="synthetic")
    assert len(figure.axes) == 4


def test_continuity_of_a_result_that_breaks_off(ring_case: LabelledCase) -> None:
    whole = measure_continuity(ring_case.scar, ring_case.scar)
    assert whole["pairs"] == 1
    assert whole["neighbour_dsc"] == whole["neighbour_dsc_truth"] == 1
    broken = ring_case.scar.copy()
    broken[2] = False
    figures = measure_continuity(broken, ring_case.scar)
    assert (figures["broken_pairs"], figures["area_jump"], figures["area_jump_truth"]) == (1, 1, 0)
    assert np.isnan(measure_continuity(broken[:2], ring_case.scar[:2])["neighbour_dsc"])
