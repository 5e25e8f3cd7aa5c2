"""What a phantom may look like: every range that a seed draws from."""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum

from napari_scarseg.errors import InputError


class ImageKind(StrEnum):
    """How the inversion recovery signal is reconstructed."""

    PSIR = "psir"
    MAGNITUDE = "magnitude"


@dataclass(frozen=True, slots=True)
class Range:
    """Closed interval from which a value is drawn evenly.

    Raises
    ------
    InputError
        If it is reversed or reaches below zero.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < math.inf:
            raise InputError(
                f"A phantom's range ({self.low}, {self.high}) is reversed, negative or endless; correct it."
            )


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Log-normal distribution by its own mean and standard deviation (not those of the logarithm)."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class AnatomyConfig:
    """Shape of the heart and where it lies.

    Parameters
    ----------
    endo_diameter_mm : Range
        Diameter of the LV cavity where it is widest.
    wall_mm : Range
        Wall thickness of the LV away from any infarct.
    length_mm : Range
        From the mitral plane to the epicardial apex.
    chronic_wall_mm : Range
        Wall thickness in the middle of a chronic infarct.
    acute_swelling : Range
        Factor by which oedema thickens the wall in the middle of an acute infarct.
    epicardial_fat_mm : Range
        Thickness of the fat round the heart.
    subcutaneous_fat_mm : Range
        Thickness of the fat under the skin.
    axis_tilt_mm : Range
        How far the LV's centre moves in the plane from one slice to the next, because the stack is never quite
        perpendicular to the long axis.
    slice_shift_sd_mm : float
        Standard deviation, along each axis, of the shift between breath holds.
    centre_sd_mm : float
        Standard deviation of the LV's place in the field of view.
    rotation_sd_deg : float
        Standard deviation of the turn in the plane; 0 has the septum left and the anterior wall up.
    """

    endo_diameter_mm: Range = Range(36.0, 50.0)
    wall_mm: Range = Range(7.5, 11.0)
    length_mm: Range = Range(78.0, 102.0)
    chronic_wall_mm: Range = Range(3.5, 5.5)
    acute_swelling: Range = Range(1.0, 1.15)
    epicardial_fat_mm: Range = Range(1.0, 6.0)
    subcutaneous_fat_mm: Range = Range(6.0, 22.0)
    pericardial_fluid_mm: Range = Range(0.0, 3.0)
    axis_tilt_mm: Range = Range(0.0, 2.0)
    trabeculae_mm: Range = Range(0.5, 3.0)
    slice_shift_sd_mm: float = 1.5
    centre_sd_mm: float = 8.0
    rotation_sd_deg: float = 12.0


@dataclass(frozen=True, slots=True)
class ScarConfig:
    """Size, place and look of the infarct.

    Parameters
    ----------
    acute_mass_g, chronic_mass_g : LogNormal
        Infarct mass (scar and MVO).
    mass_limits_g : Range
        Masses outside are drawn again.
    territory_weights : tuple of float
        How often the LAD, the RCA and the LCX are the culprit.
    transmurality : Range
        Share of the wall, from the endocardium outwards, that the middle of the infarct takes up.
    mvo_probability : float
        How often an acute infarct has microvascular obstruction.
    mvo_share : Range
        MVO's share of the infarct's mass.
    fragmentation : Range
        0 is one solid infarct, 1 is one that falls into islands. Does not depend on the phase.
    border_mm : Range
        Width over which the signal goes from infarct to remote myocardium.
    """

    acute_mass_g: LogNormal = LogNormal(25.0, 17.0)
    chronic_mass_g: LogNormal = LogNormal(16.0, 12.0)
    mass_limits_g: Range = Range(2.0, 70.0)
    territory_weights: tuple[float, float, float] = (0.45, 0.35, 0.20)
    transmurality: Range = Range(0.5, 1.0)
    mvo_probability: float = 0.55
    mvo_share: Range = Range(0.03, 0.25)
    fragmentation: Range = Range(0.0, 0.8)
    border_mm: Range = Range(1.0, 4.0)


@dataclass(frozen=True, slots=True)
class SignalConfig:
    """Inversion recovery, relaxation times at 1.5 T some ten minutes after contrast, coil and noise.

    Parameters
    ----------
    remote_t1_ms, infarct_t1_ms, blood_t1_ms, mvo_t1_ms, fat_t1_ms : Range
        Longitudinal relaxation times.
    tr_ms : Range
        Time from inversion to inversion: two heart beats.
    inversion_efficiency : Range
        e of Mz(TI) = 1 − (1 + e)·exp(−TI/T1) + e·exp(−TR/T1).
    ti_error_sd_ms : float
        Standard deviation of the operator's choice of TI about the myocardial null.
    psir_ti_late_ms : Range
        How much later than the null a PSIR acquisition takes its TI: its sign makes the choice uncritical.
    ti_drift_ms : float
        How far TI falls behind the myocardial null from one slice to the next, as contrast washes out.
    blood_inflow : Range
        Factor on the signal of blood, of which a part flows in with fresh magnetisation.
    contrast_to_noise : Range
        (scar − remote) / noise that the acquisition's thermal noise is set to; drawn evenly on a logarithmic scale.
    coil_shading : Range
        0 is a perfectly corrected coil field, 1 the bare field of a surface coil on the chest.
    acquired_share : Range
        Share of k-space, along each axis, that was measured; the rest is filled with zeros.
    gain : Range
        Grey levels for a full relaxation of proton density 1.
    """

    remote_t1_ms: Range = Range(420.0, 560.0)
    infarct_t1_ms: Range = Range(325.0, 370.0)
    blood_t1_ms: Range = Range(380.0, 430.0)
    mvo_t1_ms: Range = Range(450.0, 650.0)
    fat_t1_ms: Range = Range(240.0, 310.0)
    lung_haze: Range = Range(0.08, 0.50)
    tr_ms: Range = Range(1500.0, 2000.0)
    inversion_efficiency: Range = Range(0.92, 1.0)
    ti_error_sd_ms: float = 12.0
    psir_ti_late_ms: Range = Range(0.0, 80.0)
    ti_drift_ms: float = 3.0
    blood_inflow: Range = Range(1.0, 1.25)
    contrast_to_noise: Range = Range(7.0, 35.0)
    coil_shading: Range = Range(0.4, 1.0)
    acquired_share: Range = Range(0.5, 0.9)
    ghosting: Range = Range(0.0, 0.05)
    gain: Range = Range(1800.0, 3200.0)


@dataclass(frozen=True, slots=True)
class PhantomConfig:
    """Everything that a seed does not decide.

    Parameters
    ----------
    size_px : int
        Rows and columns of a slice.
    pixel_mm : Range
        Distance between rows and between columns.
    slice_distance_mm : Range
        Distance between the centres of neighbouring slices; slices are `slice_thickness_mm` thick.
    slice_thickness_mm : float
    slices : tuple of int
        Fewest and most slices; within them the stack covers the LV.
    kind : ImageKind
        Signed PSIR, zero at `psir_offset`, or magnitude with Rician noise.
    psir_offset : int
        Grey level of zero magnetisation in PSIR.
    supersampling : int
        Samples per voxel along each axis for partial volume and soft truth.
    anatomy : AnatomyConfig
    scar : ScarConfig
    signal : SignalConfig

    Raises
    ------
    InputError
        If a size, a count or a thickness makes no image.

    Examples
    --------
    >>> PhantomConfig(kind=ImageKind.MAGNITUDE).slices
    (7, 12)
    """

    size_px: int = 256
    pixel_mm: Range = Range(1.3, 1.5)
    slice_distance_mm: Range = Range(8.0, 13.0)
    slice_thickness_mm: float = 8.0
    slices: tuple[int, int] = (7, 12)
    kind: ImageKind = ImageKind.PSIR
    psir_offset: int = 2048
    supersampling: int = 3
    anatomy: AnatomyConfig = AnatomyConfig()
    scar: ScarConfig = ScarConfig()
    signal: SignalConfig = SignalConfig()

    def __post_init__(self) -> None:
        if self.size_px < 64:
            raise InputError(f"A phantom needs slices of at least 64×64 pixels, not {self.size_px}.")
        if not 1 <= self.slices[0] <= self.slices[1]:
            raise InputError(f"The fewest and most slices {self.slices} make no range; give two counts from 1 up.")
        if self.supersampling < 1:
            raise InputError(f"The supersampling must be at least 1 sample per voxel axis, not {self.supersampling}.")
        if not self.slice_thickness_mm > 0:
            raise InputError(f"The slice thickness must be a positive number of mm, not {self.slice_thickness_mm}.")

    def as_dict(self) -> dict[str, object]:
        """Values for a provenance record."""
        return asdict(self)
