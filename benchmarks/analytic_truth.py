"""Measured against theory: shapes whose area and perimeter are known, drawn many times anywhere on the grid.

`python benchmarks/analytic_truth.py` prints the table of docs/science/measures.md: mean error, and the smallest and
largest in brackets. Placements and angles are drawn from a fixed seed.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import ellipe

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.measure import measure_labels

SIDE = 96
Draw = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def ellipse(a: float, b: float) -> Draw:
    """Semi-axes in mm."""

    def draw(y: np.ndarray, x: np.ndarray, angle: float) -> np.ndarray:
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        return (along / a) ** 2 + (across / b) ** 2 <= 1

    return draw


def ring(inner: float, outer: float, extent: float = 2 * math.pi) -> Draw:
    """Ring, or a band of it that spans `extent` rad."""

    def draw(y: np.ndarray, x: np.ndarray, angle: float) -> np.ndarray:
        radius = np.hypot(y, x)
        return (radius >= inner) & (radius <= outer) & ((np.arctan2(y, x) - angle) % (2 * math.pi) <= extent)

    return draw


def two_discs(radius: float, distance: float) -> Draw:
    """Two discs, `distance` between their middles."""

    def draw(y: np.ndarray, x: np.ndarray, angle: float) -> np.ndarray:
        dy, dx = distance / 2 * math.sin(angle), distance / 2 * math.cos(angle)
        return (np.hypot(y - dy, x - dx) <= radius) | (np.hypot(y + dy, x + dx) <= radius)

    return draw


def ellipse_length(a: float, b: float) -> float:
    """Perimeter of an ellipse with the semi-axes a ≥ b."""
    return float(4 * a * ellipe(1 - (b / a) ** 2))


SHAPES: tuple[tuple[str, Draw, float, float, tuple[float, float]], ...] = (
    ("disc, radius 8 mm", ellipse(8, 8), math.pi * 64, 16 * math.pi, (1.0, 1.0)),
    ("disc, radius 8 mm", ellipse(8, 8), math.pi * 64, 16 * math.pi, (1.4, 1.8)),
    ("ellipse 30 × 8 mm", ellipse(15, 4), math.pi * 60, ellipse_length(15, 4), (1.0, 1.0)),
    ("ellipse 30 × 8 mm", ellipse(15, 4), math.pi * 60, ellipse_length(15, 4), (1.0, 2.0)),
    ("ring, 12 to 18 mm", ring(12, 18), math.pi * 180, 2 * math.pi * 30, (1.0, 1.0)),
    ("ring, 12 to 18 mm", ring(12, 18), math.pi * 180, 2 * math.pi * 30, (1.4, 1.4)),
    ("band, 20 to 25 mm, 120°", ring(20, 25, 2 * math.pi / 3), math.pi * 75, 2 * math.pi / 3 * 45 + 10, (1.0, 1.0)),
    ("band, 20 to 25 mm, 120°", ring(20, 25, 2 * math.pi / 3), math.pi * 75, 2 * math.pi / 3 * 45 + 10, (1.4, 1.8)),
    ("two discs, radius 5 mm", two_discs(5, 20), 2 * math.pi * 25, 20 * math.pi, (1.0, 1.0)),
)


def measure_errors(draw: Draw, area: float, length: float, grid: tuple[float, float], n: int) -> np.ndarray:
    """Errors in % of area and perimeter, and n_components, (n, 3), of `n` placements and angles."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    rows_of_errors = []
    for _ in range(n):
        shift, angle = rng.uniform(-0.5, 0.5, 2), rng.uniform(0, 2 * math.pi)
        mask = draw((rows + shift[0]) * grid[0], (cols + shift[1]) * grid[1], angle)
        spacing = Spacing(10.0, *grid, SpacingOrigin.USER)
        row = measure_labels(mask[None].astype(int), spacing, CaseInfo("truth")).iloc[0]
        rows_of_errors.append((row["area_mm2"] / area - 1, row["perimeter_mm"] / length - 1, row["n_components"]))
    return np.array(rows_of_errors, dtype=float) * (100, 100, 1)


def table_lines(n: int) -> Iterator[str]:
    """The table in Markdown."""
    yield "| shape, anywhere, any angle | pixels (mm) | area | perimeter |"
    yield "|---|---|---|---|"
    for name, draw, area, length, grid in SHAPES:
        errors = measure_errors(draw, area, length, grid, n)
        cells = [f"{e.mean():+.1f} % ({e.min():+.1f} … {e.max():+.1f})" for e in errors[:, :2].T]
        yield f"| {name} | {grid[0]:g} × {grid[1]:g} | {cells[0]} | {cells[1]} |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--placements", type=int, default=100)
    sys.stdout.write("\n".join(table_lines(parser.parse_args().placements)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
