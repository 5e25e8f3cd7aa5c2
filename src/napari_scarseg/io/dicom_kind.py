"""What a DICOM slice shows, from its image type; and how much a stack looks like short-axis LGE."""

import re
from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from napari_scarseg.io.dicom_header import SliceHeader


class Component(StrEnum):
    """Which part of the complex signal an image shows."""

    MAGNITUDE = "magnitude"
    PHASE_SENSITIVE = "phase-sensitive"
    PHASE = "phase"
    IMAGINARY = "imaginary"
    UNNAMED = "kind not named"


# Words of vendors in the third and later values of ImageType (Siemens M, Philips M_IR, GE MAGNITUDE, …).
_WORDS = (
    (Component.PHASE_SENSITIVE, re.compile(r"(PSIR|PS|CR|REAL|R)(_.*)?")),
    (Component.MAGNITUDE, re.compile(r"(MAGNITUDE|MAG|M)(_.*)?")),
    (Component.IMAGINARY, re.compile(r"(IMAGINARY|I)(_.*)?")),
    (Component.PHASE, re.compile(r"(PHASE|P|PHASE MAP|VELOCITY)(_.*)?")),
)
_LGE_WORDS = re.compile(
    r"lge|late.?(gad|enh)|delayed|(^|[^a-z])(de|dhe|mde|ce.?ir)([^a-z]|$)|psir|viab|scar|enhanc|narbe|tardi", re.I
)
_OTHER_WORDS = re.compile(
    r"cine|locali|loc([^a-z]|$)|scout|survey|haste|black.?blood|t1.?map|t2|molli|shmolli|sasha|perf|stress|rest([^a-z]|$)|"
    r"flow|phase.?contrast|ti.?scout|look.?locker|tagg|angio|coro",
    re.I,
)
# The left ventricle's long axis, from base to apex, points left, forward and down (LPS).
_LONG_AXIS_LPS = np.array([0.68, -0.52, -0.52])


def component_of(slice_: SliceHeader) -> Component:
    """Which part of the signal a slice shows, as far as its image type says."""
    for word in slice_.image_type[2:]:
        for component, pattern in _WORDS:
            if pattern.fullmatch(word.strip().upper()):
                return component
    return Component.UNNAMED


def is_localizer(slice_: SliceHeader) -> bool:
    """Whether a slice was made for planning."""
    return any("LOCALI" in word.upper() for word in slice_.image_type)


def lge_likeness(slices: Sequence[SliceHeader], z_mm: float | None, repeats: int) -> float:
    """How much a stack looks like short-axis LGE: points for and against, comparable among stacks of one source.

    Parameters
    ----------
    slices : sequence of SliceHeader
        One per position.
    z_mm : float or None
        Distance between slices.
    repeats : int
        Images at each position; many are a cine or a map.
    """
    first = slices[0]
    component = component_of(first)
    words = first.image.all_words
    says_lge = bool(_LGE_WORDS.search(words))
    points = 0.0
    points += 4.0 if says_lge else 0.0
    points -= 3.0 if _OTHER_WORDS.search(words) and not says_lge else 0.0
    points += 2.0 if 6 <= len(slices) <= 30 else 1.0 if 2 <= len(slices) <= 60 else 0.0
    points += 1.0 if z_mm is not None and 4 <= z_mm <= 16 else 0.0
    points += 2.0 if first.values.inversion_ms is not None and 100 <= first.values.inversion_ms <= 700 else 0.0
    points += {Component.PHASE_SENSITIVE: 1.0, Component.MAGNITUDE: 0.5, Component.PHASE: -2.0 + 2.0 * says_lge}.get(
        component, 0.0
    )
    points -= 4.0 if component is Component.IMAGINARY else 0.0
    points -= 5.0 if is_localizer(first) else 0.0
    points -= 4.0 if repeats >= 8 else 0.0
    points -= 8.0 if first.image.modality not in ("MR", "") else 0.0
    points -= 8.0 if first.image.samples != 1 else 0.0
    normal = first.normal
    if normal is not None:
        # Cosine of the angle to the usual short axis: long-axis views stand upright on it.
        points += 1.5 * abs(float(normal @ _LONG_AXIS_LPS))
    return points
