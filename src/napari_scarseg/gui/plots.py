"""Matplotlib figures inside Qt: the object interface only, so no pyplot and no global state."""

import numpy as np
import pandas as pd
from matplotlib.backend_bases import MouseEvent
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy, QStackedLayout, QWidget

from napari_scarseg.measure.themes import FigureTheme

_SMALLEST_CANVAS_PX = 90

# Larger figures hold so much that they cannot be read at any size.
_LARGE_PX = 480

# Figures are made for print; at this resolution their type is as large on the screen as the widgets' own.
_SCREEN_DPI = 96

# How near to a point a click must be.
_REACH_PX = 12


def figure_theme(background: tuple[float, float, float]) -> FigureTheme:
    """The theme that suits a window's background (r, g, b), 0–255: dark below middle grey.

    Examples
    --------
    >>> figure_theme((38, 41, 48)).value, figure_theme((239, 235, 233)).value
    ('dark', 'light')
    """
    red, green, blue = background
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return FigureTheme.DARK if luminance < 128 else FigureTheme.LIGHT


def find_point(figure: Figure | None, points: pd.DataFrame, x_px: float, y_px: float) -> int | None:
    """Row of the point nearest to a place of the canvas (px from its lower left corner); None where none is near.

    Parameters
    ----------
    figure : Figure or None
        As it was drawn last.
    points : DataFrame
        `row, x, y` in the units of the first axes.
    """
    if figure is None or points.empty:
        return None
    places = figure.axes[0].transData.transform(points[["x", "y"]].to_numpy(dtype=np.float64))
    distances = np.hypot(places[:, 0] - x_px, places[:, 1] - y_px)
    nearest = int(distances.argmin())
    return int(points["row"].iloc[nearest]) if distances[nearest] <= _REACH_PX else None


class FigureView(QWidget):
    """Shows one matplotlib figure, or a sentence where there is none.

    Parameters
    ----------
    needs_room : str
        Said in place of a figure that was made for twice the room that there is, or more.
    parent : QWidget, optional

    Signals
    -------
    point_clicked(int)
        The user clicked a point of the figure; its row.
    """

    point_clicked = Signal(int)

    def __init__(self, needs_room: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._needs_room = needs_room
        self._made_for = (0.0, 0.0)
        self._canvas: FigureCanvasQTAgg | None = None
        self._points = pd.DataFrame()
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedLayout(self)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self._message)
        self.setMinimumHeight(_SMALLEST_CANVAS_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def figure(self) -> Figure | None:
        """The figure that is shown."""
        return None if self._canvas is None else self._canvas.figure

    @property
    def message(self) -> str:
        """The sentence shown instead of a figure; empty while there is one."""
        return "" if self._canvas is not None else self._message.text()

    def show_figure(self, figure: Figure, points: pd.DataFrame | None = None) -> None:
        """Show `figure` in place of what was there.

        Parameters
        ----------
        figure : Figure
        points : DataFrame, optional
            `row, x, y` of what can be clicked, in the units of the first axes.
        """
        figure.set_dpi(_SCREEN_DPI)
        width, height = figure.get_size_inches() * _SCREEN_DPI
        self._made_for = (float(width), float(height))
        canvas = FigureCanvasQTAgg(figure)
        # A canvas asks for its figure's size in inches; here the dock decides.
        canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        canvas.setMinimumSize(_SMALLEST_CANVAS_PX, _SMALLEST_CANVAS_PX)
        self._stack.addWidget(canvas)
        self._stack.setCurrentWidget(canvas)
        self._drop_canvas()
        self._canvas = canvas
        self._points = pd.DataFrame() if points is None else points
        canvas.mpl_connect("button_press_event", self._on_press)
        self._show_what_fits()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Qt: a large figure comes and goes with the room for it."""
        super().resizeEvent(event)
        self._show_what_fits()

    def _show_what_fits(self) -> None:
        if self._canvas is None or not self._needs_room or min(self._made_for) < _LARGE_PX:
            return
        fits = self.width() >= self._made_for[0] / 2 and self.height() >= self._made_for[1] / 2
        self._message.setText(self._needs_room)
        self._stack.setCurrentWidget(self._canvas if fits else self._message)

    def show_message(self, text: str) -> None:
        """Show a sentence in place of a figure."""
        self._message.setText(text)
        self._stack.setCurrentWidget(self._message)
        self._drop_canvas()

    def _on_press(self, event: MouseEvent) -> None:
        row = find_point(self.figure, self._points, event.x, event.y)
        if row is not None:
            self.point_clicked.emit(row)

    def _drop_canvas(self) -> None:
        if self._canvas is None:
            return
        self._stack.removeWidget(self._canvas)
        self._canvas.setParent(None)
        self._canvas.deleteLater()
        self._canvas = None
