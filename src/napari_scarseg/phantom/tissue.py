"""Tissues and their signed inversion recovery signal."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from napari_scarseg.phantom.config import ImageKind, SignalConfig
from napari_scarseg.phantom.noise import draw_range


class Tissue(IntEnum):
    """What a point of the body is made of."""

    AIR = 0
    REMOTE = 1
    INFARCT = 2
    MVO = 3
    BLOOD = 4
    FAT = 5
    MUSCLE = 6
    LUNG = 7
    LIVER = 8
    SPLEEN = 9
    STOMACH = 10
    BONE = 11
    FLUID = 12


# Proton density relative to water, with the transverse decay of a short echo in it.
_PROTON_DENSITY = {
    Tissue.AIR: 0.0,
    Tissue.REMOTE: 0.80,
    Tissue.INFARCT: 0.85,
    Tissue.MVO: 0.80,
    Tissue.BLOOD: 0.95,
    Tissue.FAT: 0.70,
    Tissue.MUSCLE: 0.75,
    Tissue.LUNG: 0.05,
    Tissue.LIVER: 0.88,
    Tissue.SPLEEN: 0.80,
    Tissue.STOMACH: 0.80,
    Tissue.BONE: 0.30,
    Tissue.FLUID: 0.95,
}


@dataclass(frozen=True, slots=True)
class Contrast:
    """Relaxation and timing of one scan.

    Parameters
    ----------
    t1_ms : ndarray (tissues,)
        By `Tissue`.
    density : ndarray (tissues,)
        Relative proton density, by `Tissue`.
    tr_ms, inversion_efficiency : float
    null_ms : float
        Inversion time at which remote myocardium has no signal.
    ti_ms : ndarray (Z,)
        Inversion time of each slice, as seen by the contrast of the middle one (the drift is in it).
    """

    t1_ms: npt.NDArray[np.float64]
    density: npt.NDArray[np.float64]
    tr_ms: float
    inversion_efficiency: float
    null_ms: float
    ti_ms: npt.NDArray[np.float64]

    def signals(self) -> npt.NDArray[np.float32]:
        """Signed signal of each slice and tissue, (Z, tissues), relative to full relaxation of proton density 1."""
        relaxed = inversion_recovery(self.ti_ms[:, None], self.t1_ms[None], self.tr_ms, self.inversion_efficiency)
        return np.asarray(self.density * relaxed, dtype=np.float32)


def inversion_recovery(
    ti_ms: npt.ArrayLike, t1_ms: npt.ArrayLike, tr_ms: float, inversion_efficiency: float = 1.0
) -> npt.NDArray[np.float64]:
    """Longitudinal magnetisation Mz(TI) = 1 − (1 + e)·exp(−TI/T1) + e·exp(−TR/T1), relative to equilibrium.

    Parameters
    ----------
    ti_ms, t1_ms : array_like
        Inversion and relaxation times, broadcast together.
    tr_ms : float
        Time between inversions.
    inversion_efficiency : float
        e, 1 for a perfect inversion.

    Examples
    --------
    >>> inversion_recovery([0.0, 1e6], 400.0, 1e6).tolist()
    [-1.0, 1.0]
    """
    t1 = np.asarray(t1_ms, dtype=np.float64)
    e = inversion_efficiency
    return np.asarray(1 - (1 + e) * np.exp(-np.asarray(ti_ms) / t1) + e * np.exp(-tr_ms / t1), dtype=np.float64)


def null_time_ms(t1_ms: float, tr_ms: float, inversion_efficiency: float = 1.0) -> float:
    """Inversion time at which `inversion_recovery` is 0.

    Examples
    --------
    >>> round(null_time_ms(490.0, 1750.0), 1)
    326.1
    """
    e = inversion_efficiency
    return float(t1_ms * np.log((1 + e) / (1 + e * np.exp(-tr_ms / t1_ms))))


def draw_contrast(rng: np.random.Generator, config: SignalConfig, kind: ImageKind, slices: int) -> Contrast:
    """Draw the relaxation times and the timing of one scan of `slices` slices."""
    t1_ms = np.full(len(Tissue), 1000.0)
    t1_ms[Tissue.REMOTE] = draw_range(rng, config.remote_t1_ms)
    t1_ms[Tissue.INFARCT] = draw_range(rng, config.infarct_t1_ms)
    # Blood holds the contrast that the myocardium will hold a little later: its T1 lies below remote myocardium's.
    t1_ms[Tissue.BLOOD] = min(draw_range(rng, config.blood_t1_ms), 0.93 * t1_ms[Tissue.REMOTE])
    t1_ms[Tissue.MVO] = draw_range(rng, config.mvo_t1_ms)
    t1_ms[Tissue.FAT] = draw_range(rng, config.fat_t1_ms)
    t1_ms[Tissue.MUSCLE] = 480.0 * rng.uniform(1.0, 1.3)
    t1_ms[Tissue.LUNG] = 500.0
    t1_ms[Tissue.LIVER] = t1_ms[Tissue.BLOOD] * rng.uniform(0.92, 1.08)
    t1_ms[Tissue.SPLEEN] = t1_ms[Tissue.BLOOD] * rng.uniform(0.95, 1.1)
    t1_ms[Tissue.STOMACH] = rng.uniform(600.0, 2000.0)
    t1_ms[Tissue.BONE] = 330.0
    t1_ms[Tissue.FLUID] = rng.uniform(900.0, 2500.0)
    density = np.array([_PROTON_DENSITY[tissue] for tissue in Tissue])
    density[Tissue.BLOOD] *= draw_range(rng, config.blood_inflow)
    tr_ms = draw_range(rng, config.tr_ms)
    efficiency = draw_range(rng, config.inversion_efficiency)
    null_ms = null_time_ms(float(t1_ms[Tissue.REMOTE]), tr_ms, efficiency)
    late_ms = draw_range(rng, config.psir_ti_late_ms)
    ti_ms = null_ms + rng.normal(0.0, config.ti_error_sd_ms) + (late_ms if kind is ImageKind.PSIR else 0.0)
    drift_ms = np.asarray(config.ti_drift_ms * (np.arange(slices) - (slices - 1) / 2), dtype=np.float64)
    return Contrast(t1_ms, density, tr_ms, efficiency, null_ms, ti_ms - drift_ms)
