"""*Case*: save what was done to a stack, open it again, bring back what was not saved."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QFileDialog, QLabel, QWidget

from napari_scarseg.cases import CASE_SUFFIX, discard_autosave, find_unsaved
from napari_scarseg.errors import InputError
from napari_scarseg.gui.case_desk import CaseDesk, find_case_desk
from napari_scarseg.gui.case_tasks import ImageMissing
from napari_scarseg.gui.image_layer import image_record
from napari_scarseg.gui.parts import Panel, make_button, make_note, make_row

_NO_STACK = "Open a stack, or a case that was saved."


class CasePanel(Panel):
    """Saves and opens cases, and says what is saved.

    Parameters
    ----------
    napari_viewer : ViewerModel
    read_choices : callable, optional
        Settings in force for an image; saved with its case.
    apply_choices : callable, optional
        Sets them again when a case is opened.
    desk : CaseDesk, optional
        By default found in the window that the panel lies in.
    parent : QWidget, optional
    """

    def __init__(
        self,
        napari_viewer: ViewerModel,
        read_choices: Callable[[Image], Mapping[str, Any]] | None = None,
        apply_choices: Callable[[Image, Mapping[str, Any]], None] | None = None,
        desk: CaseDesk | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._read_choices = read_choices
        self._apply_choices = apply_choices
        self._given_desk = desk
        self._desk: CaseDesk | None = None
        self._image: Image | None = None
        self._said = ""
        self._build()
        self._refresh()

    @property
    def is_running(self) -> bool:
        """Whether a case is being read or written."""
        return self._desk is not None and self._desk.is_running

    def join(self) -> CaseDesk:
        """The window's desk; from now on work is noted as it is done."""
        if self._desk is None:
            self._desk = self._given_desk or find_case_desk(self, self._viewer)
            self._desk.join(self, self._read_choices)
            self.subscriptions.connect(self._desk.changed, self._refresh, self._desk)
            self.subscriptions.connect(self._desk.opened, self._on_opened, self._desk)
            self.subscriptions.connect(self._desk.told, self._on_told, self._desk)
            self.subscriptions.connect(self._desk.image_missing, self._on_image_missing, self._desk)
            self._refresh()
        return self._desk

    def show_image(self, image: Image | None) -> None:
        """The stack whose case is meant."""
        self._image = image
        self._said = ""
        if image is not None and self._desk is None and not self.is_shut:
            self.join()
        self._refresh()

    def save(self) -> None:
        """Save the case in its folder, or beside the stack; ask where, for a stack from no file."""
        if self._image is None:
            show_warning(_NO_STACK)
            return
        folder = self.join().default_folder(self._image)
        if folder is None:
            self.save_as()
        else:
            self.join().save(self._image, folder)

    def save_as(self) -> None:
        """Ask for a folder and save the case in it."""
        if self._image is None:
            show_warning(_NO_STACK)
            return
        name = f"{image_record(self._image).stem}{CASE_SUFFIX}"
        path, _ = QFileDialog.getSaveFileName(self, "Save the case as", name, f"Case folders (*{CASE_SUFFIX})")
        if path:
            folder = Path(path)
            self.join().save(self._image, folder if folder.suffix == CASE_SUFFIX else Path(f"{path}{CASE_SUFFIX}"))

    def open(self) -> None:
        """Ask for a case folder and open it."""
        path = QFileDialog.getExistingDirectory(self, f"Open a case (a folder that ends in {CASE_SUFFIX})")
        if path:
            self.join().open(Path(path))

    def restore(self) -> None:
        """Bring back the newest work that was not saved."""
        waiting = self._waiting()
        if waiting:
            self.join().open(waiting[0])

    def discard(self) -> None:
        """Forget the newest work that was not saved."""
        waiting = self._waiting()
        if waiting:
            try:
                discard_autosave(waiting[0])
            except InputError as error:
                show_warning(str(error))
            self._refresh()

    def shut(self) -> None:
        """Note what is not noted yet, disconnect."""
        super().shut()
        if self._desk is not None:
            self._desk.leave(self, self._read_choices)
            self._desk = None

    def _build(self) -> None:
        self.save_button = make_button(
            "Save case", "", "Save boxes, points, labels and choices in a folder beside the stack.", self.save, self
        )
        self.save_as_button = make_button("Save as…", "", "Save the case in another folder.", self.save_as, self)
        self.open_button = make_button(
            "Open case…", "", "Go on with a case that was saved, here or on another machine.", self.open, self
        )
        self.note = make_note()
        self.waiting = QLabel(self)
        self.waiting.setWordWrap(True)
        self.restore_button = make_button(
            "Restore", "", "Bring back the newest work that was not saved.", self.restore, self
        )
        self.discard_button = make_button("Forget", "", "Delete it for good.", self.discard, self)
        self.column.addLayout(make_row(self.save_button, self.save_as_button, self.open_button))
        self.column.addWidget(self.note)
        self.column.addWidget(self.waiting)
        self.column.addLayout(make_row(self.restore_button, self.discard_button))

    def _waiting(self) -> list[Path]:
        """Work of earlier sessions that was not saved."""
        desk = self._desk
        own = [] if desk is None else [case.recovery for case in desk.open_cases]
        return [folder for folder in find_unsaved() if folder not in own]

    def _refresh(self) -> None:
        for button in (self.save_button, self.save_as_button):
            button.setEnabled(self._image is not None)
        self.note.setText(self._said or self._state())
        count = len(self._waiting())
        what = "a stack" if count == 1 else f"{count} stacks"
        self.waiting.setText(f"Work on {what} from an earlier session was not saved.")
        for widget in (self.waiting, self.restore_button, self.discard_button):
            widget.setVisible(count > 0)

    def _state(self) -> str:
        if self._image is None:
            return _NO_STACK
        case = self._desk.case_of(self._image) if self._desk is not None else None
        if case is None or (case.folder is None and not case.is_unsaved):
            return "Nothing to save yet; what you do is noted as you go."
        place = "not saved yet" if case.folder is None else f"saved in {case.folder.name}"
        if not case.is_unsaved:
            return f"Case {place}."
        noted = time.strftime("%H:%M", time.localtime(case.noted_s))
        return f"Case {place}; unsaved changes noted {noted}."

    def _on_opened(self, image: Image) -> None:
        case = self.join().case_of(image)
        if case is not None and case.noted is not None and self._apply_choices is not None:
            self._apply_choices(image, case.noted.choices)
        self._said = "Work that was not saved was brought back; save it to keep it." if case and case.is_unsaved else ""
        self._refresh()

    def _on_told(self, sentence: str) -> None:
        show_warning(sentence)

    def _on_image_missing(self, missing: ImageMissing) -> None:
        show_warning(missing.sentence)
        path, _ = QFileDialog.getOpenFileName(self, "Where is the stack of this case?")
        if path:
            self.join().open(missing.folder, Path(path))
