"""What label values mean: tissues, and the conventions of well-known data sets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from napari_scarseg.errors import InputError


class Tissue(StrEnum):
    """What a label value stands for, in the order in which class labels are numbered (cavity = 1, …)."""

    CAVITY = "cavity"
    MYOCARDIUM = "myocardium"
    SCAR = "scar"
    MVO = "mvo"
    EDEMA = "edema"
    RV = "rv"
    OTHER = "other"

    @property
    def words(self) -> str:
        """Name for a person."""
        return _WORDS[self]


_WORDS: Mapping[Tissue, str] = MappingProxyType(
    {
        Tissue.CAVITY: "LV cavity",
        Tissue.MYOCARDIUM: "LV myocardium without scar",
        Tissue.SCAR: "Scar",
        Tissue.MVO: "Microvascular obstruction",
        Tissue.EDEMA: "Oedema",
        Tissue.RV: "RV cavity",
        Tissue.OTHER: "Something else",
    }
)
CLASS_VALUES: Mapping[Tissue, int] = MappingProxyType(
    {tissue: number for number, tissue in enumerate(Tissue, start=1) if tissue is not Tissue.OTHER}
)
# What lies in the wall of the left ventricle; scar includes the obstruction inside it.
SCAR_TISSUES = frozenset({Tissue.SCAR, Tissue.MVO})
WALL_TISSUES = SCAR_TISSUES | {Tissue.MYOCARDIUM, Tissue.EDEMA}


class LabelPreset(StrEnum):
    """Conventions that label files follow."""

    LESIONS = "lesions"
    BINARY = "binary"
    ANTIALIASED = "antialiased"
    EMIDEC = "emidec"
    MYOPS = "myops"
    ACDC = "acdc"


@dataclass(frozen=True, slots=True)
class PresetInfo:
    """What a preset says.

    Parameters
    ----------
    title : str
        For a person.
    tissues : mapping of value → Tissue
        Empty where values have no fixed meaning (lesions, binary, anti-aliased).
    """

    title: str
    tissues: Mapping[int, Tissue]


PRESETS: Mapping[LabelPreset, PresetInfo] = MappingProxyType(
    {
        LabelPreset.LESIONS: PresetInfo("Each value is a scar lesion", {}),
        LabelPreset.BINARY: PresetInfo("Anything above 0 is scar", {}),
        LabelPreset.ANTIALIASED: PresetInfo("Grey mask: scar from half of the brightest", {}),
        LabelPreset.EMIDEC: PresetInfo(
            "EMIDEC, MYOSAIQ (1 cavity, 2 myocardium, 3 infarct, 4 MVO)",
            {1: Tissue.CAVITY, 2: Tissue.MYOCARDIUM, 3: Tissue.SCAR, 4: Tissue.MVO},
        ),
        LabelPreset.MYOPS: PresetInfo(
            "MyoPS (200 myocardium, 500 LV, 600 RV, 1220 oedema, 2221 scar)",
            {
                200: Tissue.MYOCARDIUM,
                500: Tissue.CAVITY,
                600: Tissue.RV,
                1220: Tissue.EDEMA,
                2221: Tissue.SCAR,
            },
        ),
        LabelPreset.ACDC: PresetInfo(
            "ACDC (1 RV, 2 myocardium, 3 LV; no scar)", {1: Tissue.RV, 2: Tissue.MYOCARDIUM, 3: Tissue.CAVITY}
        ),
    }
)
# More values than these, ending at white, are the smoothed edge of a drawn mask.
_MANY_VALUES = 8


def propose_preset(values: Iterable[int]) -> LabelPreset:
    """The convention that a label volume seems to follow, by the values that occur in it.

    1 to 3 without 4 may be EMIDEC or ACDC; EMIDEC is proposed, as this program is about scar.

    Examples
    --------
    >>> propose_preset([0, 200, 500, 2221]).value, propose_preset([0, 255]).value, propose_preset([1, 2, 3, 4]).value
    ('myops', 'binary', 'emidec')
    """
    found = {int(value) for value in values} - {0}
    if len(found) <= 1:
        return LabelPreset.BINARY
    if found <= set(PRESETS[LabelPreset.MYOPS].tissues):
        return LabelPreset.MYOPS
    if found <= set(PRESETS[LabelPreset.EMIDEC].tissues) and 3 in found:
        return LabelPreset.EMIDEC
    if len(found) > _MANY_VALUES and max(found) in (255, 65535):
        return LabelPreset.ANTIALIASED
    return LabelPreset.LESIONS


def propose_tissues(values: Iterable[int], preset: LabelPreset) -> dict[int, Tissue]:
    """What each value above 0 means under a preset; a value that the preset does not know is something else.

    Examples
    --------
    >>> propose_tissues([0, 3, 9], LabelPreset.EMIDEC)
    {3: <Tissue.SCAR: 'scar'>, 9: <Tissue.OTHER: 'other'>}
    """
    found = sorted({int(value) for value in values} - {0})
    known = PRESETS[preset].tissues
    if known:
        return {value: known.get(value, Tissue.OTHER) for value in found}
    if preset is LabelPreset.ANTIALIASED:
        threshold = max(found, default=0) / 2
        return {value: Tissue.SCAR for value in found if value >= threshold}
    return dict.fromkeys(found, Tissue.SCAR)


def check_preset(values: Iterable[int], preset: LabelPreset) -> None:
    """Raise InputError, with a sentence, where labels hold a value that the preset does not know."""
    known = PRESETS[preset].tissues
    strange = sorted({int(value) for value in values} - {0} - set(known))
    if known and strange:
        words = ", ".join(map(str, strange[:5])) + (", …" if len(strange) > 5 else "")
        raise InputError(
            f"The labels hold the value{'s' if len(strange) > 1 else ''} {words}, which {preset.value} has not (it has "
            f"{', '.join(map(str, sorted(known)))}); choose another preset."
        )


def resolve_scar_values(
    values: Iterable[int], preset: LabelPreset | None, coded: Mapping[int, Tissue]
) -> tuple[int, ...] | None:
    """Which label values mean scar; None where each value is a lesion already.

    Parameters
    ----------
    values : iterable of int
        Values that occur.
    preset : LabelPreset or None
    coded : mapping of value → Tissue
        What the file itself says; it counts where there is no preset.

    Raises
    ------
    InputError
        If the preset does not know one of the values.

    Examples
    --------
    >>> resolve_scar_values([0, 1, 2, 3], LabelPreset.EMIDEC, {}), resolve_scar_values([0, 1, 2], None, {})
    ((3,), None)
    """
    if preset is LabelPreset.LESIONS or (preset is None and not set(coded.values()) - SCAR_TISSUES):
        return None
    found = list(values)
    if preset is not None:
        check_preset(found, preset)
    tissues = coded if preset is None else propose_tissues(found, preset)
    return tuple(value for value, tissue in tissues.items() if tissue in SCAR_TISSUES)


def tissue_mask(
    labels: npt.NDArray[np.generic], tissues: Mapping[int, Tissue], wanted: Iterable[Tissue]
) -> npt.NDArray[np.bool_]:
    """Where `labels` (any shape) hold a value that means one of `wanted`."""
    chosen = set(wanted)
    return np.isin(labels, [value for value, tissue in tissues.items() if tissue in chosen])


def class_labels(labels: npt.NDArray[np.generic], tissues: Mapping[int, Tissue]) -> npt.NDArray[np.int32]:
    """Labels (any shape) numbered by tissue: 1 cavity, 2 myocardium, 3 scar, 4 MVO, 5 oedema, 6 RV; others are 0.

    Examples
    --------
    >>> class_labels(np.array([0, 200, 2221]), PRESETS[LabelPreset.MYOPS].tissues).tolist()
    [0, 2, 3]
    """
    result = np.zeros(labels.shape, dtype=np.int32)
    for value, tissue in tissues.items():
        if tissue is not Tissue.OTHER:
            result[labels == value] = CLASS_VALUES[tissue]
    return result
