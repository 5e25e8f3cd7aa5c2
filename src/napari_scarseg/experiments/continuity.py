"""How smoothly a result goes on from slice to slice, against how smoothly the truth does."""

import numpy as np
import numpy.typing as npt

from napari_scarseg.measure.overlap import dice

Mask = npt.NDArray[np.bool_]


def measure_continuity(result: Mask, truth: Mask) -> dict[str, float]:
    """Figures over pairs of neighbouring slices that both have scar in the truth, in (Z, Y, X) masks.

    Returns
    -------
    dict
        `pairs`: how many there are. `neighbour_dsc`, `neighbour_dsc_truth`: mean DSC of a mask with the one on the next
        slice, of result and truth. `area_jump`, `area_jump_truth`: mean |a - b| / (a + b) of their areas; 0 for a pair
        without any result. `broken_pairs`: share of pairs with a result on one slice only. NaN without any pair.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.zeros((2, 8, 8), bool); truth[:, 2:4, 2:4] = True
    >>> result = truth.copy(); result[1] = False
    >>> figures = measure_continuity(result, truth)
    >>> figures["pairs"], figures["neighbour_dsc"], figures["neighbour_dsc_truth"], figures["broken_pairs"]
    (1, 0.0, 1.0, 1.0)
    """
    has_scar = [bool(plane.any()) for plane in truth]
    pairs = [(z, z + 1) for z in range(len(truth) - 1) if has_scar[z] and has_scar[z + 1]]
    areas = result.sum(axis=(1, 2)), truth.sum(axis=(1, 2))
    return {
        "pairs": len(pairs),
        "neighbour_dsc": _mean([dice(result[a], result[b]) for a, b in pairs if areas[0][a] or areas[0][b]]),
        "neighbour_dsc_truth": _mean([dice(truth[a], truth[b]) for a, b in pairs]),
        "area_jump": _mean([_jump(areas[0][a], areas[0][b]) for a, b in pairs]),
        "area_jump_truth": _mean([_jump(areas[1][a], areas[1][b]) for a, b in pairs]),
        "broken_pairs": _mean([float(bool(areas[0][a]) != bool(areas[0][b])) for a, b in pairs]),
    }


def _jump(first: int, second: int) -> float:
    return abs(int(first) - int(second)) / (int(first) + int(second)) if first or second else 0.0


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
