"""A result against its truth: rows per slice, per lesion and per stack.

The rule for empty masks: both empty → DSC, IoU, perimeter similarity and surface Dice are 1; one empty → 0. HD95 and
ASSD have no value unless both hold scar. Summaries leave slices without scar in the truth out of every mean and count
what was found on them apart.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.masks import label_components
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.measure import MYOCARDIAL_DENSITY_G_PER_ML
from napari_scarseg.measure.overlap import dice, iou, perimeter_similarity
from napari_scarseg.measure.scar_lesions import find_scar_lesions
from napari_scarseg.measure.surface import border_distances

Mask = npt.NDArray[np.bool_]
Row = dict[str, object]

# A lesion counts as found, or a result's lesion as true, when the other mask covers this share of its pixels.
LESION_OVERLAP = 0.2
TOLERANCES_PX = (1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class CaseRows:
    """Rows of one case and one method.

    Parameters
    ----------
    slices : list of dict
        One per slice: `truth_px, result_px, boxes, dsc, iou, perimeter_similarity, surface_dice_1px, surface_dice_2px,
        hd95_px, assd_px, hd95_mm, assd_mm`.
    lesions : list of dict
        One per lesion of truth or result (`side`), linked across slices: `lesion_px, slices, covered_share,
        is_matched`.
    stack : dict
        `truth_px, result_px, volume_dsc, volume_iou, truth_mass_g, result_mass_g, components_truth,
        components_result`, over the whole stack.
    """

    slices: list[Row]
    lesions: list[Row]
    stack: Row


def compare_case(
    case: LabelledCase, result: Mask, method: str, boxes_per_slice: npt.NDArray[np.integer] | None = None
) -> CaseRows:
    """Compare a result (Z, Y, X) with the truth of its case.

    Every row starts with `method, patient, case, cohort, phase, visit`. What is in mm or g is NaN where the spacing is
    not known. Mass is pixels × in-plane pixel area × distance between slice centres × 1.05 g/ml.
    """
    keys: Row = {
        "method": method,
        "patient": case.record.patient,
        "case": case.stack.stem,
        "cohort": case.record.cohort,
        "phase": case.record.phase.value,
        "visit": case.record.visit,
    }
    boxes = np.zeros(len(result), int) if boxes_per_slice is None else boxes_per_slice
    slices: list[Row] = [
        {**keys, "slice": z, "boxes": int(boxes[z]), **compare_slice(mask, truth, case.stack.spacing)}
        for z, (mask, truth) in enumerate(zip(result, case.scar, strict=True))
    ]
    lesions = [
        *({**keys, "side": "truth", **row} for row in match_lesions(case.scar, result)),
        *({**keys, "side": "result", **row} for row in match_lesions(result, case.scar)),
    ]
    pixel_g = _voxel_mass_g(case.stack.spacing)
    truth_px, result_px = int(case.scar.sum()), int(result.sum())
    stack: Row = {
        **keys,
        "truth_px": truth_px,
        "result_px": result_px,
        "volume_dsc": dice(result, case.scar),
        "volume_iou": iou(result, case.scar),
        "truth_mass_g": truth_px * pixel_g,
        "result_mass_g": result_px * pixel_g,
        "components_truth": sum(int(label_components(plane).max()) for plane in case.scar),
        "components_result": sum(int(label_components(plane).max()) for plane in result),
    }
    return CaseRows(slices, lesions, stack)


def compare_slice(mask: Mask, truth: Mask, spacing: Spacing) -> dict[str, float]:
    """All figures of one slice; see the rule for empty masks above. Perimeters in mm where known, else px."""
    y_mm, x_mm = spacing.y_mm, spacing.x_mm
    lengths = (1.0, 1.0) if y_mm is None or x_mm is None else (y_mm, x_mm)
    row: dict[str, float] = {
        "truth_px": int(np.count_nonzero(truth)),
        "result_px": int(np.count_nonzero(mask)),
        "dsc": dice(mask, truth),
        "iou": iou(mask, truth),
        "perimeter_similarity": perimeter_similarity(mask, truth, *lengths),
    }
    if not row["truth_px"] or not row["result_px"]:
        agree = float(row["truth_px"] == row["result_px"])
        row |= {f"surface_dice_{px}px": agree for px in TOLERANCES_PX}
        return row | dict.fromkeys(("hd95_px", "assd_px", "hd95_mm", "assd_mm"), float("nan"))
    in_px = border_distances(mask, truth)
    row |= {f"surface_dice_{px}px": in_px.surface_dice(px) for px in TOLERANCES_PX}
    row |= {"hd95_px": in_px.hd95, "assd_px": in_px.assd, "hd95_mm": float("nan"), "assd_mm": float("nan")}
    if y_mm is not None and x_mm is not None:
        in_mm = border_distances(mask, truth, y_mm, x_mm)
        row |= {"hd95_mm": in_mm.hd95, "assd_mm": in_mm.assd}
    return row


def match_lesions(scar: Mask, other: Mask) -> list[Row]:
    """The lesions of one (Z, Y, X) mask, and whether the other covers at least a fifth of each.

    A lesion is a component of at least 5 px in its slice, linked with those it overlaps in the next slices.
    """
    lesions = find_scar_lesions(scar.astype(np.int32), [1])
    rows: list[Row] = []
    for number in range(1, int(lesions.max()) + 1):
        lesion = lesions == number
        size = int(lesion.sum())
        share = int((lesion & other).sum()) / size
        rows.append(
            {
                "lesion_id": number,
                "lesion_px": size,
                "slices": int(lesion.any(axis=(1, 2)).sum()),
                "covered_share": share,
                "is_matched": share >= LESION_OVERLAP,
            }
        )
    return rows


def _voxel_mass_g(spacing: Spacing) -> float:
    """Mass of one voxel in g; NaN where the spacing is not known."""
    if spacing.z_mm is None or spacing.y_mm is None or spacing.x_mm is None:
        return float("nan")
    return spacing.z_mm * spacing.y_mm * spacing.x_mm / 1000 * MYOCARDIAL_DENSITY_G_PER_ML
