"""The registry documents every feature that is measured."""

from pathlib import Path

import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.measure import FEATURE_BY_NAME, FEATURES, Aggregation, feature
from napari_scarseg.measure.features import feature_table_markdown

DOCS = Path(__file__).parents[2] / "docs" / "science" / "measures.md"

UNIT_ENDINGS = {
    "px": "_px",
    "mm": "_mm",
    "mm²": "_mm2",
    "ml": "_ml",
    "g": "_g",
    "%": "_pct",
    "°": "_deg",
    "bits": "_bits",
}


def test_names_are_unique_and_say_their_unit():
    assert len(FEATURE_BY_NAME) == len(FEATURES)
    for spec in FEATURES:
        if spec.unit in UNIT_ENDINGS:
            assert spec.name.endswith(UNIT_ENDINGS[spec.unit]), spec.name


def test_everything_is_documented():
    for spec in FEATURES:
        assert spec.title and spec.formula and spec.source, spec.name
        if spec.unit in ("mm", "mm²", "ml", "g"):
            assert "unknown" in spec.undefined, spec.name


def test_sums_are_area_volume_mass_and_shares_of_the_lv():
    sums = {spec.name for spec in FEATURES if spec.aggregation is Aggregation.SUM}
    assert sums == {"area_px", "area_mm2", "volume_ml", "mass_g", "lv_share_pct", "endocardial_share_pct"}


def test_only_the_orientation_is_a_direction():
    assert [spec.name for spec in FEATURES if spec.is_direction] == ["orientation_deg"]


def test_axis_label_has_the_unit():
    assert feature("mass_g").axis_label == "Mass (g)"
    assert feature("solidity").axis_label == "Solidity"


def test_unknown_feature_is_refused_with_the_choice():
    with pytest.raises(InputError, match="no feature 'roundness'; choose one of area_px"):
        feature("roundness")


def test_documentation_shows_the_registry_as_it_is():
    assert feature_table_markdown() in DOCS.read_text(encoding="utf-8")
