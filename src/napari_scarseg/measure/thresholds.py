"""Scar by a threshold inside a known myocardium: n-SD, FWHM and Otsu, slice by slice.

These are the methods that users compare with. All start from remote (healthy) myocardium, which is a region of the
user's or, without one, the 60° sector of the wall with the lowest mean. FWHM is halfway between the remote mean and the
maximum, never half of the raw maximum: on PSIR images the zero is arbitrary. FWHM and Otsu find a threshold in every
heart, and Otsu halves a healthy one; so theirs counts only where it lies clear of the remote myocardium.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_scarseg.core.masks import label_components
from napari_scarseg.errors import InputError

Mask = npt.NDArray[np.bool_]

# Ours: a threshold of FWHM or Otsu nearer to the remote mean than this separates noise from noise.
GATE_SD = 2.0
# Ours: a mean and SD of fewer pixels say little.
LEAST_REMOTE_PX = 10
_SECTOR_DEG, _SECTOR_STEP_DEG = 60, 15

REASON_NO_MYOCARDIUM = "no myocardium on the slice"
REASON_SMALL = f"fewer than {LEAST_REMOTE_PX} px of remote myocardium"
REASON_CONTRAST = f"threshold within {GATE_SD:g} SD of the remote mean: no contrast"
REASON_FLAT = "remote myocardium without any variation"


class ThresholdMethod(StrEnum):
    """How the threshold is found."""

    NSD = "nsd"  # remote mean + n × remote SD
    FWHM = "fwhm"  # halfway between the remote mean and the maximum in the myocardium
    OTSU = "otsu"  # Otsu, IEEE Trans Syst Man Cybern 1979;9:62–66, of the myocardium (scikit-image)


@dataclass(frozen=True, slots=True)
class ThresholdConfig:
    """A method with its settings.

    Parameters
    ----------
    method : ThresholdMethod
    n : float
        Standard deviations above the remote mean; n-SD only. Usual are 2 to 6.
    fill_mvo : bool
        Count dark myocardium that scar cuts off from the epicardium (microvascular obstruction) as infarct.

    Raises
    ------
    InputError
        If n is not a positive number.
    """

    method: ThresholdMethod
    n: float = 5.0
    fill_mvo: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.n) and self.n > 0):
            raise InputError(f"The number of standard deviations must be positive, not {self.n}; 2 to 6 are usual.")

    @property
    def name(self) -> str:
        """What a table calls it.

        Examples
        --------
        >>> ThresholdConfig(ThresholdMethod.NSD, 5).name, ThresholdConfig(ThresholdMethod.FWHM).name
        ('5-SD', 'FWHM')
        """
        return {
            ThresholdMethod.NSD: f"{self.n:g}-SD",
            ThresholdMethod.FWHM: "FWHM",
            ThresholdMethod.OTSU: "Otsu",
        }[self.method]

    def as_dict(self) -> dict[str, object]:
        """Values for a provenance record; n only where it counts."""
        values = asdict(self)
        if self.method is not ThresholdMethod.NSD:
            values["n"] = None
        return values


@dataclass(frozen=True, slots=True)
class SliceThreshold:
    """What was decided on one slice, in the image's own units.

    Parameters
    ----------
    slice : int
    threshold : float
        Scar lies above it; NaN where none was found.
    remote_mean, remote_sd : float
        NaN where there is too little myocardium.
    remote_px, scar_px, myocardium_px : int
    reason : str
        Why no threshold was applied; empty otherwise.
    """

    slice: int
    threshold: float
    remote_mean: float
    remote_sd: float
    remote_px: int
    scar_px: int
    myocardium_px: int
    reason: str


def threshold_stack(
    data: npt.NDArray[np.generic],
    myocardium: npt.NDArray[np.generic],
    config: ThresholdConfig,
    remote: npt.NDArray[np.generic] | None = None,
) -> tuple[Mask, list[SliceThreshold]]:
    """Scar in the myocardium of a stack; components under 5 px are dropped.

    Parameters
    ----------
    data : ndarray (Z, Y, X)
        Intensities, scar bright.
    myocardium : ndarray (Z, Y, X)
        Non-zero where the wall is, scar included.
    config : ThresholdConfig
    remote : ndarray (Z, Y, X), optional
        Non-zero where the user says that the myocardium is healthy; used where it has pixels.

    Returns
    -------
    scar : ndarray of bool (Z, Y, X)
    slices : list of SliceThreshold
        One per slice.

    Raises
    ------
    InputError
        If the shapes differ, or there is no myocardium at all.

    Examples
    --------
    >>> rows, cols = np.mgrid[-20:21, -20:21]
    >>> wall = (np.hypot(rows, cols) > 10) & (np.hypot(rows, cols) < 16)
    >>> image = np.random.default_rng(0).normal(100, 5, (1, 41, 41)); image[0, 30:, 15:26] += 100
    >>> scar, (found,) = threshold_stack(image, wall[None], ThresholdConfig(ThresholdMethod.FWHM))
    >>> bool(scar.any()), found.reason
    (True, '')
    """
    wall = np.asarray(myocardium) != 0
    given = None if remote is None else np.asarray(remote) != 0
    if data.ndim != 3 or data.shape != wall.shape or (given is not None and given.shape != wall.shape):
        raise InputError(
            f"The image has the shape {data.shape} and the myocardium {wall.shape}; both must be one (slice, row, "
            "column) grid."
        )
    if not wall.any():
        raise InputError("The labels hold no myocardium; say which values mean it with --myocardium-values.")
    scar = np.zeros(wall.shape, dtype=np.bool_)
    slices = []
    region = _region(wall)
    for z in range(len(wall)):
        plane, inside = np.asarray(data[z][region], dtype=np.float64), wall[z][region]
        healthy = None if given is None else inside & given[z][region]
        if healthy is not None and not healthy.any():
            healthy = None
        scar[z][region], found = _threshold_slice(z, plane, inside, healthy, config)
        slices.append(found)
    return scar, slices


def _region(wall: Mask) -> tuple[slice, slice]:
    """Rows and columns that hold the wall of every slice, and one more on each side where there is one."""
    rows, cols = np.flatnonzero(wall.any(axis=(0, 2))), np.flatnonzero(wall.any(axis=(0, 1)))
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(cols[0] - 1, 0), cols[-1] + 2)


def find_remote(plane: npt.NDArray[np.float64], myocardium: Mask) -> Mask:
    """The 60° sector of the wall with the lowest mean, seen from the middle of the LV; (Y, X) of bool.

    Sectors start every 15°. Sectors with fewer than 10 px are not candidates; if all are so, the result is empty.
    """
    best: Mask = np.zeros(myocardium.shape, dtype=np.bool_)
    if not myocardium.any():
        return best
    row, col = ndimage.center_of_mass(ndimage.binary_fill_holes(myocardium))
    rows, cols = np.indices(myocardium.shape)
    angle = np.degrees(np.arctan2(rows - row, cols - col)) % 360
    lowest = math.inf
    for start in range(0, 360, _SECTOR_STEP_DEG):
        sector = myocardium & ((angle - start) % 360 < _SECTOR_DEG)
        if np.count_nonzero(sector) >= LEAST_REMOTE_PX and plane[sector].mean() < lowest:
            lowest, best = float(plane[sector].mean()), sector
    return best


def _threshold_slice(
    index: int, plane: npt.NDArray[np.float64], wall: Mask, remote: Mask | None, config: ThresholdConfig
) -> tuple[Mask, SliceThreshold]:
    none: Mask = np.zeros(wall.shape, dtype=np.bool_)
    wall_px = int(np.count_nonzero(wall))
    healthy = find_remote(plane, wall) if remote is None else remote
    remote_px = int(np.count_nonzero(healthy))
    if not wall_px or remote_px < LEAST_REMOTE_PX:
        reason = REASON_SMALL if wall_px else REASON_NO_MYOCARDIUM
        return none, SliceThreshold(index, math.nan, math.nan, math.nan, remote_px, 0, wall_px, reason)
    mean, sd = float(plane[healthy].mean()), float(plane[healthy].std(ddof=1))
    threshold = _resolve(plane[wall], mean, sd, config)
    reason = ""
    if sd == 0:
        reason = REASON_FLAT
    elif config.method is not ThresholdMethod.NSD and threshold < mean + GATE_SD * sd:
        reason = REASON_CONTRAST
    if reason:
        return none, SliceThreshold(index, math.nan, mean, sd, remote_px, 0, wall_px, reason)
    scar = label_components(wall & (plane > threshold)) > 0
    if config.fill_mvo:
        scar = fill_obstruction(scar, wall)
    return scar, SliceThreshold(index, threshold, mean, sd, remote_px, int(scar.sum()), wall_px, "")


def _resolve(values: npt.NDArray[np.float64], mean: float, sd: float, config: ThresholdConfig) -> float:
    match config.method:
        case ThresholdMethod.NSD:
            return mean + config.n * sd
        case ThresholdMethod.FWHM:
            return (mean + float(values.max())) / 2
        case ThresholdMethod.OTSU:
            return float(threshold_otsu(values)) if values.min() < values.max() else mean


def fill_obstruction(scar: Mask, myocardium: Mask) -> Mask:
    """Scar (Y, X) with the parts of the wall that it cuts off from the epicardium.

    A part of the wall without scar that touches nothing outside the LV is enclosed by scar, or by scar and cavity:
    there lies microvascular obstruction.
    """
    outside = ~ndimage.binary_fill_holes(myocardium)
    parts, count = ndimage.label(myocardium & ~scar)
    # Padding counts as outside: a wall at the edge of the slice is not cut off.
    reach = ndimage.binary_dilation(np.pad(outside, 1, constant_values=True))[1:-1, 1:-1]
    open_parts: Sequence[int] = np.unique(parts[reach]).tolist()
    closed = np.isin(parts, [n for n in range(1, count + 1) if n not in open_parts])
    return np.asarray(scar | closed) if scar.any() else scar
