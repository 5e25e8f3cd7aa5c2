"""Random fields."""

import numpy as np
import pytest

from napari_scarseg.phantom.noise import draw_smooth_field, soft_step


@pytest.mark.parametrize("open_axes", [(), (0,), (0, 1)])
def test_a_field_is_as_lively_at_its_ends_as_in_its_middle(open_axes):
    rng = np.random.default_rng(0)
    fields = np.stack([draw_smooth_field(rng, (40, 60), (3, 5), open_axes) for _ in range(300)])
    spread = fields.std(axis=0)
    assert spread[[0, -1]].mean() == pytest.approx(spread[15:25].mean(), rel=0.06)
    assert spread[:, [0, -1]].mean() == pytest.approx(spread[:, 25:35].mean(), rel=0.06)


def test_closed_axes_meet_and_open_ones_do_not():
    rng = np.random.default_rng(0)
    fields = np.stack([draw_smooth_field(rng, (40, 60), (3, 5), (0,)) for _ in range(300)])
    assert np.corrcoef(fields[:, 20, 0], fields[:, 20, -1])[0, 1] > 0.9
    assert abs(np.corrcoef(fields[:, 0, 30], fields[:, -1, 30])[0, 1]) < 0.3


def test_the_soft_step_runs_from_zero_to_one():
    assert soft_step(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
