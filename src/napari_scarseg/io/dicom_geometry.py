"""From slice headers to one ordered stack: order, spacing and affine, by positions and never by file names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io.dicom_header import SliceHeader
from napari_scarseg.io.natural_order import natural_key

# Two directions are one when they differ by less than this.
_MAX_ANGLE_DEG = 1.0
# Two positions are one below this, and a distance is uneven when it differs from the median by more.
_SAME_POSITION_MM = 0.01
_UNEVEN_FRACTION = 0.05
_LENGTH_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class OrderedSeries:
    """Slices in the order of their positions, with what the positions say.

    `affine_ras` maps (column, row, slice) indices to RAS mm, and is None without positions.
    """

    headers: tuple[SliceHeader, ...]
    spacing: Spacing
    affine_ras: npt.NDArray[np.float64] | None
    findings: tuple[str, ...]


def order_series(headers: Sequence[SliceHeader]) -> OrderedSeries:
    """Sort one series along its normal and measure the distance between its slices.

    The slice distance is the median difference of the positions' projections on the normal; neither SliceThickness
    nor SpacingBetweenSlices is used, as the one leaves out the gap and the other is often wrong.

    Raises
    ------
    InputError
        If the images are not one stack: several sizes, orientations, spacings, or images at one position.
    """
    findings: list[str] = []
    unique = _drop_copies(headers, findings)
    _check_uniform(unique)
    if any(header.position is None or header.normal is None for header in unique):
        return _order_by_number(unique, findings)
    normal = _common_normal(unique)
    ordered = sorted(unique, key=lambda header: float(normal @ _position(header)))
    distances = np.diff([float(normal @ _position(header)) for header in ordered])
    _check_distinct(distances, ordered)
    z_mm = float(np.median(distances)) if len(distances) else None
    findings.extend(_distance_findings(distances, z_mm, ordered[0]))
    if len({header.image_type for header in ordered}) > 1:
        findings.append("The slices differ in their image type; they were read as one stack, one slice per position.")
    spacing = _spacing(ordered[0], z_mm, findings)
    return OrderedSeries(tuple(ordered), spacing, _affine_ras(ordered, normal, z_mm), tuple(findings))


def _position(header: SliceHeader) -> npt.NDArray[np.float64]:
    if header.position is None:
        raise InputError("A DICOM slice has no position; export the series again.")
    return header.position


def _drop_copies(headers: Sequence[SliceHeader], findings: list[str]) -> list[SliceHeader]:
    """Leave out files that are the same instance again."""
    seen: dict[str, SliceHeader] = {}
    for header in headers:
        seen.setdefault(header.instance_uid or str(header.path), header)
    if len(seen) < len(headers):
        findings.append(f"{len(headers) - len(seen)} files are copies of other slices and were left out.")
    return list(seen.values())


def _check_uniform(headers: Sequence[SliceHeader]) -> None:
    sizes = sorted({(header.rows, header.columns) for header in headers})
    if len(sizes) > 1:
        words = ", ".join(f"{rows} × {columns}" for rows, columns in sizes)
        raise InputError(f"The DICOM series holds images of different sizes ({words}); keep one stack in a folder.")
    spacings = [header.pixel_spacing for header in headers if header.pixel_spacing is not None]
    if any(not np.allclose(spacing, spacings[0], rtol=_LENGTH_TOLERANCE) for spacing in spacings):
        raise InputError("The DICOM series holds images of different PixelSpacing; keep one stack in a folder.")


def _common_normal(headers: Sequence[SliceHeader]) -> npt.NDArray[np.float64]:
    """The one normal of all slices; planes and in-plane directions have to agree."""
    reference = headers[0]
    limit = np.cos(np.deg2rad(_MAX_ANGLE_DEG))
    for header in headers:
        for own, common in (
            (header.row_direction, reference.row_direction),
            (header.column_direction, reference.column_direction),
        ):
            if own is None or common is None or float(own @ common) < limit:
                raise InputError(
                    "The DICOM series mixes several orientations (such as long-axis and short-axis views); put the "
                    "short-axis slices into a folder of their own."
                )
    normal = reference.normal
    if normal is None:
        raise InputError("The DICOM series has no usable orientation; export it again.")
    return normal


def _check_distinct(distances: npt.NDArray[np.float64], headers: Sequence[SliceHeader]) -> None:
    repeats = int((distances < _SAME_POSITION_MM).sum())
    if not repeats:
        return
    kinds = len({header.image_type for header in headers})
    reason = "several image types, such as magnitude and PSIR" if kinds > 1 else "repeats or time points"
    raise InputError(
        f"The DICOM series has {len(headers)} images at {len(headers) - repeats} positions ({reason}); put one image "
        "per position into a folder of their own."
    )


def _distance_findings(distances: npt.NDArray[np.float64], z_mm: float | None, first: SliceHeader) -> list[str]:
    if z_mm is None:
        return ["There is only one slice, so the distance between slices is not known."]
    findings = []
    uneven = [z for z, distance in enumerate(distances) if abs(distance - z_mm) > _UNEVEN_FRACTION * z_mm]
    if uneven:
        low, high = float(distances.min()), float(distances.max())
        findings.append(
            f"The slice positions are uneven ({low:.4g} to {high:.4g} mm apart; the median of {z_mm:.4g} mm was used), "
            f"first between slices {uneven[0]} and {uneven[0] + 1}: a slice may be missing."
        )
    if first.thickness_mm is not None and abs(first.thickness_mm - z_mm) > _LENGTH_TOLERANCE * z_mm:
        findings.append(
            f"The slices are {first.thickness_mm:.4g} mm thick and {z_mm:.4g} mm apart; the distance was used."
        )
    if first.spacing_between_mm is not None and abs(first.spacing_between_mm - z_mm) > _LENGTH_TOLERANCE * z_mm:
        findings.append(
            f"SpacingBetweenSlices says {first.spacing_between_mm:.4g} mm and the positions {z_mm:.4g} mm; the "
            "positions were used."
        )
    return findings


def _spacing(header: SliceHeader, z_mm: float | None, findings: list[str]) -> Spacing:
    if header.pixel_spacing is None:
        findings.append("The DICOM header has no usable PixelSpacing, so the in-plane spacing is not known.")
        if z_mm is None:
            return Spacing.unknown()
        return Spacing(z_mm, None, None, SpacingOrigin.HEADER)
    row_mm, column_mm = header.pixel_spacing
    return Spacing(z_mm, row_mm, column_mm, SpacingOrigin.HEADER)


def _affine_ras(
    headers: Sequence[SliceHeader], normal: npt.NDArray[np.float64], z_mm: float | None
) -> npt.NDArray[np.float64] | None:
    """Affine of (column, row, slice) indices. DICOM's axes point left and posterior, RAS right and anterior."""
    first = headers[0]
    if first.pixel_spacing is None or first.row_direction is None or first.column_direction is None:
        return None
    row_mm, column_mm = first.pixel_spacing
    step = normal * (z_mm or first.thickness_mm or 1.0)
    if len(headers) > 1:
        mean_step = (_position(headers[-1]) - _position(first)) / (len(headers) - 1)
        # An even series may also shift in the plane; an uneven one is described by its median distance.
        if z_mm is not None and abs(float(normal @ mean_step) - z_mm) <= _LENGTH_TOLERANCE * z_mm:
            step = mean_step
    affine = np.eye(4)
    affine[:3, 0] = first.row_direction * column_mm
    affine[:3, 1] = first.column_direction * row_mm
    affine[:3, 2] = step
    affine[:3, 3] = _position(first)
    return np.asarray(np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def _order_by_number(headers: Sequence[SliceHeader], findings: list[str]) -> OrderedSeries:
    """Without positions: by InstanceNumber, then by file name. The distance between slices stays unknown."""
    ordered = sorted(
        headers,
        key=lambda header: (
            header.instance_number is None,
            header.instance_number or 0,
            natural_key(header.path.name),
        ),
    )
    findings.append(
        "The DICOM slices have no usable position, so they were sorted by InstanceNumber and the distance between "
        "slices is not known."
    )
    return OrderedSeries(tuple(ordered), _spacing(ordered[0], None, findings), None, tuple(findings))
