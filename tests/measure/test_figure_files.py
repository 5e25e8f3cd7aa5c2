"""Figures as files: the three formats, equal every time."""

import pandas as pd
import pytest

from napari_scarseg.measure.figure_files import FigureFormat, render_figure
from napari_scarseg.measure.figures import distribution_figure


def drawn() -> "object":
    return distribution_figure(pd.DataFrame({"phase": ["acute"] * 12, "area_px": range(12)}), "area_px")


@pytest.mark.parametrize(
    ("file_format", "start"),
    [(FigureFormat.PNG, b"\x89PNG"), (FigureFormat.SVG, b"<?xml"), (FigureFormat.PDF, b"%PDF")],
)
def test_formats_and_determinism(file_format, start):
    first, second = render_figure(drawn(), file_format), render_figure(drawn(), file_format)
    assert first.startswith(start)
    assert first == second


def test_text_of_an_svg_stays_text():
    assert b"Area (px)" in render_figure(drawn(), FigureFormat.SVG)
