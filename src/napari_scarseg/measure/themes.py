"""Colours of the figures: on white for paper, on napari's dark grey for the screen; safe for colour-blind readers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from napari_scarseg.core.case import Phase


class FigureTheme(StrEnum):
    """Where a figure is looked at."""

    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one theme, hexadecimal; every group colour stands out from the background by 3 : 1 or more.

    Parameters
    ----------
    background, foreground, muted, grid : str
    phases : mapping of phase → colour
        The same colour for a phase in every figure.
    cycle : tuple of str
        For other groups, in their order.
    """

    background: str
    foreground: str
    muted: str
    grid: str
    phases: Mapping[str, str]
    cycle: tuple[str, ...]


# Okabe & Ito's colours, and Tol's where those are too pale on white.
_PALETTES: Mapping[FigureTheme, Palette] = MappingProxyType(
    {
        FigureTheme.LIGHT: Palette(
            background="#ffffff",
            foreground="#1a1a1a",
            muted="#5c5c5c",
            grid="#e3e3e3",
            phases=MappingProxyType(
                {Phase.ACUTE: "#d55e00", Phase.CHRONIC: "#0072b2", Phase.NONE: "#009e73", Phase.UNKNOWN: "#6e6e6e"}
            ),
            cycle=("#0072b2", "#d55e00", "#009e73", "#aa4499", "#6e6e6e"),
        ),
        FigureTheme.DARK: Palette(
            background="#262930",
            foreground="#f0f1f2",
            muted="#b4b8c0",
            grid="#3d414b",
            phases=MappingProxyType(
                {Phase.ACUTE: "#f5793a", Phase.CHRONIC: "#56b4e9", Phase.NONE: "#2bc79b", Phase.UNKNOWN: "#b4b8c0"}
            ),
            cycle=("#56b4e9", "#f5793a", "#2bc79b", "#e6a0c4", "#b4b8c0"),
        ),
    }
)

# As many as are easy to tell apart at 6 pt; a number that shares no factor with the colours, so pairs repeat late.
MARKERS = ("o", "s", "^", "D", "v", "P")
LINE_STYLES = ("-", "--", "-.", ":")


def palette_of(theme: FigureTheme) -> Palette:
    """The colours of a theme."""
    return _PALETTES[theme]
