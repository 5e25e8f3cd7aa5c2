"""The left ventricle's segments for `scarseg report`: from labels of them, or from the wall and the RV insertion."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import typer

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.io import read_labels
from napari_scarseg.measure import wall_from_masks
from napari_scarseg.measure.segments import check_segments, measure_segments, segments_from_insertion

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class SegmentsSource:
    """Where the segments come from.

    Parameters
    ----------
    segments : Path or None
        Labels 1 to 17.
    myocardium : Path or None
        Labels of the wall; with `insertion`.
    myocardium_values : tuple of int
        Empty where everything in that file is wall.
    insertion : tuple of (row, column)
        Anterior, and the inferior one where given.
    """

    segments: Path | None = None
    myocardium: Path | None = None
    myocardium_values: tuple[int, ...] = ()
    insertion: tuple[Place, ...] = ()

    @property
    def is_given(self) -> bool:
        """Whether there is anything to lay out segments from."""
        return self.segments is not None or self.myocardium is not None


def parse_source(
    segments: Path | None, myocardium: Path | None, values: tuple[int, ...], insertion: str | None
) -> SegmentsSource:
    """What the options say; wrong usage where they do not fit together."""
    if segments is not None and (myocardium is not None or insertion is not None):
        raise typer.BadParameter("give --segments, or --myocardium with --insertion", param_hint="--segments")
    if (myocardium is None) != (insertion is None):
        raise typer.BadParameter("--myocardium and --insertion need each other", param_hint="--insertion")
    return SegmentsSource(segments, myocardium, values, () if insertion is None else _parse_places(insertion))


def measure_source(source: SegmentsSource, lesions: npt.NDArray[np.int32], spacing: Spacing) -> pd.DataFrame | None:
    """Scar per segment; None where nothing was given.

    Raises
    ------
    InputError
        If a file cannot be read, or does not fit the labels.
    """
    if source.segments is not None:
        return measure_segments(lesions, check_segments(read_labels(source.segments).labels), spacing)
    if source.myocardium is None:
        return None
    labels = read_labels(source.myocardium).labels
    muscle = np.isin(labels, source.myocardium_values) if source.myocardium_values else labels != 0
    laid_out = segments_from_insertion(wall_from_masks(muscle), lesions, {0: source.insertion}, spacing)
    return measure_segments(lesions, laid_out, spacing)


def _parse_places(text: str) -> tuple[Place, ...]:
    """ "80,60" → ((80, 60),); "80,60,140,62" → two."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not ROW,COL or ROW,COL,ROW,COL", param_hint="--insertion") from error
    if len(numbers) not in (2, 4) or not np.isfinite(numbers).all():
        raise typer.BadParameter(f"'{text}' is not ROW,COL or ROW,COL,ROW,COL", param_hint="--insertion")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
