"""How long 1,000 lesions take, against scikit-image's `regionprops_table` for the features that both have.

Both run in turn in one process, the best of several rounds counts, and only the ratio is a result: machines differ.
`python benchmarks/morphology_speed.py` prints it for all features and for all features with the wall.
"""

import argparse
import json
import sys

import numpy as np
from machine import best_time
from scipy import ndimage
from skimage.measure import regionprops_table

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.measure import measure_labels, wall_from_masks

SPACING = Spacing(10.0, 1.0, 1.0, SpacingOrigin.USER)
LIMIT = 1.5

# What both have, by scikit-image's names.
SHARED = (
    "label",
    "area",
    "perimeter_crofton",
    "solidity",
    "extent",
    "eccentricity",
    "orientation",
    "axis_major_length",
    "axis_minor_length",
    "feret_diameter_max",
    "euler_number",
    "intensity_mean",
    "intensity_std",
)


def draw_lesions(n_slices: int = 40, per_slice: int = 25, side: int = 256, seed: int = 0) -> np.ndarray:
    """Volume (Z, Y, X) of bent, uneven lesions in rings, about 40 to 400 px each; each on one slice."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((n_slices, side, side), np.int32)
    cell = side // 5
    rows, cols = np.mgrid[:cell, :cell] - (cell - 1) / 2
    radius, angle = np.hypot(rows, cols), np.arctan2(rows, cols)
    for z in range(n_slices):
        for k in range(per_slice):
            inner, width, start, extent = rng.uniform(8, 14), rng.uniform(2, 8), rng.uniform(-3, 3), rng.uniform(0.7, 4)
            band = (radius > inner) & (radius < inner + width) & ((angle - start) % (2 * np.pi) < extent)
            mask = band & (ndimage.gaussian_filter(rng.normal(size=band.shape), 1.5) > -0.15)
            row, col = divmod(k, 5)
            labels[z, row * cell : row * cell + cell, col * cell : col * cell + cell][mask] = z * per_slice + k + 1
    return labels


def main() -> int:
    """Print times and ratios as JSON; 1 where the ratio with all features is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    labels = draw_lesions()
    image = np.random.default_rng(1).normal(300, 40, labels.shape)
    wall = wall_from_masks(ndimage.binary_dilation(labels > 0, iterations=2))

    def theirs() -> None:
        for plane, picture in zip(labels, image, strict=True):
            regionprops_table(plane, picture, properties=SHARED)

    reference = best_time(theirs, rounds)
    ours = best_time(lambda: measure_labels(labels, SPACING, CaseInfo("speed"), image=image), rounds)
    with_wall = best_time(lambda: measure_labels(labels, SPACING, CaseInfo("speed"), image=image, wall=wall), rounds)
    result = {
        "lesions": int(labels.max()),
        "pixels_per_lesion": round(float((labels > 0).sum() / labels.max()), 1),
        "regionprops_table_s": round(reference, 3),
        "all_features_s": round(ours, 3),
        "all_features_with_wall_s": round(with_wall, 3),
        "ratio": round(ours / reference, 2),
        "ratio_with_wall": round(with_wall / reference, 2),
        "limit": LIMIT,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return int(ours > LIMIT * reference)


if __name__ == "__main__":
    raise SystemExit(main())
