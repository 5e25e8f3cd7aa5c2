"""The cases that are open in a window: their work is noted as it is done, saved when asked, and brought back.

One per window, found like the engine's home; it ends with the last widget that joined it. Ten times a second, and at
once when the last note is written, it looks whether something changed, and has it written by a worker thread. It does
not wait until a person pauses, so a crash takes no more than the last fraction of a second.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_scarseg.cases import WorklistEntry, case_folder, discard_autosave
from napari_scarseg.errors import InputError, ScarSegError
from napari_scarseg.gui.case_tasks import (
    ImageMissing,
    Noted,
    NoteOrder,
    OpenedCase,
    Saved,
    SaveOrder,
    note_task,
    open_entry_task,
    open_task,
    save_task,
)
from napari_scarseg.gui.case_watch import CaseWatch
from napari_scarseg.gui.image_layer import SOURCE_KEY, image_record
from napari_scarseg.gui.jobs import Job, JobEnd
from napari_scarseg.gui.layer_record import METADATA_KEY
from napari_scarseg.gui.main_window import main_window_of
from napari_scarseg.gui.open_case import OpenCase, OpenCases, order_note
from napari_scarseg.gui.opened_case import free_hashes, show_opened, take_opened
from napari_scarseg.gui.unsaved_question import UnsavedQuestion

NOTE_INTERVAL_MS = 100
# Looking takes at most this share of the window's work, however large the labels are, and is put off no longer.
_SHARE, _LONGEST_WAIT_S = 0.05, 0.3
# After a failure (a full disk), the next try comes later.
_PATIENCE_S = 10.0

Choices = Callable[[Image], Mapping[str, Any]]


class CaseDesk(QObject):
    """Notes, saves and opens the cases of one viewer.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QObject, optional
        The window.

    Signals
    -------
    changed(), opened(Image), saved(Image), image_missing(ImageMissing), told(str)
        `told` carries a sentence for the user.
    """

    changed = Signal()
    opened = Signal(object)
    saved = Signal(object)
    image_missing = Signal(object)
    told = Signal(str)

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._choices: list[Choices] = []
        self._cases = OpenCases(viewer)
        self._members: set[int] = set()
        self._watch: CaseWatch | None = None
        self._noting, self._saving, self._opening = Job(self), Job(self), Job(self)
        self._noting.answered.connect(self._on_noted)
        self._noting.ended.connect(self._on_note_ended)
        self._saving.answered.connect(self._on_saved)
        self._opening.answered.connect(self._on_opened)
        # A note that is being written ends before a save begins, or it would outlive it.
        self._writing = threading.Lock()
        self._not_before_s, self._has_failed = 0.0, False
        self._timer = QTimer(self)
        self._timer.setInterval(NOTE_INTERVAL_MS)
        self._timer.timeout.connect(self.note)
        self._question = UnsavedQuestion(self._unsaved_names, self.settle, self)

    @property
    def is_running(self) -> bool:
        """Whether something is being written or read."""
        return any(job.is_running for job in (self._noting, self._saving, self._opening))

    @property
    def open_cases(self) -> tuple[OpenCase, ...]:
        """All that is known of the images in the viewer."""
        return self._cases.present

    def join(self, member: QObject, choices: Choices | None = None) -> None:
        """A widget needs the cases; `choices` says which settings it shows for an image."""
        self._members.add(id(member))
        if choices is not None:
            self._choices.append(choices)
        if self._watch is None:
            self._watch = CaseWatch(self._viewer)
            self._timer.start()
            self._question.watch(self.parent())

    def leave(self, member: QObject, choices: Choices | None = None) -> None:
        """A widget closes; with the last one everything is noted a last time, and the watching ends."""
        if choices in self._choices:
            self._choices.remove(choices)
        self._members.discard(id(member))
        if not self._members and self._watch is not None:
            self.note_now()
            self._stop_watching()
            self._question.watch(None)
            for job in (self._noting, self._saving, self._opening):
                job.cancel()

    def case_of(self, image: Image | None) -> OpenCase | None:
        """What is known of an image's case."""
        return self._cases.find(image)

    def note(self) -> None:
        """Have changes written, in the background; nothing where there are none."""
        self._take_over()
        is_early = time.monotonic() < self._not_before_s
        if self._watch is None or self._noting.is_running or self._saving.is_running or is_early:
            return
        begun_s = time.thread_time()
        orders = [self._order(image) for image in self._watch.take_edited()]
        if orders:
            self._not_before_s = time.monotonic() + min((time.thread_time() - begun_s) / _SHARE, _LONGEST_WAIT_S)
            self._noting.start(lambda stop: note_task(orders, self._writing, stop))

    def note_now(self) -> None:
        """Write changes at once, and wait for it: the window closes."""
        if self._watch is None:
            return
        self._take_over()
        self._stop_noting()
        try:
            orders = [self._order(image) for image in self._watch.take_edited()]
            for noted in note_task(orders, self._writing):
                self._on_noted(noted)
        except ScarSegError as error:
            self.told.emit(str(error))

    def default_folder(self, image: Image) -> Path | None:
        """The image's case folder: its own, or beside its file; None where it came from no file."""
        case = self.case_of(image)
        if case is not None and case.folder is not None:
            return case.folder
        source = image.metadata.get(METADATA_KEY, {}).get(SOURCE_KEY)
        return case_folder(source, image_record(image).stem) if source else None

    def save(self, image: Image, folder: Path, is_done: bool | None = None) -> None:
        """Save an image's case in the background; `saved` follows.

        Parameters
        ----------
        image : Image
        folder : Path
            Not one that holds another case.
        is_done : bool, optional
            Whether the case is finished; as before by default.
        """
        if is_done is not None:
            self._cases.of(image).is_done = is_done
        self._stop_noting()
        order = self._save_order(image, folder)
        self._saving.start(lambda stop: save_task(order, self._writing))

    def open(self, folder: Path, image_path: Path | None = None) -> None:
        """Read a case in the background and show it; `opened` or `image_missing` follows."""
        present = free_hashes(self._viewer)
        self._opening.start(lambda stop: open_task(folder, image_path, present), "Opening the case")

    def open_entry(self, entry: WorklistEntry) -> None:
        """Read a stack of a worklist, with its case if there is one, and show it; `opened` follows."""
        self._opening.start(lambda stop: open_entry_task(entry), "Opening the stack")

    def _stop_watching(self) -> None:
        self._timer.stop()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _stop_noting(self) -> None:
        """Drop what a running note will answer, and have its work looked at again."""
        self._noting.cancel()
        self._mark_all()

    def _mark_all(self) -> None:
        for case in self.open_cases:
            if self._watch is not None:
                self._watch.mark(case.image)

    def _order(self, image: Image) -> NoteOrder:
        choices = {name: value for source in self._choices for name, value in source(image).items()}
        return order_note(self._viewer, self._cases.of(image), choices)

    def _save_order(self, image: Image, folder: Path) -> SaveOrder:
        return SaveOrder(self._order(image), folder, is_known=self._cases.of(image).folder == folder)

    def _on_noted(self, noted: Noted) -> None:
        self._has_failed = False
        case = self._cases.find_key(noted.key)
        if case is None:
            return
        case.sha256 = noted.case.image.sha256
        case.noted, case.recovery, case.is_unsaved = noted.case, noted.recovery, noted.is_unsaved
        case.noted_s = noted.time_s
        self.changed.emit()

    def _on_note_ended(self, end: JobEnd) -> None:
        if end is JobEnd.FAILED and self._watch is not None:
            self._not_before_s = time.monotonic() + _PATIENCE_S
            self._mark_all()
            if not self._has_failed:
                self.told.emit("Your changes could not be noted; save the case elsewhere.")
            self._has_failed = True
        elif end is JobEnd.DONE:
            # What was done while it was being written.
            self.note()

    def _on_saved(self, saved: Saved) -> None:
        case = self._cases.find_key(saved.key)
        if case is None:
            return
        case.folder, case.saved, case.recovery, case.is_unsaved = saved.folder, saved.case, None, False
        case.sha256, case.noted = saved.case.image.sha256, saved.case
        if self._watch is not None:
            # What was edited while it was being written.
            self._watch.mark(case.image)
        self.changed.emit()
        self.saved.emit(case.image)

    def _on_opened(self, opened: OpenedCase | ImageMissing) -> None:
        if isinstance(opened, ImageMissing):
            self.image_missing.emit(opened)
            return
        shown = show_opened(self._viewer, opened)
        if shown is not None:
            for finding in shown.findings:
                self.told.emit(finding)
            self._take_over()

    def _take_over(self) -> None:
        """Go on with cases that were opened: here, by napari, or before there was a desk."""
        for image in [layer for layer in self._viewer.layers if isinstance(layer, Image)]:
            opened = take_opened(image)
            if opened is not None:
                self._cases.of(image).go_on(opened)
                self.changed.emit()
                self.opened.emit(image)

    def _unsaved_names(self) -> list[str]:
        self.note_now()
        return [image_record(case.image).stem for case in self.open_cases if case.is_unsaved]

    def settle(self, is_save: bool) -> bool:
        """Save everything, or forget what was not saved and note no more; whether the window may close."""
        try:
            for case in [case for case in self.open_cases if case.is_unsaved]:
                place, noted = self.default_folder(case.image), case.folder or case.recovery
                if is_save and place is None:
                    stem = image_record(case.image).stem
                    raise InputError(f"'{stem}' came from no file; choose with Save as where to save it.")
                if is_save and place is not None:
                    for saved in save_task(self._save_order(case.image, place), self._writing):
                        self._on_saved(saved)
                elif noted is not None:
                    discard_autosave(noted)
        except ScarSegError as error:
            self.told.emit(str(error))
            return False
        if not is_save:
            # Or it would be noted once more on the way out.
            self._stop_watching()
        return True


def find_case_desk(widget: QWidget, viewer: ViewerModel) -> CaseDesk:
    """The desk in the window that `widget` lies in; made there on first need."""
    window = main_window_of(widget)
    desk = window.findChild(CaseDesk)
    return desk if desk is not None else CaseDesk(viewer, window)
