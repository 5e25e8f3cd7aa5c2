"""Figures against their pictures in `baselines/`, drawn from computed numbers.

Text is taken out before drawing, so that neither its font nor the font's renderer decides; what texts say is tested
elsewhere. What is left may differ by a root mean square of `TOLERANCE` grey levels of 255, which antialiasing stays
below and a moved point or a wrong colour does not. `python tests/measure/test_figure_images.py` draws the pictures
anew, to be looked at before they are committed.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import NullFormatter
from PIL import Image
from scipy import stats

from napari_scarseg.measure.bullseye import bullseye_figure
from napari_scarseg.measure.figure_agreement import bland_altman_figure
from napari_scarseg.measure.figure_intervals import interval_figure
from napari_scarseg.measure.figure_maps import correlation_figure, pca_figure
from napari_scarseg.measure.figures import PlotKind, distribution_figure, scatter_figure
from napari_scarseg.measure.themes import FigureTheme

BASELINES = Path(__file__).parent / "baselines"
TOLERANCE = 3.0
DPI = 60


def spread(n: int, turn: float, mean: float, sd: float) -> np.ndarray:
    """Quantiles of a normal curve in a mixed order: the same numbers with every version of every library."""
    order = np.argsort((np.arange(n) * turn) % 1)
    return mean + sd * stats.norm.ppf((np.arange(n) + 0.5) / n)[order]


def measures(shift: float = 0.0) -> pd.DataFrame:
    """16 acute and 13 chronic patients; two of them with small lesions."""
    n = (16, 13)
    golden, root = 0.6180339887, 0.4142135624
    area = np.concatenate([spread(n[0], golden, 400 + shift, 90), spread(n[1], golden, 300, 60)])
    solidity = np.concatenate([spread(n[0], root, 0.7, 0.06), spread(n[1], root, 0.78, 0.05)])
    return pd.DataFrame(
        {
            "patient": [f"P{i}" for i in range(sum(n))],
            "phase": ["acute"] * n[0] + ["chronic"] * n[1],
            "cohort": "phantom",
            "area_mm2": area,
            "solidity": solidity,
            "circularity": 0.2 + 0.5 * solidity + 0.0002 * area,
            "extent": 0.9 - 0.4 * solidity + np.concatenate([spread(k, 0.7320508, 0, 0.05) for k in n]),
            "is_small": [True, True] + [False] * (sum(n) - 2),
        }
    )


def pairs() -> pd.DataFrame:
    first = spread(18, 0.6180339887, 20, 6)
    return pd.DataFrame({"mass_g_first": first, "mass_g_second": first * 0.95 + spread(18, 0.4142135624, 0, 2)})


def estimates() -> pd.DataFrame:
    middle = np.array([0.6, -0.2, 0.1, 0.95])
    half = np.array([0.2, 0.3, 0.25, np.nan])
    names = ["Mass (g)", "Solidity", "Extent", "Area (mm²)"]
    return pd.DataFrame({"name": names, "value": middle, "low": middle - half, "high": middle + half})


NAMES = ("area_mm2", "solidity", "circularity", "extent")
MARKED = np.arange(29) == 4
FIGURES: dict[str, Callable[[], Figure]] = {
    **{
        kind.value: (lambda kind=kind: distribution_figure(measures(), "area_mm2", kind=kind, marked=MARKED))
        for kind in PlotKind
    },
    "scatter": lambda: scatter_figure(measures(), "area_mm2", "solidity"),
    "scatter_dark": lambda: scatter_figure(measures(), "area_mm2", "solidity", theme=FigureTheme.DARK),
    "correlation": lambda: correlation_figure(measures(), NAMES),
    "components": lambda: pca_figure(measures(), NAMES),
    "bland_altman": lambda: bland_altman_figure(pairs(), "mass_g"),
    "effects": lambda: interval_figure(estimates(), "Effect", limits=(-1, 1), texts=["a", "b", "c", "d"]),
    "bullseye": lambda: bullseye_figure({s: 6.0 * s for s in range(1, 17)}, "Scar (%)"),
    "bullseye_dark": lambda: bullseye_figure({s: 6.0 * s for s in range(1, 17)}, "Scar (%)", theme=FigureTheme.DARK),
}


def draw_without_text(figure: Figure) -> np.ndarray:
    """Pixels (Y, X, 3), uint8, of everything but text and legends."""
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(NullFormatter())
            axis.set_minor_formatter(NullFormatter())
        if axes.get_legend() is not None:
            axes.get_legend().remove()
    for text in figure.findobj(Text):
        # An annotation without text is an arrow.
        if text.get_text():
            text.set_visible(False)
            text.set_in_layout(False)
    figure.set_dpi(DPI)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def difference(name: str, pixels: np.ndarray) -> float:
    """Root mean square difference from a baseline, grey levels."""
    expected = np.asarray(Image.open(BASELINES / f"{name}.png").convert("RGB"))
    assert pixels.shape == expected.shape
    return float(np.sqrt(np.mean((pixels.astype(float) - expected) ** 2)))


@pytest.mark.parametrize("name", FIGURES)
def test_figure_is_the_one_that_was_looked_at(name):
    assert difference(name, draw_without_text(FIGURES[name]())) <= TOLERANCE


def test_every_baseline_is_of_a_figure():
    assert {path.stem for path in BASELINES.glob("*.png")} == set(FIGURES)


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("box", lambda: distribution_figure(measures(shift=60), "area_mm2", marked=MARKED)),
        ("scatter", lambda: scatter_figure(measures(), "area_mm2", "extent")),
        ("bullseye", lambda: bullseye_figure({s: 6.0 * s for s in range(2, 18)}, "Scar (%)")),
        ("effects", lambda: interval_figure(estimates(), "Effect", limits=(-1.4, 1), texts=["a", "b", "c", "d"])),
    ],
)
def test_another_figure_is_seen(name, figure):
    assert difference(name, draw_without_text(figure())) > 2 * TOLERANCE


if __name__ == "__main__":
    BASELINES.mkdir(exist_ok=True)
    for figure_name, make in FIGURES.items():
        Image.fromarray(draw_without_text(make())).save(BASELINES / f"{figure_name}.png", optimize=True)
