"""The features: what each is called, its unit, formula, source, range, and when it is undefined.

`FEATURES` is the only list of them: the table's columns, the summaries' aggregation, the axis labels of the figures
and the documentation come from it.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from napari_scarseg.errors import InputError
from napari_scarseg.measure.feature_spec import Aggregation, FeatureFamily, FeatureLevel, FeatureSpec
from napari_scarseg.measure.features_intensity import INTENSITY_FEATURES
from napari_scarseg.measure.features_lesion import LESION_FEATURES
from napari_scarseg.measure.features_shape import SHAPE_FEATURES
from napari_scarseg.measure.features_wall import WALL_FEATURES

__all__ = [
    "FEATURES",
    "FEATURE_BY_NAME",
    "Aggregation",
    "FeatureFamily",
    "FeatureLevel",
    "FeatureSpec",
    "feature",
    "feature_table_markdown",
    "features_of",
]

FEATURES: tuple[FeatureSpec, ...] = (*SHAPE_FEATURES, *WALL_FEATURES, *LESION_FEATURES, *INTENSITY_FEATURES)

FEATURE_BY_NAME: Mapping[str, FeatureSpec] = MappingProxyType({spec.name: spec for spec in FEATURES})


def feature(name: str) -> FeatureSpec:
    """The registered feature called `name`.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> feature("mass_g").axis_label
    'Mass (g)'
    """
    spec = FEATURE_BY_NAME.get(name)
    if spec is None:
        raise InputError(f"There is no feature '{name}'; choose one of {', '.join(FEATURE_BY_NAME)}.")
    return spec


def features_of(columns: Iterable[object]) -> list[FeatureSpec]:
    """Registered features among the columns of a table, in the registry's order."""
    present = set(columns)
    return [spec for spec in FEATURES if spec.name in present]


def feature_table_markdown(specs: Iterable[FeatureSpec] = FEATURES) -> str:
    """The registry as a Markdown table, as the documentation shows it."""
    head = "| column | of a | unit | formula | source | range | empty when | over slices |\n" + "|---" * 8 + "|\n"
    return head + "".join(
        f"| `{s.name}` | {s.level.value} | {s.unit or '–'} | {s.formula} | {s.source} | {s.range_text} "
        f"| {s.undefined or 'never'} | {s.aggregation.value} |\n"
        for s in specs
    )
