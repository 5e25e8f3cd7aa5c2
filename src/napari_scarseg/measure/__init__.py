"""Measures on masks with an explicit spacing: shape, mass, overlap, summaries and figures. No torch, Qt or pyplot."""

from napari_scarseg.measure.features import (
    FEATURE_BY_NAME,
    FEATURES,
    Aggregation,
    FeatureFamily,
    FeatureLevel,
    FeatureSpec,
    feature,
    features_of,
)
from napari_scarseg.measure.lesion_table import MYOCARDIAL_DENSITY_G_PER_ML, SMALL_LESION_PX, measure_labels
from napari_scarseg.measure.overlap import dice, iou, perimeter_similarity, slice_dices, volume_dice
from napari_scarseg.measure.summaries import summarise_lesions, summarise_patients
from napari_scarseg.measure.table_append import append_measures
from napari_scarseg.measure.table_check import check_measures
from napari_scarseg.measure.table_columns import join_tables
from napari_scarseg.measure.wall import Wall, wall_from_centres, wall_from_masks

__all__ = [
    "FEATURES",
    "FEATURE_BY_NAME",
    "MYOCARDIAL_DENSITY_G_PER_ML",
    "SMALL_LESION_PX",
    "Aggregation",
    "FeatureFamily",
    "FeatureLevel",
    "FeatureSpec",
    "Wall",
    "append_measures",
    "check_measures",
    "dice",
    "feature",
    "features_of",
    "iou",
    "join_tables",
    "measure_labels",
    "perimeter_similarity",
    "slice_dices",
    "summarise_lesions",
    "summarise_patients",
    "volume_dice",
    "wall_from_centres",
    "wall_from_masks",
]
