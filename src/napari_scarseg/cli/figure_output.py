"""Figures into a folder: each in all formats, with the numbers that made it beside it."""

import os
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from napari_scarseg.io import atomic_path, write_table
from napari_scarseg.measure.figure_files import FigureFormat, render_figure


def write_figure(folder: Path, name: str, figure: Figure, numbers: pd.DataFrame) -> list[Path]:
    """Write `<name>.png`, `.svg`, `.pdf` and `<name>.csv`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file_format in FigureFormat:
        path = folder / f"{name}.{file_format.value}"
        write_bytes(path, render_figure(figure, file_format))
        written.append(path)
    write_table(folder / f"{name}.csv", numbers)
    return [*written, folder / f"{name}.csv"]


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file or none."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
