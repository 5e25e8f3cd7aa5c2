"""From the slices of one stack to their order, spacing and affine: by positions, and never by file names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom_findings import distance_findings, header_findings, shift_findings
from napari_scarseg.io.dicom_header import SliceHeader
from napari_scarseg.io.natural_order import natural_key

# An affine describes even slices; where the distances differ by more, it takes the median.
_EVEN_FRACTION = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class OrderedSeries:
    """Slices in the order of their positions, with what the positions say.

    `affine_ras` maps (column, row, slice) indices to RAS mm, and is None without positions.
    """

    slices: tuple[SliceHeader, ...]
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None
    findings: tuple[str, ...]


def order_series(slices: Sequence[SliceHeader]) -> OrderedSeries:
    """Sort the slices of one stack along their normal and measure the distance between them.

    The slice distance is the median difference of the positions' projections on the normal; neither SliceThickness
    nor SpacingBetweenSlices is used, as the one leaves out the gap and the other is often wrong.

    Parameters
    ----------
    slices : sequence of SliceHeader
        Of one size, orientation and pixel spacing, each at a position of its own (`dicom_groups` sees to that).
    """
    normal = slices[0].normal
    if normal is None or any(one.position is None for one in slices):
        return _order_by_number(slices)
    ordered = sorted(slices, key=lambda one: along(one, normal))
    distances = np.diff([along(one, normal) for one in ordered])
    z_mm = float(np.median(distances)) if len(distances) else None
    spacing, missing = _spacing(ordered[0], z_mm)
    findings = [
        *distance_findings(distances, z_mm, ordered),
        *shift_findings([_position(one) for one in ordered], normal),
        *header_findings(ordered),
        *missing,
    ]
    return OrderedSeries(tuple(ordered), spacing, _affine_ras(ordered, normal, z_mm), tuple(findings))


def along(slice_: SliceHeader, normal: npt.NDArray[np.float64]) -> float:
    """Where a slice lies along a normal, in mm."""
    return float(normal @ _position(slice_))


def _position(slice_: SliceHeader) -> npt.NDArray[np.float64]:
    if slice_.position is None:
        raise InputError("A DICOM slice has no position; export the series again.")
    return slice_.position


def _spacing(slice_: SliceHeader, z_mm: float | None) -> tuple[Spacing, list[str]]:
    pixel_spacing = slice_.values.pixel_spacing
    if pixel_spacing is None:
        findings = ["The DICOM header has no usable PixelSpacing, so the in-plane spacing is not known."]
        return (Spacing.unknown() if z_mm is None else Spacing(z_mm, None, None, SpacingOrigin.HEADER)), findings
    row_mm, column_mm = pixel_spacing
    return Spacing(z_mm, row_mm, column_mm, SpacingOrigin.HEADER), []


def _affine_ras(
    slices: Sequence[SliceHeader], normal: npt.NDArray[np.float64], z_mm: float | None
) -> npt.NDArray[np.float64] | None:
    """Affine of (column, row, slice) indices. DICOM's axes point left and posterior, RAS right and anterior."""
    first = slices[0].values
    if first.pixel_spacing is None or first.row_direction is None or first.column_direction is None:
        return None
    row_mm, column_mm = first.pixel_spacing
    step = normal * (z_mm or first.thickness_mm or 1.0)
    if len(slices) > 1:
        mean_step = (_position(slices[-1]) - _position(slices[0])) / (len(slices) - 1)
        # An even series may also shift in the plane; an uneven one is described by its median distance.
        if z_mm is not None and abs(float(normal @ mean_step) - z_mm) <= _EVEN_FRACTION * z_mm:
            step = mean_step
    affine = np.eye(4)
    affine[:3, 0] = first.row_direction * column_mm
    affine[:3, 1] = first.column_direction * row_mm
    affine[:3, 2] = step
    affine[:3, 3] = _position(slices[0])
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def _order_by_number(slices: Sequence[SliceHeader]) -> OrderedSeries:
    """Without positions: by InstanceNumber, then by file name and frame. The slice distance stays unknown."""
    ordered = sorted(
        slices,
        key=lambda one: (
            one.image.instance_number is None,
            one.image.instance_number or 0,
            natural_key(one.image.file.sort_name),
            one.frame,
        ),
    )
    spacing, missing = _spacing(ordered[0], None)
    findings = [
        "The DICOM slices have no usable position, so they were sorted by InstanceNumber and the distance between "
        "slices is not known.",
        *header_findings(ordered),
        *missing,
    ]
    return OrderedSeries(tuple(ordered), spacing, None, tuple(findings))
