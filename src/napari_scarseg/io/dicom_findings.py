"""What is odd about a DICOM stack, in words for a person: gaps, shifts, and headers that contradict each other."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_scarseg.io.dicom_header import SliceHeader

# A distance is uneven when it differs from the median by more than this share.
_UNEVEN_FRACTION = 0.05
_LENGTH_TOLERANCE = 0.01
# Slices whose corners wander further from one straight line are no plain stack.
_SHIFT_MM = 1.0


def distance_findings(
    distances: npt.NDArray[np.float64], z_mm: float | None, slices: Sequence[SliceHeader]
) -> list[str]:
    """Uneven or missing slices, and lengths of the header that are not the slice distance.

    Parameters
    ----------
    distances : ndarray (n - 1,)
        Between neighbouring slices, in mm.
    z_mm : float or None
        Their median.
    slices : sequence of SliceHeader
        In order.
    """
    if z_mm is None:
        return ["There is only one slice, so the distance between slices is not known."]
    findings = []
    uneven = [z for z, distance in enumerate(distances) if abs(distance - z_mm) > _UNEVEN_FRACTION * z_mm]
    if uneven:
        low, high = float(distances.min()), float(distances.max())
        findings.append(
            f"The slice positions are uneven ({low:.4g} to {high:.4g} mm apart; the median of {z_mm:.4g} mm was used), "
            f"first between slices {uneven[0]} and {uneven[0] + 1}{_missing_words(distances, z_mm)}."
        )
    values = slices[0].values
    if values.thickness_mm is not None and abs(values.thickness_mm - z_mm) > _LENGTH_TOLERANCE * z_mm:
        findings.append(
            f"The slices are {values.thickness_mm:.4g} mm thick and {z_mm:.4g} mm apart; the distance was used."
        )
    between_mm = values.spacing_between_mm
    if between_mm is not None and abs(between_mm - z_mm) > _LENGTH_TOLERANCE * z_mm:
        findings.append(
            f"SpacingBetweenSlices says {between_mm:.4g} mm and the positions {z_mm:.4g} mm; the positions were used."
        )
    return findings


def _missing_words(distances: npt.NDArray[np.float64], z_mm: float) -> str:
    """How many slices seem to be missing: where a gap is a whole number of distances."""
    steps = distances / z_mm
    whole = np.rint(steps)
    missing = int((whole[(whole >= 2) & (np.abs(steps - whole) <= _UNEVEN_FRACTION * whole)] - 1).sum())
    if not missing:
        return ""
    return f": {missing} slice{' seems' if missing == 1 else 's seem'} to be missing, and what it shows is not measured"


def shift_findings(positions: Sequence[npt.NDArray[np.float64]], normal: npt.NDArray[np.float64]) -> list[str]:
    """Slices that lie beside each other rather than behind: the affine, which is one straight line, misplaces them.

    Parameters
    ----------
    positions : sequence of ndarray (3,)
        Corners of the slices in order, mm.
    normal : ndarray (3,)
    """
    if len(positions) < 3:
        return []
    corners = np.stack(positions)
    height = (corners - corners[0]) @ normal
    # The straight line through first and last corner, at each slice's own height.
    line = corners[0] + np.outer(height / (height[-1] or 1.0), corners[-1] - corners[0])
    shift_mm = float(np.linalg.norm(corners - line, axis=1).max())
    if shift_mm <= _SHIFT_MM:
        return []
    return [
        f"The slices are shifted against each other in their plane, by up to {shift_mm:.3g} mm; they were not moved."
    ]


def header_findings(slices: Sequence[SliceHeader]) -> list[str]:
    """Statements that differ from slice to slice, loss, and text in the picture."""
    findings = []
    if len({one.image.frame_of_reference_uid for one in slices}) > 1:
        findings.append(
            "The slices name different frames of reference, so the patient may have moved between them; their "
            "positions were taken as they are."
        )
    thicknesses = {one.values.thickness_mm for one in slices}
    if len(thicknesses) > 1:
        words = ", ".join("none" if t is None else f"{t:.4g}" for t in sorted(thicknesses, key=lambda t: t or 0.0))
        findings.append(f"The headers contradict each other about the slice thickness ({words} mm).")
    if len({one.image_type for one in slices}) > 1:
        findings.append("The slices differ in their image type; they were read as one stack, one slice per position.")
    if any(one.image.is_lossy for one in slices):
        findings.append("The images were compressed with loss, which changes intensities.")
    if any(one.image.has_burned_in_text for one in slices):
        findings.append("The images carry burned-in text, which may name the patient and disturb detection.")
    return findings
