"""What the registry knows about a feature: name, unit, formula, source, range, when it is undefined, how it sums up."""

from dataclasses import dataclass
from enum import StrEnum


class FeatureFamily(StrEnum):
    """What a feature speaks about."""

    SIZE = "size"
    SHAPE = "shape"
    TOPOLOGY = "topology"
    INTENSITY = "intensity"
    TEXTURE = "texture"
    WALL = "wall"
    SOLID = "3-D"
    BURDEN = "burden"


class FeatureLevel(StrEnum):
    """The smallest thing that has the feature."""

    SLICE = "lesion and slice"
    LESION = "lesion"
    PATIENT = "patient"


class Aggregation(StrEnum):
    """How the values of the parts become one."""

    SUM = "sum"
    AREA_WEIGHTED_MEAN = "area-weighted mean"
    AXIAL_MEAN = "area-weighted mean of the axis (angle doubled)"
    POOLED_SD = "SD over all pixels"
    LESION_SUM = "the lesion's; sum over lesions"
    LESION_MEAN = "the lesion's; area-weighted mean over lesions"
    COUNT = "count"
    LARGEST_SHARE = "of the patient's lesions"


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One measured feature.

    Parameters
    ----------
    name : str
        Column of the table, with the unit in it where there is one.
    title : str
        Name for a person.
    unit : str
        Empty for a ratio or a count.
    formula : str
    source : str
        Whose definition it is.
    valid_range : (lower, upper)
        Bounds that every defined value keeps, both inclusive; None where there is no bound.
    undefined : str
        When the cell is empty; empty text where that never happens.
    family : FeatureFamily
    aggregation : Aggregation
    level : FeatureLevel
        Features of a lesion stand on each of its rows in the table per lesion and slice, with the same value; features
        of a patient only in the table per patient.

    Examples
    --------
    >>> FeatureSpec("area_mm2", "Area", "mm²", "A", "own", (0, None), "", FeatureFamily.SIZE).axis_label
    'Area (mm²)'
    """

    name: str
    title: str
    unit: str
    formula: str
    source: str
    valid_range: tuple[float | None, float | None]
    undefined: str
    family: FeatureFamily
    aggregation: Aggregation = Aggregation.AREA_WEIGHTED_MEAN
    level: FeatureLevel = FeatureLevel.SLICE

    @property
    def axis_label(self) -> str:
        """Title with the unit, for the axis of a figure."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def is_direction(self) -> bool:
        """Whether the values are directions, for which larger, smaller and a plain mean have no meaning."""
        return self.aggregation is Aggregation.AXIAL_MEAN

    @property
    def range_text(self) -> str:
        """The range as the documentation shows it."""
        lower, upper = self.valid_range
        if lower is None and upper is None:
            return "any"
        if upper is None:
            return f"≥ {lower:g}"
        if lower is None:
            return f"≤ {upper:g}"
        return f"{lower:g} – {upper:g}"
