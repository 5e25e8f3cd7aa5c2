"""Matplotlib figures inside Qt: the object interface only, so no pyplot and no global state."""

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QStackedLayout, QWidget

from napari_scarseg.measure.themes import FigureTheme

_SMALLEST_CANVAS_PX = 90

# Figures are made for print; at this resolution their type is as large on the screen as the widgets' own.
_SCREEN_DPI = 96


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


class FigureView(QWidget):
    """Shows one matplotlib figure, or a sentence where there is none.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas: FigureCanvasQTAgg | None = None
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

    def show_figure(self, figure: Figure) -> None:
        """Show `figure` in place of what was there."""
        figure.set_dpi(_SCREEN_DPI)
        canvas = FigureCanvasQTAgg(figure)
        # A canvas asks for its figure's size in inches; here the dock decides.
        canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        canvas.setMinimumSize(_SMALLEST_CANVAS_PX, _SMALLEST_CANVAS_PX)
        self._stack.addWidget(canvas)
        self._stack.setCurrentWidget(canvas)
        self._drop_canvas()
        self._canvas = canvas

    def show_message(self, text: str) -> None:
        """Show a sentence in place of a figure."""
        self._message.setText(text)
        self._stack.setCurrentWidget(self._message)
        self._drop_canvas()

    def _drop_canvas(self) -> None:
        if self._canvas is None:
            return
        self._stack.removeWidget(self._canvas)
        self._canvas.setParent(None)
        self._canvas.deleteLater()
        self._canvas = None
