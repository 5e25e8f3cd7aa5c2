"""How `scarseg measure` is to measure."""

from dataclasses import dataclass

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.tissue import LabelPreset
from napari_scarseg.measure import MYOCARDIAL_DENSITY_G_PER_ML


@dataclass(frozen=True, slots=True)
class MeasureConfig:
    """What the user chose.

    Parameters
    ----------
    scar_values : tuple of int
        Label values that mean scar; empty where the labels are lesions already, or a preset says it.
    preset : LabelPreset or None
    spacing : Spacing or None
        Overrides the files'.
    density_g_per_ml : float
    myocardium_values : tuple of int
        Values that mean myocardium, in the case's file of myocardium or, where it has none, in its labels; empty where
        everything in the file of myocardium but the cavity is myocardium.
    cavity_values : tuple of int
        Values that mean the LV's cavity, in the same file.
    series : str or None
        Which stack of an image to take where it holds several.
    """

    scar_values: tuple[int, ...] = ()
    preset: LabelPreset | None = None
    spacing: Spacing | None = None
    density_g_per_ml: float = MYOCARDIAL_DENSITY_G_PER_ML
    myocardium_values: tuple[int, ...] = ()
    cavity_values: tuple[int, ...] = ()
    series: str | None = None
