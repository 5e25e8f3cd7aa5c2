"""The features: what each is called, its unit, formula, source, range, and when it is undefined.

`FEATURES` is the only list of them: the table's columns, the summaries' aggregation, the axis labels of the figures
and the documentation come from it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from napari_scarseg.errors import InputError


class FeatureFamily(StrEnum):
    """What a feature speaks about."""

    SIZE = "size"
    SHAPE = "shape"
    TOPOLOGY = "topology"
    INTENSITY = "intensity"


class Aggregation(StrEnum):
    """How the values of several slices become one."""

    SUM = "sum"
    AREA_WEIGHTED_MEAN = "area-weighted mean"
    POOLED_SD = "SD over all pixels"


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

    Examples
    --------
    >>> feature("area_mm2").axis_label
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

    @property
    def axis_label(self) -> str:
        """Title with the unit, for the axis of a figure."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


_PIXELS = "Sum over the mask's pixels"
_NO_IN_PLANE = "the in-plane spacing is unknown"
_NO_SPACING = "the in-plane spacing or the slice distance is unknown"
_NO_IMAGE = "no image was given (then the column is absent)"
_CROFTON = "Cauchy–Crofton formula; discrete weights after Lehmann & Legland, Insight Journal 2012"
_MOMENTS = "ellipse with the mask's second moments, pixels taken as squares (1/12 px² per axis)"
_EULER = "Ohser, Nagel & Schladitz 2002; scikit-image `euler_number`, connectivity 2"

FEATURES: tuple[FeatureSpec, ...] = (
    FeatureSpec(
        "area_px", "Area", "px", "A = number of pixels", _PIXELS, (1, None), "", FeatureFamily.SIZE, Aggregation.SUM
    ),
    FeatureSpec(
        "area_mm2",
        "Area",
        "mm²",
        "A · Δy · Δx",
        _PIXELS,
        (0, None),
        _NO_IN_PLANE,
        FeatureFamily.SIZE,
        Aggregation.SUM,
    ),
    FeatureSpec(
        "perimeter_px",
        "Perimeter",
        "px",
        "Crofton, 4 directions, holes' boundaries included",
        f"{_CROFTON}; equal to scikit-image `perimeter_crofton(directions=4)`",
        (0, None),
        "",
        FeatureFamily.SIZE,
    ),
    FeatureSpec(
        "perimeter_mm",
        "Perimeter",
        "mm",
        "Crofton, 4 directions of the pixel grid, each weighted by the angle it stands for",
        _CROFTON,
        (0, None),
        _NO_IN_PLANE,
        FeatureFamily.SIZE,
    ),
    FeatureSpec(
        "circularity",
        "Circularity",
        "",
        "4πA / P² (mm where the in-plane spacing is known, else px)",
        "Cox 1927; arXiv 2506.21151",
        (0, None),
        "",
        FeatureFamily.SHAPE,
    ),
    FeatureSpec(
        "solidity",
        "Solidity",
        "",
        "A / area of the convex hull",
        "arXiv 2506.21151; hull: scikit-image `convex_hull_image`",
        (0, 1),
        "",
        FeatureFamily.SHAPE,
    ),
    FeatureSpec(
        "extent",
        "Extent",
        "",
        "A / area of the upright bounding box",
        "scikit-image `extent`",
        (0, 1),
        "",
        FeatureFamily.SHAPE,
    ),
    FeatureSpec(
        "eccentricity",
        "Eccentricity",
        "",
        "√(1 − b²/a²) with the axes a ≥ b below (mm where the in-plane spacing is known, else px)",
        _MOMENTS,
        (0, 1),
        "",
        FeatureFamily.SHAPE,
    ),
    FeatureSpec("major_axis_px", "Major axis", "px", "4 √λ₁, full length", _MOMENTS, (1, None), "", FeatureFamily.SIZE),
    FeatureSpec(
        "major_axis_mm",
        "Major axis",
        "mm",
        "4 √λ₁ of the moments in mm",
        _MOMENTS,
        (0, None),
        _NO_IN_PLANE,
        FeatureFamily.SIZE,
    ),
    FeatureSpec("minor_axis_px", "Minor axis", "px", "4 √λ₂, full length", _MOMENTS, (1, None), "", FeatureFamily.SIZE),
    FeatureSpec(
        "minor_axis_mm",
        "Minor axis",
        "mm",
        "4 √λ₂ of the moments in mm",
        _MOMENTS,
        (0, None),
        _NO_IN_PLANE,
        FeatureFamily.SIZE,
    ),
    FeatureSpec(
        "n_components",
        "Components",
        "",
        "8-connected components of at least 5 px in the slice",
        "the program's one component rule (`core.masks.label_components`)",
        (1, None),
        "no component reaches 5 px",
        FeatureFamily.TOPOLOGY,
    ),
    FeatureSpec(
        "largest_component_share",
        "Largest component's share",
        "",
        "pixels of the largest 8-connected component / A",
        "own",
        (0, 1),
        "",
        FeatureFamily.TOPOLOGY,
    ),
    FeatureSpec(
        "euler_number",
        "Euler number",
        "",
        "8-connected components of any size − holes",
        _EULER,
        (None, None),
        "",
        FeatureFamily.TOPOLOGY,
    ),
    FeatureSpec(
        "n_holes",
        "Holes",
        "",
        "8-connected components of any size − Euler number (4-connected holes)",
        _EULER,
        (0, None),
        "",
        FeatureFamily.TOPOLOGY,
    ),
    FeatureSpec(
        "volume_ml",
        "Volume",
        "ml",
        "A · Δy · Δx · Δz / 1000, Δz = distance between slice centres",
        "disc summation",
        (0, None),
        _NO_SPACING,
        FeatureFamily.SIZE,
        Aggregation.SUM,
    ),
    FeatureSpec(
        "mass_g",
        "Mass",
        "g",
        "volume_ml · density (1.05 g/ml by default)",
        "disc summation; myocardial density 1.05 g/ml",
        (0, None),
        _NO_SPACING,
        FeatureFamily.SIZE,
        Aggregation.SUM,
    ),
    FeatureSpec(
        "intensity_mean",
        "Mean intensity",
        "image units",
        "mean of the image over the mask",
        "scikit-image `intensity_mean`",
        (None, None),
        _NO_IMAGE,
        FeatureFamily.INTENSITY,
    ),
    FeatureSpec(
        "intensity_sd",
        "SD of intensity",
        "image units",
        "√(mean of squared deviations), divided by n",
        "scikit-image `intensity_std`",
        (0, None),
        f"the mask is one pixel, or {_NO_IMAGE}",
        FeatureFamily.INTENSITY,
        Aggregation.POOLED_SD,
    ),
)

FEATURE_BY_NAME: Mapping[str, FeatureSpec] = MappingProxyType({spec.name: spec for spec in FEATURES})


def feature(name: str) -> FeatureSpec:
    """The registered feature called `name`.

    Raises
    ------
    InputError
        If there is none.
    """
    spec = FEATURE_BY_NAME.get(name)
    if spec is None:
        raise InputError(f"There is no feature '{name}'; choose one of {', '.join(FEATURE_BY_NAME)}.")
    return spec


def feature_table_markdown(specs: Iterable[FeatureSpec] = FEATURES) -> str:
    """The registry as a Markdown table, as the documentation shows it."""
    head = "| column | unit | formula | source | range | empty when | over slices |\n|---|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| `{s.name}` | {s.unit or '–'} | {s.formula} | {s.source} | {_range_text(s.valid_range)} "
        f"| {s.undefined or 'never'} | {s.aggregation.value} |\n"
        for s in specs
    )


def _range_text(valid_range: tuple[float | None, float | None]) -> str:
    lower, upper = valid_range
    if lower is None and upper is None:
        return "any"
    if upper is None:
        return f"≥ {lower:g}"
    if lower is None:
        return f"≤ {upper:g}"
    return f"{lower:g} – {upper:g}"
