"""Measures on masks with an explicit spacing: shape, mass, overlap, summaries and figures. No torch, Qt or pyplot."""

from napari_scarseg.measure.features import (
    FEATURE_BY_NAME,
    FEATURES,
    Aggregation,
    FeatureFamily,
    FeatureSpec,
    feature,
)
from napari_scarseg.measure.lesion_table import MYOCARDIAL_DENSITY_G_PER_ML, SMALL_LESION_PX, measure_labels
from napari_scarseg.measure.overlap import dice, iou, perimeter_similarity, slice_dices, volume_dice
from napari_scarseg.measure.summaries import summarise_lesions, summarise_patients

__all__ = [
    "FEATURES",
    "FEATURE_BY_NAME",
    "MYOCARDIAL_DENSITY_G_PER_ML",
    "SMALL_LESION_PX",
    "Aggregation",
    "FeatureFamily",
    "FeatureSpec",
    "dice",
    "feature",
    "iou",
    "measure_labels",
    "perimeter_similarity",
    "slice_dices",
    "summarise_lesions",
    "summarise_patients",
    "volume_dice",
]
