"""The bullseye: where each segment lies, and what is drawn in it."""

import numpy as np
import pytest
from matplotlib.patches import Wedge

from napari_scarseg.errors import InputError
from napari_scarseg.measure.bullseye import bullseye_figure, segment_place
from napari_scarseg.measure.themes import FigureTheme


def test_segments_cover_the_disc_once():
    places = [segment_place(segment) for segment in range(1, 18)]
    areas = [(outer**2 - inner**2) * (end - start) / 360 for inner, outer, start, end in places]
    assert sum(areas) == pytest.approx(1)
    assert len({(inner, start % 360) for inner, _, start, _ in places}) == 17


@pytest.mark.parametrize(
    ("segment", "angle"), [(1, 90), (2, 150), (4, 270), (6, 30), (7, 90), (13, 90), (14, 180), (15, 270), (16, 0)]
)
def test_centres_follow_the_aha(segment, angle):
    _, _, start, end = segment_place(segment)
    assert ((start + end) / 2) % 360 == angle


@pytest.mark.parametrize("theme", list(FigureTheme))
def test_known_segments_are_coloured_and_others_hatched(theme):
    figure = bullseye_figure({1: 0.0, 2: 100.0, 17: 50.0, 3: np.nan}, "Transmurality (%)", synthetic=True, theme=theme)
    wedges = [patch for patch in figure.axes[0].patches if isinstance(patch, Wedge)]
    assert [index + 1 for index, wedge in enumerate(wedges) if not wedge.get_hatch()] == [1, 2, 17]
    assert {"0", "100", "50"} <= {text.get_text() for text in figure.axes[0].texts}
    assert figure.get_suptitle() == "synthetic phantom data"
    assert figure.get_supxlabel() == "hatched: not known"


def test_refusals():
    with pytest.raises(InputError, match="no segment 18"):
        bullseye_figure({18: 1.0}, "x")
    with pytest.raises(InputError, match="from a smaller to a larger"):
        bullseye_figure({}, "x", limits=(1, 1))
