"""The *Morphology* dock widget: measures Labels layers and shows what came out, linked with the viewer both ways."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import show_error, show_info
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHideEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.errors import ScarSegError
from napari_scarseg.gui.keys import Key, LayerKeys
from napari_scarseg.gui.layer_watch import LabelsWatch
from napari_scarseg.gui.morphology_cases import describe_spacing, find_image, resolve_record, write_case
from napari_scarseg.gui.morphology_export import export_figure, export_table
from napari_scarseg.gui.morphology_panels import CasePanel, FigurePanel, TablePanel
from napari_scarseg.gui.morphology_results import (
    LesionPlace,
    TableLevel,
    case_names,
    describe_cases,
    find_row,
    join_cases,
    locate_row,
    shown_columns,
    shown_features,
    table_at,
)
from napari_scarseg.gui.morphology_session import MeasureSession
from napari_scarseg.gui.morphology_view import label_colour, lesion_middle, show_lesion
from napari_scarseg.gui.plots import figure_theme
from napari_scarseg.measure.figures import distribution_figure
from napari_scarseg.measure.themes import FigureTheme

_NO_LAYER = "There is no Labels layer yet. Segment scars, or drop a file of labels into the viewer."
_NOT_MEASURED = "Nothing is measured yet. Press Measure for the chosen layer, or Measure all for every Labels layer."
_NO_LESION = "The measured labels hold no lesion. Segment or paint one, and it appears here."


class MorphologyWidget(QWidget):
    """Table and distribution plots per lesion, grouped by phase.

    What a click does, a script does with `measure`, `measure_all`, `export_table` and `export_figure`.

    Parameters
    ----------
    viewer : ViewerModel
        Given by napari.
    parent : QWidget, optional
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers: list[Labels] = []
        self._slices = pd.DataFrame()
        self._session = MeasureSession(viewer, self)
        self._watch = LabelsWatch(viewer, self)
        self._keys = LayerKeys({Key.MEASURE: self.measure})
        self._build()
        self._connect()
        self._resume()

    # --- what a script can do as well ---

    @property
    def layer(self) -> Labels | None:
        """The chosen Labels layer."""
        index = self.case_panel.layer_box.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @layer.setter
    def layer(self, layer: Labels) -> None:
        self.case_panel.layer_box.setCurrentIndex(self._layers.index(layer))

    @property
    def table(self) -> pd.DataFrame:
        """The rows that are shown, with all their columns."""
        return self.table_panel.table.frame

    @property
    def is_busy(self) -> bool:
        """Whether a measurement is under way."""
        return self._session.is_busy

    def measure(self) -> None:
        """Measure the chosen layer; the table then holds it alone."""
        if self.layer is None:
            show_error(_NO_LAYER)
            return
        self._session.measure_only([self.layer])

    def measure_all(self) -> None:
        """Measure every Labels layer, each as one case, into one table."""
        if not self._layers:
            show_error(_NO_LAYER)
            return
        self._session.measure_only(self._layers)

    def export_table(self, path: Path) -> Path:
        """Write the table as CSV with its provenance beside it; gives the file that was written.

        Raises
        ------
        InputError
            If the folder cannot be written to, or the suffix is not .csv.
        """
        return export_table(path, self.table, self.table_panel.level, self._session.cases)

    def export_figure(self, path: Path) -> Path:
        """Write the figure, on white, as PNG, SVG or PDF with its numbers and provenance; gives the figure's file.

        Raises
        ------
        InputError
            If the folder cannot be written to, or the suffix is another.
        """
        name, kind = self._drawn_feature, self.figure_panel.kind
        figure = distribution_figure(self.table, name, kind=kind, theme=FigureTheme.LIGHT)
        settings = {"feature": name, "kind": kind.value, "group": "phase", "rows": self.table_panel.level.value.lower()}
        return export_figure(path, figure, self.table, self._session.cases, settings)

    # --- putting together ---

    def _build(self) -> None:
        self.case_panel, self.table_panel, self.figure_panel = CasePanel(), TablePanel(), FigurePanel()
        self.measure_button = QPushButton(f"Measure ({Key.MEASURE})")
        self.measure_button.setToolTip("Measure the chosen Labels layer; the table then holds this layer alone.")
        self.measure_all_button = QPushButton("Measure all")
        self.measure_all_button.setToolTip("Measure every Labels layer of the viewer, each as one case.")
        self.live_box = QCheckBox("Update live")
        self.live_box.setChecked(True)
        self.live_box.setToolTip("Measure again by itself after every edit of a measured layer.")
        self.export_table_button = QPushButton("Export table…")
        self.export_table_button.setToolTip("CSV of the rows shown, with all columns, and a JSON of what made it.")
        self.export_figure_button = QPushButton("Export figure…")
        self.export_figure_button.setToolTip("PNG, SVG or PDF on white, with its numbers in a CSV and what made it in a JSON.")
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.table_panel)
        self.splitter.addWidget(self.figure_panel)
        self.splitter.setSizes([200, 260])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 6)
        layout.setSpacing(6)
        layout.addWidget(self.case_panel)
        layout.addLayout(_row(self.measure_button, self.measure_all_button, self.live_box))
        layout.addWidget(self.splitter, 1)
        layout.addLayout(_row(self.export_table_button, self.export_figure_button))

    def _connect(self) -> None:
        self.case_panel.layer_chosen.connect(self._show_case)
        self.case_panel.case_edited.connect(self._edit_case)
        self.measure_button.clicked.connect(self.measure)
        self.measure_all_button.clicked.connect(self.measure_all)
        self.live_box.toggled.connect(self._session.set_live)
        self.table_panel.level_changed.connect(self._show_table)
        self.table_panel.table.row_chosen.connect(self._go_to_row)
        self.figure_panel.choice_changed.connect(self._show_figure)
        self.export_table_button.clicked.connect(self._choose_and_export_table)
        self.export_figure_button.clicked.connect(self._choose_and_export_figure)
        self._session.changed.connect(self._show_results)
        self._session.failed.connect(show_error)
        self._session.busy_changed.connect(self._show_status)
        self._watch.layers_changed.connect(self._show_layers)
        self._watch.labels_edited.connect(self._note_edit)
        self._watch.lesion_picked.connect(self._highlight_lesion)
        self._watch.theme_changed.connect(self._show_figure)

    # --- the viewer's changes ---

    def _resume(self) -> None:
        """Listen to the viewer, and catch up with what happened meanwhile."""
        if self._watch.is_running:
            return
        self._watch.start()
        self._show_layers()
        self._session.look_again()

    def _suspend(self) -> None:
        """Take every callback off the viewer: the widget is hidden, taken out of its dock, or closed."""
        self._watch.stop()
        self._keys.close()
        self._session.pause()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Qt: listen again."""
        super().showEvent(event)
        self._resume()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Qt: let go of the viewer, except where the whole window was only minimised."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._suspend()

    def event(self, event: QEvent) -> bool:
        """Qt: napari closes a dock by taking its widget out; one that was never shown is told by this alone."""
        if event.type() == QEvent.Type.ParentChange and self.parentWidget() is None and hasattr(self, "_session"):
            self._suspend()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Qt: table beside figure in a wide dock, above it in a high one."""
        super().resizeEvent(event)
        is_wide = self.width() > 1.4 * self.height()
        self.splitter.setOrientation(Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical)

    def _note_edit(self, layer: Labels) -> None:
        self._session.note_edit(layer)

    def _highlight_lesion(self, layer: Labels, lesion_id: int) -> None:
        measured = self._session.layers
        if layer not in measured:
            return
        names = case_names(self._session.cases)
        point = layer.world_to_data(self._viewer.dims.point[-layer.ndim :])
        place = LesionPlace(names[measured.index(layer)], lesion_id, round(float(point[0])) if layer.ndim == 3 else 0)
        self.table_panel.table.highlight_row(find_row(self.table_panel.level, self.table, place))

    # --- the user's changes ---

    def _edit_case(self, case: CaseInfo) -> None:
        layer = self.layer
        if layer is None:
            return
        write_case(self._viewer, layer, find_image(layer, self._viewer.layers), case)
        self._session.look_again()

    def _go_to_row(self, row: int) -> None:
        place = locate_row(self.table_panel.level, self.table, row, self._slices)
        layer = self._session.layers[case_names(self._session.cases).index(place.case)]
        middle = lesion_middle(layer, place.lesion_id, place.slice)
        if middle is None:
            show_info("This lesion is no longer in the labels; press Measure to bring the table up to date.")
            return
        show_lesion(self._viewer, layer, place.lesion_id, place.slice, middle)

    def _choose_and_export_table(self) -> None:
        name = f"morphology-{self.table_panel.level.name.lower().replace('_', '-')}.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Export table", name, "Table (*.csv)")
        self._export(path, self.export_table)

    def _choose_and_export_figure(self) -> None:
        kinds = "Picture (*.png);;Vector graphics (*.svg);;Document (*.pdf)"
        name = f"morphology-{self._drawn_feature}.png"
        path, _ = QFileDialog.getSaveFileName(self, "Export figure", name, kinds)
        self._export(path, self.export_figure)

    def _export(self, path: str, write: Callable[[Path], Path]) -> None:
        if not path:
            return
        try:
            written = write(Path(path))
        except ScarSegError as error:
            show_error(str(error))
        else:
            show_info(f"Wrote {written.name} and what made it beside it.")

    # --- showing ---

    @property
    def _drawn_feature(self) -> str:
        spec = self.figure_panel.feature
        return "area_px" if spec is None else spec.name

    def _show_layers(self) -> None:
        chosen = self.layer
        self._layers = [layer for layer in self._viewer.layers if isinstance(layer, Labels)]
        current = self._layers.index(chosen) if chosen in self._layers else len(self._layers) - 1
        self.case_panel.show_layers([layer.name for layer in self._layers], current)
        self._keys.bind(self._layers)
        self.measure_button.setEnabled(bool(self._layers))
        self.measure_all_button.setEnabled(bool(self._layers))
        self._session.drop_gone()
        self._show_case()
        self._show_results()

    def _show_case(self, *_: object) -> None:
        layer = self.layer
        if layer is None:
            self.case_panel.show_case(None, "")
            return
        record = resolve_record(layer, find_image(layer, self._viewer.layers))
        self.case_panel.show_case(record.case, describe_spacing(record))

    def _show_results(self) -> None:
        self._slices = join_cases(self._session.cases)
        self._show_table()

    def _show_table(self) -> None:
        level = self.table_panel.level
        table = table_at(level, self._slices)
        selected = self._selected_place()
        columns = shown_columns(level, table)
        self.table_panel.table.set_frame(table, columns, self._row_colours(level, table))
        if selected is not None:
            self.table_panel.table.highlight_row(find_row(level, table, selected))
        self._show_status()
        self.figure_panel.show_features(shown_features(table))
        self._show_figure()

    def _show_status(self, *_: object) -> None:
        cases = self._session.cases
        busy = "Measuring…" if self._session.is_busy else ""
        self.table_panel.status.setText(busy or (describe_cases(cases) if cases else ""))
        has_rows = len(self.table) > 0
        self.export_table_button.setEnabled(has_rows)
        self.export_figure_button.setEnabled(has_rows)

    def _show_figure(self) -> None:
        view = self.figure_panel.view
        if not self._layers:
            view.show_message(_NO_LAYER)
        elif not self._session.cases:
            view.show_message("Measuring…" if self._session.is_busy else _NOT_MEASURED)
        elif self.table.empty or self.figure_panel.feature is None:
            view.show_message(_NO_LESION)
        else:
            theme = figure_theme(get_theme(self._viewer.theme).background.as_rgb_tuple()[:3])
            figure = distribution_figure(
                self.table, self.figure_panel.feature.name, kind=self.figure_panel.kind, theme=theme
            )
            view.show_figure(figure)

    def _row_colours(self, level: TableLevel, table: pd.DataFrame) -> dict[int, tuple[int, int, int]]:
        if level is TableLevel.PATIENT or table.empty:
            return {}
        layers = dict(zip(case_names(self._session.cases), self._session.layers, strict=True))
        lesions = zip(table["case"], table["lesion_id"], strict=True)
        return {row: label_colour(layers[case], int(lesion_id)) for row, (case, lesion_id) in enumerate(lesions)}

    def _selected_place(self) -> LesionPlace | None:
        """The lesion that is selected in the viewer, to find it again in another table."""
        layer = self._viewer.layers.selection.active
        measured = self._session.layers
        if layer not in measured:
            return None
        name = case_names(self._session.cases)[measured.index(layer)]
        return LesionPlace(name, int(layer.selected_label), 0)


def _row(*widgets: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
