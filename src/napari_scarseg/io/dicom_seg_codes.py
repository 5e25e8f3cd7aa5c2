"""Codes of segments in DICOM SEG, both ways: what a tissue is called, and what a coded segment is."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from napari_scarseg.core.tissue import Tissue

_MORPHOLOGY = Code("49755003", "SCT", "Morphologically Abnormal Structure")
_ANATOMY = Code("91723000", "SCT", "Anatomical Structure")
WALL = Code("49848007", "SCT", "Left Ventricle Myocardium")

# The number of a lesion stands in its segment's Tracking ID, as segments themselves are numbered 1, 2, 3, …
LESION_TRACKING = "napari-scarseg lesion "
# SNOMED CT and DICOM have no code for microvascular obstruction, so it has a private one, as the standard provides.
_PRIVATE_SCHEME = "99SCARSEG"


@dataclass(frozen=True, slots=True)
class SegmentCodes:
    """How DICOM says what a segment is.

    Parameters
    ----------
    category, kind : Code
        Segmented Property Category and Type.
    region : Code or None
        Anatomic Region, where the type does not say it.
    colour : (int, int, int)
        Recommended display colour, RGB in 0 … 255.
    """

    category: Code
    kind: Code
    region: Code | None
    colour: tuple[int, int, int]


SEGMENT_CODES: Mapping[Tissue, SegmentCodes] = MappingProxyType(
    {
        Tissue.CAVITY: SegmentCodes(_ANATOMY, Code("87878005", "SCT", "Left ventricle"), None, (70, 130, 200)),
        Tissue.MYOCARDIUM: SegmentCodes(_ANATOMY, WALL, None, (90, 170, 90)),
        Tissue.SCAR: SegmentCodes(_MORPHOLOGY, Code("122113", "DCM", "Scarred Myocardium"), WALL, (255, 176, 0)),
        Tissue.MVO: SegmentCodes(
            _MORPHOLOGY, Code("MVO", _PRIVATE_SCHEME, "Microvascular obstruction"), WALL, (150, 60, 160)
        ),
        Tissue.EDEMA: SegmentCodes(_MORPHOLOGY, Code("79654002", "SCT", "Edema"), WALL, (120, 200, 220)),
        Tissue.RV: SegmentCodes(_ANATOMY, Code("53085002", "SCT", "Right ventricle"), None, (200, 110, 110)),
        Tissue.OTHER: SegmentCodes(_ANATOMY, Code("85756007", "SCT", "Tissue"), None, (160, 160, 160)),
    }
)

# Codes that other software gives to the same things.
_FOREIGN: Mapping[tuple[str, str], Tissue] = MappingProxyType(
    {
        ("SCT", "12402003"): Tissue.SCAR,
        ("SCT", "55641003"): Tissue.SCAR,
        ("SCT", "22298006"): Tissue.SCAR,
        ("SCT", "57054005"): Tissue.SCAR,
        ("DCM", "111168"): Tissue.SCAR,
        ("SCT", "74281007"): Tissue.MYOCARDIUM,
        ("DCM", "122112"): Tissue.MYOCARDIUM,
    }
)


def tissue_of_segment(segment: Dataset) -> Tissue | None:
    """What an item of a Segment Sequence is, by its coded type; None where its codes say nothing that is known here."""
    for item in segment.get("SegmentedPropertyTypeCodeSequence") or ():
        code = (str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeValue", "")))
        for tissue, codes in SEGMENT_CODES.items():
            if code == (codes.kind.scheme_designator, codes.kind.value):
                return None if tissue is Tissue.OTHER else tissue
        if code in _FOREIGN:
            return _FOREIGN[code]
    return None
