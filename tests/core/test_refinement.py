"""Refining masks: what each choice does, and that none leaves what the segmenter has answered for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_scarseg.core.masks import BoxMask, compose_labels
from napari_scarseg.core.refinement import REFINED_THRESHOLD, Refinement, refine_mask
from napari_scarseg.errors import InputError


def mask_of(rows: list[str]) -> BoxMask:
    logits = np.array([[1.0 if cell == "#" else -1.0 for cell in row] for row in rows], dtype=np.float32)
    return BoxMask("a", 3, 2, 4, 5, logits)


def inside(mask: BoxMask, refinement: Refinement, calibrated: float = 0.0) -> list[str]:
    kept = np.isfinite(refine_mask(mask, refinement, calibrated).logits)
    return ["".join("#" if cell else "." for cell in row) for row in kept]


RING = [".......", ".#####.", ".#...#.", ".#...#.", ".#####.", "......."]


def test_the_core_of_a_ring_is_filled_and_an_open_one_is_not() -> None:
    assert inside(mask_of(RING), Refinement(fill_holes=True))[2:4] == [".#####.", ".#####."]
    open_ring = [RING[0], ".##.##.", *RING[2:]]
    assert inside(mask_of(open_ring), Refinement(fill_holes=True)) == open_ring


def test_growing_and_shrinking_are_distances_in_pixels() -> None:
    dot = [".....", ".....", "..#..", ".....", "....."]
    assert inside(mask_of(dot), Refinement(grow_px=1)) == [".....", "..#..", ".###.", "..#..", "....."]
    square = [".....", ".###.", ".###.", ".###.", "....."]
    assert inside(mask_of(square), Refinement(grow_px=-1)) == dot
    # Cut off by its box, not by tissue.
    assert inside(mask_of(["###", "###"]), Refinement(grow_px=-1)) == ["###", "###"], (
        "cut off by its box, not by tissue"
    )


def test_the_largest_part_is_kept_with_its_diagonal_neighbours() -> None:
    parts = ["##...", "..#..", "....#"]
    assert inside(mask_of(parts), Refinement(keep_largest=True)) == [*parts[:2], "....."]


def test_own_threshold_goes_before_the_calibrated_one() -> None:
    mask = mask_of(["#."])
    assert inside(mask, Refinement(), calibrated=2.0) == [".."]
    assert inside(mask, Refinement(threshold_logit=0.0), calibrated=2.0) == ["#."]
    assert inside(mask, Refinement(threshold_logit=-3.0), calibrated=2.0) == ["##"]


def test_the_higher_logit_still_wins_an_overlap() -> None:
    low = BoxMask("a", 1, 0, 0, 0, np.full((1, 3), 0.5, np.float32))
    high = BoxMask("b", 2, 0, 0, 1, np.full((1, 2), -0.5, np.float32))
    refined = [refine_mask(low, Refinement(), 0.0), refine_mask(high, Refinement(threshold_logit=-1.0), 0.0)]
    assert compose_labels(refined, (1, 3), REFINED_THRESHOLD).tolist() == [[1, 1, 1]]


def test_growth_without_measure_is_refused() -> None:
    with pytest.raises(InputError, match="at most 10 px"):
        Refinement(grow_px=11)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32 - 1), st.integers(-3, 3), st.booleans(), st.booleans(), st.sampled_from([None, -1.0, 0.0, 1.0])
)
def test_a_refined_mask_is_what_was_asked_for(seed: int, grow: int, fill: bool, largest: bool, own: float) -> None:
    logits = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 4, (12, 14)), 1.2).astype(np.float32)
    mask = BoxMask("a", 1, 0, 3, 3, logits)
    refined = refine_mask(mask, Refinement(own, grow, fill, largest), 0.1)
    kept = np.isfinite(refined.logits)
    assert np.array_equal(refined.logits[kept], logits[kept])
    assert (refined.row, refined.col, refined.lesion_id, refined.slice) == (3, 3, 1, 0)
    plain = logits > (0.1 if own is None else own)
    if not plain.any():
        assert not kept.any()
    if grow == 0 and not fill and not largest:
        assert np.array_equal(kept, plain)
    if largest:
        assert ndimage.label(kept, structure=np.ones((3, 3)))[1] <= 1
    if fill and not largest:
        assert np.array_equal(ndimage.binary_fill_holes(kept), kept)
