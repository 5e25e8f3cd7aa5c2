"""Figures as the bytes of a file: PNG for the screen, SVG and PDF for print."""

import io
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure


class FigureFormat(StrEnum):
    """File formats; the value is the name's suffix without the dot."""

    PNG = "png"
    SVG = "svg"
    PDF = "pdf"


# Without what changes from one run to the next: a date, and the ids of an SVG.
_METADATA: Mapping[FigureFormat, Mapping[str, None]] = MappingProxyType(
    {
        FigureFormat.PNG: MappingProxyType({"Software": None}),
        FigureFormat.SVG: MappingProxyType({"Date": None}),
        FigureFormat.PDF: MappingProxyType({"CreationDate": None}),
    }
)
# Text stays text in SVG and is embedded as TrueType in PDF: it can be searched and edited, as journals ask.
_SETTINGS: Mapping[Any, Any] = MappingProxyType(
    {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "napari-scarseg"}
)


def render_figure(figure: Figure, file_format: FigureFormat, *, dpi: float = 150) -> bytes:
    """The figure as a file's bytes; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    file_format : FigureFormat
    dpi : float
        Of a PNG.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> render_figure(Figure(), FigureFormat.PNG)[1:4]
    b'PNG'
    """
    buffer = io.BytesIO()
    with rc_context(dict(_SETTINGS)):
        figure.savefig(buffer, format=file_format.value, dpi=dpi, metadata=dict(_METADATA[file_format]))
    return buffer.getvalue()
