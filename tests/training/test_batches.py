"""Batches are the same however they are cut, several components are asked for at once, and finds become prompts."""

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_scarseg.core.box import Box
from napari_scarseg.engines.sam_network import SamConfig
from napari_scarseg.engines.small_sam import SmallSamConfig
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.io import write_boxes
from napari_scarseg.training.augmentation import identity_augmentation
from napari_scarseg.training.batches import BatchPlan, Piece, _Maker, draw_batches
from napari_scarseg.training.config import AugmentationRanges, PromptShares, SegmenterTraining
from napari_scarseg.training.data import read_parts, sample_groups
from napari_scarseg.training.found_boxes import match_found
from napari_scarseg.training.samples import Sample, Softening, slice_components
from napari_scarseg.training.sampling import PromptDraw, SampleDraw, apply_sample, draw_sample
from napari_scarseg.training.views import SliceView, SmallView

WHOLE = SliceView(SamConfig(16, 2, 2, (1,), image_size=64))


def _sample(found: tuple[Box, ...] = ()) -> Sample:
    """A slice with two scars, 12 × 20 and 8 × 8 px."""
    scar = np.zeros((64, 48), bool)
    scar[10:22, 6:26] = True
    scar[40:48, 30:38] = True
    volume = np.random.default_rng(0).normal(100, 5, (1, 64, 48)).astype(np.float32)
    return Sample(volume, 0, scar, None, None, None, slice_components(scar, Softening(0), found))


def _batches(plan: BatchPlan) -> list[list[Piece]]:
    groups, shares = [([_sample()], 1.0)], PromptShares(per_window=2)
    return list(draw_batches(groups, WHOLE, AugmentationRanges(), shares, plan, seed=7, first_step=0, steps=2))


def test_a_batch_is_the_same_in_pieces_and_over_processes() -> None:
    whole = _batches(BatchPlan(4))
    cut = _batches(BatchPlan(4, accumulate=2))
    shared = [_batches(BatchPlan(4, processes=2, rank=rank)) for rank in (0, 1)]
    for step in (0, 1):
        expected = whole[step][0].batch
        for pieces in (cut[step], [shared[0][step][0], shared[1][step][0]]):
            for name in ("windows", "boxes", "mask", "soft"):
                joined = torch.cat([getattr(piece.batch, name) for piece in pieces])
                assert torch.equal(joined, getattr(expected, name)), name


def test_a_batch_is_the_same_whoever_makes_it() -> None:
    groups = [([_sample(), _sample()], 0.7), ([_sample()], 0.3)]
    plan, shares = BatchPlan(4, accumulate=2), PromptShares(per_window=2)

    def pieces(first_step: int, workers: int) -> list[Piece]:
        ranges = AugmentationRanges()
        steps = draw_batches(
            groups, WHOLE, ranges, shares, plan, seed=7, first_step=first_step, steps=5, workers=workers
        )
        return [piece for step in steps for piece in step]

    expected, made = pieces(1, 0), pieces(1, 2)
    assert len(made) == len(expected) == 8
    for one, other in zip(made, expected, strict=True):
        assert all(torch.equal(first, second) for first, second in zip(one.batch, other.batch, strict=True))
        assert one.windows == other.windows
        # Not copies: large stacks do not cross from process to process.
        assert all(first is second for first, second in zip(one.samples, other.samples, strict=True))


def test_what_makes_batches_crosses_to_other_processes() -> None:
    """As it does where there is no fork."""
    maker = _Maker([([_sample()], 1.0)], WHOLE, AugmentationRanges(), PromptShares(), BatchPlan(2), 7)
    (made,), (again,) = maker[3], pickle.loads(pickle.dumps(maker))[3]
    assert all(torch.equal(first, second) for first, second in zip(made.batch, again.batch, strict=True))


def test_a_worker_that_ends_is_told_with_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Maker, "__getitem__", lambda maker, step: os._exit(1))
    steps = draw_batches(
        [([_sample()], 1.0)], WHOLE, AugmentationRanges(), PromptShares(), BatchPlan(2),
        seed=7, first_step=0, steps=2, workers=1,
    )  # fmt: skip
    with pytest.raises(ScarSegError, match="workers = 0"):
        next(steps)


def test_all_components_of_a_slice_are_asked_for_in_one_window() -> None:
    ((piece,), _) = _batches(BatchPlan(3))
    owners = piece.batch.owners.tolist()
    assert owners == sorted(owners) and max(owners) < 3
    assert len(owners) > 3, "some windows hold both scars"
    for n in range(len(owners)):
        x_min, y_min, x_max, y_max = piece.batch.boxes[n].tolist()
        assert 0 <= x_min < x_max <= 64 and 0 <= y_min < y_max <= 64
        rows, cols = np.nonzero(piece.batch.mask[n].numpy())
        # Answers have a quarter of the samples.
        assert y_min - 12 < rows.mean() * 4 < y_max + 12 and x_min - 12 < cols.mean() * 4 < x_max + 12


def test_a_whole_slice_is_seen_as_the_program_sees_it() -> None:
    sample = _sample()
    draw = SampleDraw(identity_augmentation(), (PromptDraw(1, np.zeros(4)),), False, np.zeros(4))
    picture = apply_sample(sample, draw, WHOLE, 0.7)
    assert (picture.window.row_max, picture.window.col_max) == (64, 64)
    np.testing.assert_allclose(picture.boxes[0], [30, 40, 38, 48], atol=1e-4)
    # An answer's sample is 4 × 4 px large here, and scar where half of it is.
    target = torch.from_numpy(sample.components[1].target).float()
    share = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(target, (0, 16))[None], 4)
    assert torch.equal(picture.mask, (share >= 0.5).float())


def test_a_second_box_outside_the_small_network_s_window_is_not_asked_there() -> None:
    view = SmallView(SmallSamConfig(window_size=32, box_factor=1.2, box_min_px=8, box_min_share=0))
    both = (PromptDraw(1, np.zeros(4)), PromptDraw(0, np.zeros(4)))
    picture = apply_sample(_sample(), SampleDraw(identity_augmentation(), both, False, np.zeros(4)), view, 0.7)
    assert len(picture.boxes) == 1
    wide = SmallView(SmallSamConfig(window_size=32, box_min_px=128))
    assert (
        len(apply_sample(_sample(), SampleDraw(identity_augmentation(), both, False, np.zeros(4)), wide, 0.7).boxes)
        == 2
    )


def test_without_pictures_only_boxes_change() -> None:
    rng = np.random.default_rng(4)
    draw = draw_sample(rng, _sample(), AugmentationRanges(), PromptShares(), pictures=False)
    picture = apply_sample(_sample(), draw, WHOLE, 0.7, pictures=False)
    assert picture.pixels is None
    assert (draw.augmentation.matrix == np.eye(2)).all() and not draw.augmentation.reverses_context
    assert np.abs(draw.prompts[0].edge_shifts).max() > 0


def test_the_window_moves_and_box_and_mask_with_it() -> None:
    still = SampleDraw(identity_augmentation(), (PromptDraw(1, np.zeros(4)),), False, np.zeros(4))
    moved = replace(still, augmentation=replace(identity_augmentation(), translation=np.array([0.125, -0.125])))
    first, second = (apply_sample(_sample(), draw, WHOLE, 0.7) for draw in (still, moved))
    np.testing.assert_allclose(second.boxes[0] - first.boxes[0], [8, -8, 8, -8], atol=1e-4)
    assert torch.equal(second.mask[0], first.mask[0].roll((-2, 2), (0, 1)))


# --- the detector's boxes ---------------------------------------------------------------------------------------------


def test_a_find_goes_to_the_component_that_it_overlaps_most_and_a_bad_one_nowhere() -> None:
    tight = [Box(0, 10, 6, 22, 26), Box(0, 40, 30, 48, 38)]
    near, stray = Box(5, 9, 8, 22, 26), Box(5, 0, 0, 30, 48)
    shifts = match_found(tight, [near, stray])
    np.testing.assert_allclose(shifts[0][0], [-1 / 12, 2 / 20, 0, 0])
    assert len(shifts[0]) == 1 and shifts[1] == ()


def test_a_share_of_the_prompts_are_finds_as_they_are() -> None:
    sample = _sample((Box(0, 9, 8, 22, 26),))
    rng = np.random.default_rng(0)
    ranges = AugmentationRanges(jitter_fraction=0)
    draws = [draw_sample(rng, sample, ranges, PromptShares(detector=0.5), pictures=False) for _ in range(200)]
    of_first = [draw for draw in draws if draw.prompts[0].component == 0]
    found = [draw for draw in of_first if draw.prompts[0].is_found]
    assert 0.35 < len(found) / len(of_first) < 0.65
    assert not any(draw.prompts[0].is_found for draw in draws if draw.prompts[0].component == 1)
    picture = apply_sample(sample, found[0], WHOLE, 0.7)
    np.testing.assert_allclose(picture.boxes[0], [8, 9, 26, 22], atol=1e-4)


def test_boxes_come_from_the_data_set_s_folder(
    small_config: Callable[..., SegmenterTraining], dataset: Path, tmp_path: Path
) -> None:
    parts = [{"path": dataset, "held_out_fold": 1, "boxes": tmp_path}]
    config = small_config(datasets=parts, prompts={"detector": 0.5})
    train, _ = read_parts(config.datasets)
    with pytest.raises(InputError, match=r"holds no '0_boxes.csv'.*scarseg detect"):
        sample_groups(train, config)
    write_boxes(tmp_path / "0_boxes.csv", [Box(1, 20, 34, 44, 46)])
    write_boxes(tmp_path / "2_boxes.csv", [])
    groups = sample_groups(train, config)
    components = [component for samples, _ in groups for sample in samples for component in sample.components]
    assert sorted(len(component.found) for component in components) == [0, 1]
    write_boxes(tmp_path / "2_boxes.csv", [Box(9, 1, 1, 8, 8)])
    with pytest.raises(InputError, match="boxes on slices that its stack does not have"):
        sample_groups(train, config)
