"""How a result fails: flags of slices, and what a lesion that is missed or invented looks like. Pure functions."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_scarseg.core.masks import label_components
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.evaluation.rows import LESION_OVERLAP
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.measure.texts import number_text

Mask = npt.NDArray[np.bool_]

# A slice is called shifted where the overlap is low although the length of the border is right.
SHIFT_DSC, SHIFT_PERIMETER = 0.5, 0.8

SLICE_FLAGS: Mapping[str, str] = {
    "is_shifted": f"DSC below {SHIFT_DSC} at a perimeter similarity above {SHIFT_PERIMETER}",
    "is_fragmented": "more components in the result than in the truth",
    "is_missed": "scar in the truth, nothing found",
    "is_invented": "no scar in the truth, scar found",
}
# What a lesion is described by, and how a figure names it.
TRAITS: Mapping[str, str] = {
    "lesion_px": "size (px)",
    "contrast": "contrast (remote SD)",
    "mvo_share": "share of MVO",
    "position": "position in the stack (0 first, 1 last LV slice)",
    "side": "side of the LV in the image",
}
_SIDES = ("right", "top", "left", "bottom")


def flag_slices(slices: pd.DataFrame) -> pd.DataFrame:
    """Columns of `SLICE_FLAGS` for rows of `compare_case` that also have `components_truth` and `components_result`.

    Examples
    --------
    >>> row = {"truth_px": 9, "result_px": 9, "dsc": 0.1, "perimeter_similarity": 0.95}
    >>> row |= {"components_truth": 1, "components_result": 1}
    >>> flag_slices(pd.DataFrame([row])).iloc[0].to_dict()
    {'is_shifted': True, 'is_fragmented': False, 'is_missed': False, 'is_invented': False}
    """
    both = (slices.truth_px > 0) & (slices.result_px > 0)
    return pd.DataFrame(
        {
            "is_shifted": both & (slices.dsc < SHIFT_DSC) & (slices.perimeter_similarity > SHIFT_PERIMETER),
            "is_fragmented": both & (slices.components_result > slices.components_truth),
            "is_missed": (slices.truth_px > 0) & (slices.result_px == 0),
            "is_invented": (slices.truth_px == 0) & (slices.result_px > 0),
        }
    )


def count_components(mask: Mask) -> list[int]:
    """Components of at least 5 px on each slice of a (Z, Y, X) mask."""
    return [int(label_components(plane).max(initial=0)) for plane in mask]


def describe_lesions(case: LabelledCase, mask: Mask, other: Mask, mvo: Mask | None) -> list[dict[str, object]]:
    """The lesions of a (Z, Y, X) mask, whether the other mask covers a fifth of each, and their `TRAITS`.

    Parameters
    ----------
    case : LabelledCase
    mask, other : ndarray of bool
        The truth and the result, or the other way round.
    mvo : ndarray of bool, optional
        Where microvascular obstruction is.

    Returns
    -------
    list of dict
        `lesion_id, is_matched` and the traits. `contrast` is (mean of the lesion - mean of the remote wall) / SD of the
        remote wall, on the lesion's slices, the remote wall being the true myocardium outside the true scar; NaN where
        the labels do not tell the wall. `position` and `side` need the LV, `mvo_share` needs `mvo`.
    """
    lesions = find_scar_lesions(mask.astype(np.int32), [1])
    rows = []
    for number in range(1, int(lesions.max(initial=0)) + 1):
        lesion = lesions == number
        size = int(lesion.sum())
        position, side = _place(case, lesion)
        rows.append(
            {
                "lesion_id": number,
                "is_matched": bool((lesion & other).sum() >= LESION_OVERLAP * size),
                "lesion_px": size,
                "contrast": _contrast(case, lesion),
                "mvo_share": float("nan") if mvo is None else float((lesion & mvo).sum() / size),
                "position": position,
                "side": side,
            }
        )
    return rows


def cut_trait(values: pd.Series, trait: str) -> pd.Series:
    """Strata of a trait as text: thirds with their limits, none and some for MVO, names as they are; empty for NaN."""
    if trait == "side":
        return values.fillna("").astype(str)
    numbers = values.astype(float)
    if trait == "mvo_share":
        return numbers.map(lambda share: "" if np.isnan(share) else "none" if share == 0 else "some")
    known = numbers.dropna()
    if known.nunique() < 3:
        return numbers.map(lambda value: "" if np.isnan(value) else number_text(value))
    edges = np.quantile(known, [0, 1 / 3, 2 / 3, 1])
    names = [f"{number_text(low)}–{number_text(high)}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    third = np.clip(np.searchsorted(edges[1:3], numbers, side="left"), 0, 2)
    return pd.Series(
        ["" if np.isnan(value) else names[place] for value, place in zip(numbers, third, strict=True)],
        index=values.index,
    )


def order_strata(values: pd.Series, strata: pd.Series) -> list[str]:
    """Strata in the order of the trait's values."""
    pairs = pd.DataFrame({"stratum": strata, "value": values})
    pairs = pairs[pairs["stratum"] != ""]
    if pairs["value"].dtype == object:
        return sorted(pairs["stratum"].unique(), key=lambda name: _SIDES.index(name) if name in _SIDES else -1)
    return list(pairs.groupby("stratum")["value"].min().sort_values().index)


def worst_slices(slices: pd.DataFrame, count: int) -> pd.DataFrame:
    """The `count` slices with the lowest DSC among those with scar in the truth, no more than two of a patient."""
    ordered = slices[slices.truth_px > 0].sort_values(["dsc", "truth_px"], ascending=[True, False], kind="stable")
    return ordered[ordered.groupby("patient").cumcount() < 2].head(count)


def _contrast(case: LabelledCase, lesion: Mask) -> float:
    if case.myocardium is None:
        return float("nan")
    own = np.asarray(lesion.any(axis=(1, 2)))
    remote = case.myocardium & ~case.scar & own[:, None, None]
    if np.count_nonzero(remote) < 10:
        return float("nan")
    data = case.stack.data.astype(np.float64)
    spread = data[remote].std()
    return float((data[lesion].mean() - data[remote].mean()) / spread) if spread > 0 else float("nan")


def _place(case: LabelledCase, lesion: Mask) -> tuple[float, str]:
    """Place of a lesion along the stack and round the LV's middle; NaN and empty where the LV is not known."""
    if case.lv is None or not case.lv.any():
        return float("nan"), ""
    heart = [index for index, plane in enumerate(case.lv) if plane.any()]
    z, rows, cols = np.nonzero(lesion)
    length = max(heart[-1] - heart[0], 1)
    position = float(np.clip((z.mean() - heart[0]) / length, 0, 1))
    slices = [index for index in np.unique(z).tolist() if case.lv[index].any()]
    if not slices:
        return position, ""
    middle = np.mean([np.argwhere(case.lv[index]).mean(axis=0) for index in slices], axis=0)
    angle = np.degrees(np.arctan2(middle[0] - rows.mean(), cols.mean() - middle[1]))
    return position, _SIDES[int(((angle + 45) % 360) // 90)]
