"""Group statistics of measures: patients are the unit."""

from napari_scarseg.measure.statistics.comparison import Comparison, compare_groups
from napari_scarseg.measure.statistics.samples import CompareRequest, Level
from napari_scarseg.measure.statistics.two_groups import Design

__all__ = ["CompareRequest", "Comparison", "Design", "Level", "compare_groups"]
