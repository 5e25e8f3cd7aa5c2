"""*Case worklist*: the stacks of a folder, how far each has come, and from one to the next."""

from collections.abc import Iterator
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.notifications import show_warning
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QFileDialog, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_scarseg.cases import CaseState, WorklistEntry, plan_next, read_worklist
from napari_scarseg.gui.case_desk import CaseDesk, find_case_desk
from napari_scarseg.gui.case_layers import close_case
from napari_scarseg.gui.image_layer import SOURCE_KEY
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.parts import Panel, make_button, make_note, make_row

_EMPTY = "Open a folder of stacks: each one gets a case of its own."


class WorklistWidget(Panel):
    """Goes through a folder of stacks.

    Parameters
    ----------
    napari_viewer : ViewerModel
    desk : CaseDesk, optional
        By default found in the window that the widget lies in.
    parent : QWidget, optional
    """

    def __init__(self, napari_viewer: ViewerModel, desk: CaseDesk | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._given_desk = desk
        self._desk: CaseDesk | None = None
        self._folder: Path | None = None
        self._entries: tuple[WorklistEntry, ...] = ()
        self._image: Image | None = None
        self._goes_on = False
        self._reading = Job(self)
        self._reading.answered.connect(self._on_entries)
        self._build()
        self._refresh()

    @property
    def entries(self) -> tuple[WorklistEntry, ...]:
        """The stacks of the folder, as they were last looked at."""
        return self._entries

    @property
    def is_running(self) -> bool:
        """Whether a folder or a case is being read or written."""
        return self._reading.is_running or (self._desk is not None and self._desk.is_running)

    @property
    def current(self) -> WorklistEntry | None:
        """The entry whose stack is open."""
        if self._image is None or self._image not in self._viewer.layers:
            return None
        source = self._image.metadata.get(METADATA_KEY, {}).get(SOURCE_KEY)
        return next((entry for entry in self._entries if source == str(entry.image.absolute())), None)

    def join(self) -> CaseDesk:
        """The window's desk; from now on work is noted as it is done."""
        if self._desk is None:
            self._desk = self._given_desk or find_case_desk(self, self._viewer)
            self._desk.join(self)
            self.subscriptions.connect(self._desk.opened, self._on_opened, self._desk)
            self.subscriptions.connect(self._desk.saved, self._on_saved, self._desk)
        return self._desk

    def read(self, folder: Path) -> None:
        """List the stacks of a folder, in the background."""
        self._folder = folder
        self._reading.start(lambda stop: _worklist_task(folder), "Reading the folder")

    def open_selected(self) -> None:
        """Show the chosen stack, with its case if there is one."""
        row = self.table.currentRow()
        if 0 <= row < len(self._entries):
            self._open(self._entries[row])
        else:
            show_warning("Choose a stack in the list first.")

    def save_and_next(self) -> None:
        """Save the open case as done, close it, and open the next one that is not done."""
        entry = self.current
        if entry is None or self._image is None:
            following = plan_next(self._entries, None)
            if following is not None:
                self._open(following)
            return
        self._goes_on = True
        desk = self.join()
        desk.save(self._image, desk.default_folder(self._image) or entry.folder, is_done=True)

    def shut(self) -> None:
        """End the reading, disconnect."""
        self._reading.shut()
        super().shut()
        if self._desk is not None:
            self._desk.leave(self)
            self._desk = None

    def _build(self) -> None:
        self.folder_button = make_button(
            "Open folder…", "", "List the stacks of a folder, folders inside included.", self._ask_folder, self
        )
        self.table = QTableWidget(0, 2, self)
        self.table.setHorizontalHeaderLabels(["Stack", "State"])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.verticalHeader().setVisible(False)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.doubleClicked.connect(lambda *_: self.open_selected())
        self.open_button = make_button("Open", "", "Show the chosen stack and its case.", self.open_selected, self)
        self.next_button = make_button(
            "Save, next", "", "Save this case as done and open the next one that is not.", self.save_and_next, self
        )
        self.note = make_note()
        self.column.addWidget(self.folder_button)
        self.column.addWidget(self.table, 1)
        self.column.addLayout(make_row(self.open_button, self.next_button))
        self.column.addWidget(self.note)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a folder of stacks")
        if path:
            self.read(Path(path))

    def _open(self, entry: WorklistEntry) -> None:
        if entry.finding:
            show_warning(entry.finding)
        else:
            self.join().open_entry(entry)

    def _on_entries(self, entries: tuple[WorklistEntry, ...]) -> None:
        self._entries = entries
        self.table.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            state = entry.state.value + (" · unsaved work" if entry.has_unsaved else "")
            for column, text in enumerate((entry.stem, "damaged" if entry.finding else state)):
                item = QTableWidgetItem(text)
                item.setToolTip(entry.finding)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(row, column, item)
        self._refresh()

    def _on_opened(self, image: Image) -> None:
        self._image = image
        self._refresh()

    def _on_saved(self, image: Image) -> None:
        following = plan_next(self._entries, self.current.image if self.current else None)
        if self._goes_on and image == self._image:
            close_case(self._viewer, image)
            self._image = None
            if following is not None:
                self._open(following)
        self._goes_on = False
        if self._folder is not None:
            self.read(self._folder)

    def _refresh(self) -> None:
        done = sum(entry.state is CaseState.DONE for entry in self._entries)
        for button in (self.open_button, self.next_button):
            button.setEnabled(bool(self._entries))
        entry = self.current
        if entry is not None:
            self.table.selectRow(self._entries.index(entry))
        self.note.setText(f"{done} of {len(self._entries)} done." if self._entries else _EMPTY)


def _worklist_task(folder: Path) -> Iterator[tuple[WorklistEntry, ...]]:
    yield tuple(read_worklist(folder))
