"""The *Morphology* dock widget: measures Labels layers and shows what came out, linked with the viewer both ways."""

from pathlib import Path

import pandas as pd
from napari.components import ViewerModel
from napari.layers import Labels
from napari.utils.notifications import show_error, show_info
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QEnterEvent, QResizeEvent
from qtpy.QtWidgets import QCheckBox, QSplitter, QWidget

from napari_scarseg.core.case import CaseInfo
from napari_scarseg.errors import InputError
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.keys import Key, LayerKeys
from napari_scarseg.gui.layer_watch import LabelsWatch
from napari_scarseg.gui.morphology_cases import describe_spacing, find_image, resolve_record, write_case
from napari_scarseg.gui.morphology_export_panel import ExportPanel
from napari_scarseg.gui.morphology_link import locate_lesion, locate_picture_row, reveal_lesion
from napari_scarseg.gui.morphology_panels import NO_LAYER, CasePanel, FigurePanel, TablePanel
from napari_scarseg.gui.morphology_people import name_people, read_people
from napari_scarseg.gui.morphology_picture import Picture, PictureRequest, picture_work
from napari_scarseg.gui.morphology_reference_panel import ReferencePanel
from napari_scarseg.gui.morphology_results import (
    LesionPlace,
    describe_cases,
    describe_reference,
    find_row,
)
from napari_scarseg.gui.morphology_session import MeasureSession
from napari_scarseg.gui.morphology_writer import PictureWriter
from napari_scarseg.gui.parts import Panel, make_button, make_form, make_row
from napari_scarseg.gui.plots import figure_theme

_GONE = "This lesion is no longer on that slice; press Measure to bring the table up to date."


class MorphologyWidget(Panel, PictureWriter):
    """Table and distribution plots per lesion, grouped by phase.

    What a click does, a script does with `measure`, `measure_all`, `export_table` and `export_figure`.

    Parameters
    ----------
    napari_viewer : ViewerModel
        Given by napari.
    parent : QWidget, optional
    """

    def __init__(self, napari_viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._picture: Picture | None = None
        self._picked: LesionPlace | None = None
        self._session = MeasureSession(napari_viewer, self)
        self._composing = Job(self)
        self._watch = LabelsWatch(napari_viewer, self)
        self._keys = LayerKeys({Key.MEASURE: self.measure})
        self._build()
        self._connect()
        self._watch.start()
        self._on_layers()

    @property
    def layer(self) -> Labels | None:
        """The chosen Labels layer."""
        return self.case_panel.layers.layer

    @layer.setter
    def layer(self, layer: Labels) -> None:
        self.case_panel.layers.choose(layer)

    @property
    def table(self) -> pd.DataFrame:
        """The rows that are shown, with all their columns."""
        return self.table_panel.table.frame

    @property
    def picture(self) -> Picture | None:
        """Table and figure that are shown."""
        return self._picture

    @property
    def is_running(self) -> bool:
        """Whether something is being measured, drawn or written."""
        jobs = (self._composing, self.export_panel.job, self.reference_panel.job)
        return self._session.is_busy or any(job.is_running for job in jobs)

    def measure(self) -> None:
        """Measure the chosen layer; the table then holds it alone."""
        self._measure([] if self.layer is None else [self.layer])

    def measure_all(self) -> None:
        """Measure every Labels layer, each as one case, into one table."""
        self._measure(list(self.case_panel.layers.layers))

    def load_people(self, path: Path) -> None:
        """Take patient, phase, cohort, visit and group of every Labels layer from a cohort table.

        Raises
        ------
        InputError
            If the table cannot be read.
        """
        people = read_people(path)
        told = name_people(self._viewer, list(self.case_panel.layers.layers), people)
        self._session.set_people(people)
        self._show_case()
        show_info(told)

    def shut(self) -> None:
        """Take every callback off the viewer and its layers, and end what runs."""
        self._watch.stop()
        self._keys.close()
        self.case_panel.layers.shut()
        self.case_panel.wall.shut()
        self.figure_panel.set_apart(False)
        self.reference_panel.shut()
        self._session.shut()
        self._composing.shut()
        self.export_panel.job.shut()
        super().shut()

    def _build(self) -> None:
        self.case_panel = CasePanel(self._viewer)
        self.table_panel, self.figure_panel = TablePanel(), FigurePanel()
        self.reference_panel = ReferencePanel()
        alone = "Measure the chosen Labels layer; the table then holds this layer alone."
        self.measure_button = make_button("Measure", Key.MEASURE, alone, self.measure)
        every = "Measure every Labels layer of the viewer, each as one case, into one table."
        self.measure_all_button = make_button("Measure all", "", every, self.measure_all)
        self.live_box = QCheckBox("Live")
        self.live_box.setChecked(True)
        self.live_box.setToolTip("Measure again by itself after every edit of a measured layer.")
        self.export_panel = ExportPanel(self.export_table, self.export_figure, self.append_table, self.export_report)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.table_panel)
        self.splitter.addWidget(self.figure_panel)
        self.splitter.setSizes([150, 330])
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 2)
        self.column.addWidget(self.case_panel)
        against = make_form()
        against.addRow("Reference", self.reference_panel)
        self.column.addLayout(against)
        actions = make_row(self.measure_button, self.measure_all_button)
        actions.addWidget(self.live_box)
        self.column.addLayout(actions)
        self.column.addWidget(self.splitter, 1)
        self.column.addWidget(self.export_panel)

    def _connect(self) -> None:
        self.case_panel.layers.layer_changed.connect(self._show_case)
        self.case_panel.case_edited.connect(self._edit_case)
        self.case_panel.people_chosen.connect(self._load_people)
        self.case_panel.wall.wall_changed.connect(self._edit_wall)
        self.reference_panel.reference_changed.connect(self._compose)
        self.live_box.toggled.connect(self._session.set_live)
        self.table_panel.level_changed.connect(self._compose)
        self.table_panel.families_changed.connect(self._compose)
        self.table_panel.table.row_chosen.connect(self._go_to_row)
        self.figure_panel.choice_changed.connect(self._compose)
        self.figure_panel.row_clicked.connect(self._go_to_point)
        self._session.changed.connect(self._compose)
        self._session.failed.connect(show_error)
        self._session.busy_changed.connect(self._show_status)
        self._composing.answered.connect(self._show_picture)
        self._watch.layers_changed.connect(self._on_layers)
        self._watch.labels_edited.connect(self._session.note_edit)
        self._watch.lesion_picked.connect(lambda layer, lesion: self._pick(self._highlight_lesion(layer, lesion)))
        self._watch.theme_changed.connect(self._compose)

    def enterEvent(self, event: QEnterEvent | QEvent) -> None:  # noqa: N802
        """Qt: what other widgets keep in a layer's metadata changes without a signal, so look when the user comes."""
        super().enterEvent(event)
        self._show_case()
        self._session.look_again()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Qt: room for a figure of two groups."""
        return QSize(380, 640)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Qt: table beside figure in a wide dock, above it in a high one."""
        super().resizeEvent(event)
        is_wide = self.width() > 1.3 * self.height()
        self.splitter.setOrientation(Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical)

    def _measure(self, layers: list[Labels]) -> None:
        if layers:
            self._picked = None
            self._session.measure_only(layers)
        else:
            show_error(NO_LAYER.replace("\n", " "))

    def _on_layers(self) -> None:
        layers = self.case_panel.layers.layers
        self._keys.bind(layers)
        self.measure_button.setEnabled(bool(layers))
        self.measure_all_button.setEnabled(bool(layers))
        self._session.drop_gone()
        self._show_case()
        self._compose()

    def _edit_case(self, case: CaseInfo) -> None:
        if self.layer is not None:
            write_case(self._viewer, self.layer, find_image(self.layer, self._viewer.layers), case)
            self._session.refresh()

    def _edit_wall(self) -> None:
        if self.layer is not None:
            self._session.set_wall(self.layer, self.case_panel.wall.wall)

    def _load_people(self, path: Path) -> None:
        try:
            self.load_people(path)
        except InputError as error:
            show_error(str(error))

    def _show_case(self, *_: object) -> None:
        if self.layer is None:
            self.case_panel.show_case(None, "")
            return
        self.case_panel.wall.show_wall(self._session.wall_of(self.layer))
        record = resolve_record(self.layer, find_image(self.layer, self._viewer.layers))
        self.case_panel.show_case(record.case, describe_spacing(record))

    def _compose(self) -> None:
        """Have the table and the figure made anew."""
        cases = tuple(self._session.cases)
        theme = figure_theme(get_theme(self._viewer.theme).background.as_rgb_tuple()[:3])
        request = PictureRequest(
            layers=tuple(self._session.layers),
            cases=cases,
            level=self.table_panel.level,
            choice=self.figure_panel.choice,
            theme=theme,
            families=self.table_panel.families.families,
            reference=self.reference_panel.reference,
            picked=self._picked,
        )
        self._composing.start(picture_work(request, self._picture))

    def _show_picture(self, picture: Picture) -> None:
        known = self._picture
        is_new_table = known is None or known.table is not picture.table or known.columns != picture.columns
        self._picture = picture
        if is_new_table:
            self.table_panel.table.set_frame(picture.table, picture.columns, picture.row_colours())
            active = self._viewer.layers.selection.active
            if isinstance(active, Labels):
                self._highlight_lesion(active, int(active.selected_label))
        self.figure_panel.show_picture(picture, has_layers=bool(self.case_panel.layers.layers))
        self._show_status()

    def _show_status(self, *_: object) -> None:
        cases = self._session.cases
        text = "Measuring…" if self._session.is_busy else describe_cases(cases) if cases else ""
        self.table_panel.status.setText(text)
        self.export_panel.set_ready(len(self.table) > 0, is_one_case=len(cases) == 1)

    def _highlight_lesion(self, layer: Labels, lesion_id: int) -> LesionPlace | None:
        place = None if self._picture is None else locate_lesion(self._viewer, self._picture, layer, lesion_id)
        if place is not None and self._picture is not None:
            self.table_panel.table.highlight_row(find_row(self._picture.request.level, self._picture.table, place))
        return place

    def _pick(self, place: LesionPlace | None) -> None:
        """Let a lesion stand out in the figure."""
        if place is not None and place != self._picked:
            self._picked = place
            self._compose()

    def _go_to_point(self, row: int) -> None:
        """Show the lesion of a point, or say whose it is where it is one of the reference."""
        if self._picture is None:
            return
        if self._picture.is_reference(row):
            self.table_panel.status.setText(describe_reference(self._picture.drawn.iloc[row]))
        else:
            self.table_panel.table.highlight_row(row)
            self._go_to_row(row)

    def _go_to_row(self, row: int) -> None:
        if self._picture is None:
            return
        place, layer = locate_picture_row(self._picture, row)
        self._pick(place)
        if layer not in self._viewer.layers or not reveal_lesion(self._viewer, self._picture, layer, place):
            show_info(_GONE)
        else:
            self.layer = layer
