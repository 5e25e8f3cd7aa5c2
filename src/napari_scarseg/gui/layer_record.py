"""What a layer keeps under `metadata["scarseg"]`: plain values that say which image it belongs to, and who and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.case import CaseInfo, Phase
from napari_scarseg.core.spacing import Spacing, SpacingOrigin

METADATA_KEY = "scarseg"


@dataclass(frozen=True, slots=True, eq=False)
class ImageRecord:
    """What boxes and labels inherit from their image.

    Parameters
    ----------
    stem : str
        Name the results carry.
    spacing : Spacing
    case : CaseInfo
    affine_ras : ndarray (4, 4) or None
    findings : tuple of str
        Sentences about what was noticed while reading.
    sha256 : str
        Hash of the voxels; empty where it was not taken yet.
    """

    stem: str
    spacing: Spacing
    case: CaseInfo
    affine_ras: npt.NDArray[np.float64] | None = None
    findings: tuple[str, ...] = field(default=())
    sha256: str = ""

    def with_case(self, case: CaseInfo) -> "ImageRecord":
        """The same image of another patient, phase or cohort."""
        return replace(self, case=case)

    def with_spacing(self, spacing: Spacing) -> "ImageRecord":
        """The same image with another spacing."""
        return replace(self, spacing=spacing)


def record_to_metadata(record: ImageRecord) -> dict[str, Any]:
    """Plain values for `metadata["scarseg"]`; inverse of `record_from_metadata`.

    Examples
    --------
    >>> record = ImageRecord("heart", Spacing.unknown(), CaseInfo("heart"))
    >>> record_to_metadata(record)["spacing"] is None
    True
    """
    return {
        "stem": record.stem,
        "spacing": record.spacing.as_dict(),
        "case": {
            "case": record.case.case,
            "patient": record.case.patient,
            "phase": record.case.phase.value,
            "cohort": record.case.cohort,
        },
        "affine_ras": record.affine_ras,
        "findings": list(record.findings),
        "sha256": record.sha256,
    }


def record_from_metadata(metadata: Mapping[str, Any]) -> ImageRecord | None:
    """Read a layer's `metadata` (the whole of it); None where this plugin has left nothing in it."""
    values = metadata.get(METADATA_KEY)
    if not isinstance(values, Mapping) or "stem" not in values:
        return None
    stem = str(values["stem"])
    return ImageRecord(
        stem=stem,
        spacing=_spacing(values.get("spacing")),
        case=_case(values.get("case"), stem),
        affine_ras=values.get("affine_ras"),
        findings=tuple(str(finding) for finding in values.get("findings") or ()),
        sha256=str(values.get("sha256") or ""),
    )


def belongs_to(layer_metadata: Mapping[str, Any], image: ImageRecord) -> bool:
    """Whether boxes or labels were made from `image`: of the same voxels, or of its name where those are not known."""
    own = record_from_metadata(layer_metadata)
    if own is None:
        return False
    return own.stem == image.stem and (not own.sha256 or not image.sha256 or own.sha256 == image.sha256)


def _spacing(values: object) -> Spacing:
    if not isinstance(values, Mapping):
        return Spacing.unknown()
    return Spacing(
        values.get("z_mm"), values.get("y_mm"), values.get("x_mm"), SpacingOrigin(values.get("origin", "unknown"))
    )


def _case(values: object, stem: str) -> CaseInfo:
    if not isinstance(values, Mapping):
        return CaseInfo(stem)
    return CaseInfo(
        case=str(values.get("case") or stem),
        patient=str(values.get("patient") or ""),
        phase=Phase(values.get("phase") or Phase.UNKNOWN.value),
        cohort=str(values.get("cohort") or ""),
    )
