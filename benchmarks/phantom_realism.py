"""How closely the phantom resembles real LGE: contrast-to-noise and intensity histograms.

    python benchmarks/phantom_realism.py EMIDEC_FOLDER [--phantoms N] [--seed S] [--json FILE]

EMIDEC_FOLDER holds ``<patient>/image/NNN.png`` and ``<patient>/label/NNN.png`` (labels 0 background, 1 LV cavity,
2 myocardium, 3 infarct, 4 MVO); patients named ``N…`` are normal, ``P…`` have an acute infarct. The phantoms have the
same share of each. Every estimator is the same code for both.

Contrast-to-noise of a slice: (mean infarct − mean remote) / noise and (mean infarct − mean blood) / noise, where remote
is normal myocardium at least 3 px from the infarct and 1 px inside its own edge, blood is the cavity 2 px inside its
own edge, and noise is the standard deviation of remote. The patient's figure is the median over slices with at least
10 px of each. Remote's standard deviation holds texture, shading and partial volume as well as thermal noise, so these
figures lie well below the ratio that the acquisition was set to.

Histograms: "heart" is the LV's box widened by 20 %; "around" is the box of three times the LV's side without that.
Each is scaled by `core.intensity.scale_pixels` over the outer box, so grey levels do not matter; padding (exact zeros
in the 8-bit files) is left out. Distances are 1-D Wasserstein on [0, 1], of two kinds:
  pooled     between the mean histograms of two groups of half the patients each, over many random halves;
  pairwise   between two single patients, averaged over all pairs: it sees the spread between patients as well.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_scarseg.core.case import Phase
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.phantom import make_phantom

BINS = 128
MIN_PX = 10
HALVES = 200


@dataclass(frozen=True, slots=True)
class Case:
    """One patient, real or not: image and EMIDEC labels (Z, Y, X), True where a pixel is no padding."""

    image: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    valid: npt.NDArray[np.bool_]


def read_case(folder: Path) -> Case:
    """Read the PNG slices of one EMIDEC patient."""
    from imageio.v3 import imread

    image = np.stack([imread(path) for path in sorted((folder / "image").glob("*.png"))]).astype(np.float32)
    labels = np.stack([imread(path) for path in sorted((folder / "label").glob("*.png"))]).astype(np.uint8)
    return Case(image, labels, image > 0)


def phantom_case(seed: int, phase: Phase) -> Case:
    """One phantom in the same form."""
    phantom = make_phantom(seed, phase)
    image = np.asarray(phantom.stack.data, dtype=np.float32)
    return Case(image, phantom.labels, np.ones(image.shape, dtype=bool))


def contrast_to_noise(case: Case) -> tuple[float, float] | None:
    """(scar–remote, scar–blood) contrast-to-noise of a patient; None without a slice that has enough of each."""
    ratios = []
    for image, labels in zip(case.image, case.labels, strict=True):
        scar = labels == 3
        far = ndimage.distance_transform_edt(~(labels >= 3)) >= 3 if (labels >= 3).any() else np.ones_like(scar)
        remote = ndimage.binary_erosion(labels == 2) & far
        blood = ndimage.binary_erosion(labels == 1, iterations=2)
        if min(scar.sum(), remote.sum(), blood.sum()) < MIN_PX:
            continue
        noise = float(image[remote].std())
        means = [float(image[mask].mean()) for mask in (scar, remote, blood)]
        ratios.append(((means[0] - means[1]) / noise, (means[0] - means[2]) / noise))
    if not ratios:
        return None
    first, second = np.median(np.array(ratios), axis=0)
    return float(first), float(second)


def histograms(case: Case) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Normalised histograms (BINS,) of the heart and of what lies around it."""
    sums = np.zeros((2, BINS))
    for image, labels, valid in zip(case.image, case.labels, case.valid, strict=True):
        if not (labels > 0).any():
            continue
        rows, cols = np.nonzero(labels > 0)
        middle = np.array([rows.min() + rows.max() + 1, cols.min() + cols.max() + 1]) / 2
        side = np.array([np.ptp(rows) + 1, np.ptp(cols) + 1], dtype=float)
        inner, outer = _box(middle, 1.2 * side, image.shape), _box(middle, 3.0 * side, image.shape)
        scaled = np.zeros(image.shape, dtype=np.float32)
        keep = np.zeros(image.shape, dtype=bool)
        keep[outer] = valid[outer]
        scaled[keep] = scale_pixels(image[keep])
        heart = np.zeros(image.shape, dtype=bool)
        heart[inner] = True
        for i, mask in enumerate((keep & heart, keep & ~heart)):
            counts, _ = np.histogram(scaled[mask], bins=BINS, range=(0, 1))
            sums[i] += counts
    return sums[0] / max(sums[0].sum(), 1), sums[1] / max(sums[1].sum(), 1)


def _box(middle: npt.NDArray[np.float64], side: npt.NDArray[np.float64], shape: tuple[int, ...]) -> tuple[slice, slice]:
    low = np.clip(np.rint(middle - side / 2), 0, shape).astype(int)
    high = np.clip(np.rint(middle + side / 2), 0, shape).astype(int)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def wasserstein(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1-D Wasserstein distance of histograms over [0, 1]; the last axis is the bins."""
    return np.asarray(np.abs(np.cumsum(a - b, axis=-1)).mean(axis=-1))


def pooled(rng: np.random.Generator, first: npt.NDArray[np.float64], second: npt.NDArray[np.float64] | None) -> float:
    """Mean distance of two halves' mean histograms: of one group, or of each of two."""
    distances = []
    for _ in range(HALVES):
        order = rng.permutation(len(first))
        half = len(first) // 2
        left = first[order[:half]]
        others = first[order[half:]] if second is None else second[rng.permutation(len(second))[: len(second) // 2]]
        distances.append(wasserstein(left.mean(axis=0), others.mean(axis=0)))
    return float(np.mean(distances))


def pairwise(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64] | None) -> float:
    """Mean distance between two patients: of one group, or one of each."""
    if second is not None:
        return float(wasserstein(first[:, None], second[None]).mean())
    distances = wasserstein(first[:, None], first[None])
    return float(distances[~np.eye(len(first), dtype=bool)].mean())


def _levels(case: Case) -> list[float]:
    """Mean level of remote, blood, scar and MVO between the 1st and 99th percentile of the outer box's pixels."""
    kept: dict[int, list[float]] = {2: [], 1: [], 3: [], 4: []}
    for image, labels, valid in zip(case.image, case.labels, case.valid, strict=True):
        if not (labels > 0).any():
            continue
        rows, cols = np.nonzero(labels > 0)
        middle = np.array([rows.min() + rows.max() + 1, cols.min() + cols.max() + 1]) / 2
        outer = _box(middle, 3.0 * np.array([np.ptp(rows) + 1, np.ptp(cols) + 1]), image.shape)
        pixels = image[outer][valid[outer]]
        low, high = np.percentile(pixels, (1, 99))
        for value, kept_levels in kept.items():
            if (labels == value).sum() >= MIN_PX:
                kept_levels.append(float((image[labels == value].mean() - low) / (high - low)))
    return [float(np.mean(levels)) if levels else float("nan") for levels in kept.values()]


def summarise(real: list[Case], phantom: list[Case], seed: int) -> dict[str, object]:
    """All figures, JSON-ready."""
    rng = np.random.default_rng(seed)
    result: dict[str, object] = {"real_patients": len(real), "phantoms": len(phantom)}
    for name, cases in (("real", real), ("phantom", phantom)):
        ratios = np.array([ratio for case in cases if (ratio := contrast_to_noise(case)) is not None])
        quartiles = np.percentile(ratios, (25, 50, 75), axis=0)
        result[f"cnr_scar_myocardium_{name}_q25_q50_q75"] = quartiles[:, 0].round(2).tolist()
        result[f"cnr_scar_blood_{name}_q25_q50_q75"] = quartiles[:, 1].round(2).tolist()
        levels = np.array([_levels(case) for case in cases])
        result[f"level_remote_blood_scar_mvo_{name}"] = np.nanmedian(levels, axis=0).round(3).tolist()
    for place in (0, 1):
        real_bins = np.stack([histograms(case)[place] for case in real])
        phantom_bins = np.stack([histograms(case)[place] for case in phantom])
        region = ("heart", "around")[place]
        result[f"{region}_pooled_real_real"] = round(pooled(rng, real_bins, None), 4)
        result[f"{region}_pooled_phantom_real"] = round(pooled(rng, phantom_bins, real_bins), 4)
        result[f"{region}_pairwise_real_real"] = round(pairwise(real_bins, None), 4)
        result[f"{region}_pairwise_phantom_real"] = round(pairwise(phantom_bins, real_bins), 4)
        result[f"{region}_pairwise_phantom_phantom"] = round(pairwise(phantom_bins, None), 4)
    return result


def main() -> None:
    """Read the folder, make as many phantoms, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--phantoms", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folders = sorted(path.parent for path in options.folder.glob("*/image"))
    if not folders:
        parser.error(f"{options.folder.name} holds no <patient>/image folders.")
    normal_share = sum(folder.name.startswith("N") for folder in folders) / len(folders)
    normal = round(normal_share * options.phantoms)
    phases = [Phase.NONE] * normal + [Phase.ACUTE] * (options.phantoms - normal)
    phantoms = [phantom_case(options.seed + i, phase) for i, phase in enumerate(phases)]
    result = summarise([read_case(folder) for folder in folders], phantoms, options.seed)
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n")
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
