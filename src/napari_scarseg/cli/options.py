"""Arguments and options that `detect` and `segment` share, and what their texts mean."""

from pathlib import Path
from typing import Annotated

import typer

from napari_scarseg.core.config import Device
from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.tissue import LabelPreset

Stacks = Annotated[
    list[Path],
    typer.Argument(
        metavar="STACK…",
        help="NIfTI, TIFF, DICOM or npy files, folders of slices or of one DICOM series, or folders of such stacks.",
    ),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")]
DetectorName = Annotated[
    str, typer.Option("--detector", metavar="NAME|PATH", help="Detector: bundled, or a safetensors file.")
]
Confidence = Annotated[
    float, typer.Option("--confidence", min=0, max=1, metavar="F", help="Keep boxes with at least this score.")
]
DeviceName = Annotated[Device, typer.Option("--device", help="Where the networks run; only auto chooses by itself.")]
Series = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="UID",
        help="Which stack to take where a path holds several: name as listed, or number or UID of a DICOM series.",
    ),
]
SpacingText = Annotated[
    str | None,
    typer.Option("--spacing", metavar="Z,Y,X", help="Slice, row and column distance in mm; overrides the files."),
]
KeepIdentifiers = Annotated[
    bool,
    typer.Option(
        "--keep-identifiers",
        help="DICOM only: keep the names of files and folders, and who and when in DICOM SEG; else a salted hash.",
    ),
]
PresetName = Annotated[
    LabelPreset | None,
    typer.Option("--preset", help="What label values mean; without it each value is a scar lesion."),
]
SegmenterName = Annotated[
    str,
    typer.Option("--segmenter", metavar="NAME|PATH", help="Segmenter: bundled, sam-vit-b (fetched), or a file."),
]
BoxesPath = Annotated[
    Path | None,
    typer.Option(
        "--boxes", metavar="FILE.csv|DIR", help="Use these boxes and run no detector; a folder holds <stem>_boxes.csv."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Processes to work in; by itself as many as it pays."),
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Work on a dask cluster, such as tcp://host:8786."),
]
Again = Annotated[bool, typer.Option("--again", help="Also what is there from the same files, weights and options.")]
Semantic = Annotated[bool, typer.Option("--semantic", help="Write 0 and 1 instead of one label per lesion.")]


def parse_spacing(text: str | None) -> Spacing | None:
    """What the user gave as `--spacing`.

    Examples
    --------
    >>> parse_spacing("10,1.4,1.4").z_mm
    10.0
    """
    if text is None:
        return None
    try:
        z_mm, y_mm, x_mm = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"'{text}' is not three numbers of mm such as 10,1.4,1.4", param_hint="--spacing"
        ) from error
    return Spacing(z_mm, y_mm, x_mm, SpacingOrigin.USER)


def parse_label_values(text: str | None, option: str) -> tuple[int, ...]:
    """Label values that the user gave with `option`; none where it was left out.

    Examples
    --------
    >>> parse_label_values("3,4", "--scar-values")
    (3, 4)
    """
    if text is None:
        return ()
    try:
        values = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not a list of whole numbers such as 3,4", param_hint=option) from error
    if min(values) < 1:
        raise typer.BadParameter("label values count from 1; 0 is background", param_hint=option)
    return values
