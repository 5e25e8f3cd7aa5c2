"""Why a cell of the table is empty: one sentence each, and the columns that it explains."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause of empty cells.

    Parameters
    ----------
    text : str
        As it stands in `reason_empty`.
    columns : tuple of str
        Names, or patterns with `*`, of the columns that are empty because of it.
    """

    text: str
    columns: tuple[str, ...]

    def explains(self, column: str) -> bool:
        """Whether an empty cell of this column has this cause."""
        return any(fnmatchcase(column, pattern) for pattern in self.columns)


_INTENSITY = ("intensity_*", "contrast_*", "glcm_*")
_MURAL = ("transmurality*", "endocardial_*", "lv_share_pct", "contrast_to_remote")
_SHAPE_3D = ("lesion_surface_mm2", "lesion_sphericity", "lesion_diameter_mm")

NO_IN_PLANE = Reason(
    "in-plane spacing unknown: no mm, mm², ml and g", ("*_mm", "*_mm2", "*_ml", "*_g", "lesion_sphericity")
)
NO_SLICE_DISTANCE = Reason(
    "slice distance unknown: no ml, g and 3-D shape", ("volume_ml", "mass_g", "lesion_height_mm", *_SHAPE_3D)
)
FEW_SLICES = Reason(
    "lesion on under 3 slices: no lesion_surface_mm2 and lesion_sphericity", ("lesion_surface_mm2", "lesion_sphericity")
)
ONE_VOXEL = Reason("lesion of one voxel: no lesion_diameter_mm", ("lesion_diameter_mm",))
NO_COMPONENT = Reason("no component of 5 px: no n_components", ("n_components",))
ROUND = Reason("both axes equal: no orientation_deg", ("orientation_deg",))
ONE_PIXEL = Reason("one pixel: no intensity_sd and entropy", ("intensity_sd", "intensity_entropy_bits"))
NO_PAIR = Reason("no neighbouring pixels: no texture", ("glcm_*",))
ONE_GREY = Reason("one grey value: no glcm_correlation", ("glcm_correlation",))
NO_RING = Reason("surroundings too small or of one grey value: no contrast_to_ring", ("contrast_to_ring",))
NO_REMOTE = Reason("remote myocardium too small or of one grey value: no contrast_to_remote", ("contrast_to_remote",))
NOT_FINITE = Reason("image not finite here: no intensity", _INTENSITY)
NO_CENTRE = Reason("LV centre unknown on the slice: no wall features", ("angular_*", "unwrapped_*", *_MURAL))
NO_WALL = Reason("myocardium unknown on the slice: no transmurality and endocardium", _MURAL)
NO_RAY = Reason(
    "lesion lies between the rays: no wall features", ("angular_*", "unwrapped_*", "transmurality*", "endocardial_*")
)
NO_MYOCARDIUM = Reason("myocardium not given: no transmurality, endocardium and share of the LV", _MURAL)
NO_IMAGE = Reason("no image given: no intensity", _INTENSITY)
NO_LV = Reason("neither LV centre nor myocardium given: no wall features", ("angular_*", "unwrapped_*", *_MURAL))

REASONS: tuple[Reason, ...] = (
    NO_IN_PLANE,
    NO_SLICE_DISTANCE,
    FEW_SLICES,
    ONE_VOXEL,
    NO_COMPONENT,
    ROUND,
    ONE_PIXEL,
    NO_PAIR,
    ONE_GREY,
    NO_RING,
    NO_REMOTE,
    NOT_FINITE,
    NO_CENTRE,
    NO_WALL,
    NO_RAY,
    NO_MYOCARDIUM,
    NO_IMAGE,
    NO_LV,
)


def join_reasons(reasons: Iterable[Reason]) -> str:
    """The text of `reason_empty`: each cause once, in the order given."""
    return "; ".join(dict.fromkeys(reason.text for reason in reasons))


def explains_empty(text: str, column: str) -> bool:
    """Whether the text of `reason_empty` says why `column` is empty.

    Examples
    --------
    >>> explains_empty("one pixel: no intensity_sd and entropy", "intensity_sd")
    True
    """
    parts = set(text.split("; "))
    return any(reason.text in parts and reason.explains(column) for reason in REASONS)
