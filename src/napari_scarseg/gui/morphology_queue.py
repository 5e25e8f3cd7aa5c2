"""Measures cases one after the other in a thread; a new question about a case overtakes the one before it."""

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_scarseg.errors import ScarSegError
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.morphology_cases import LabelsCase
from napari_scarseg.gui.morphology_results import CaseMeasures
from napari_scarseg.gui.morphology_segments import measure_layout
from napari_scarseg.measure import measure_labels, summarise_lesions


@dataclass(frozen=True, slots=True, eq=False)
class _Answer:
    """Measures of the case `key`, or the sentence that says why there are none."""

    key: Hashable
    measures: CaseMeasures | None
    error: str = ""


def measure_case(case: LabelsCase) -> CaseMeasures:
    """Measure one case; loads lazy arrays.

    Raises
    ------
    InputError
        If the labels cannot be measured.
    """
    image = None if case.image is None else np.asarray(case.image)
    table = measure_labels(np.asarray(case.labels), case.spacing, case.case, image=image, wall=case.wall)
    # Before the lesions are summed up: visits and groups part their rows.
    table = table.assign(**case.extras)
    segments, note = measure_layout(case.layout, np.asarray(case.labels), case.wall, case.spacing)
    return CaseMeasures(
        case.layer_name,
        case.case,
        case.spacing,
        case.spacing_note,
        table,
        summarise_lesions(table),
        segments,
        note,
    )


class MeasureQueue(QObject):
    """Open questions (key → case), answered off the window's thread.

    Signals
    -------
    measured(key, CaseMeasures)
    failed(key, str)
        With a sentence for a person.
    busy_changed(bool)
    """

    measured = Signal(object, object)
    failed = Signal(object, str)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open: dict[Hashable, LabelsCase] = {}
        self._restarting = False
        self._was_busy = False
        self._job = Job(self)
        self._job.answered.connect(self._take)
        self._job.ended.connect(self._end)

    @property
    def is_busy(self) -> bool:
        """Whether an answer is outstanding."""
        return bool(self._open)

    def ask(self, cases: Mapping[Hashable, LabelsCase]) -> None:
        """Measure `cases`, and what is still open; the answers arrive by the signals."""
        if not cases:
            return
        self._open.update(cases)
        # The run that is on is dropped with its answers: some of its questions may have been overtaken just now.
        self._restarting = True
        try:
            # Without a title: napari lets events through while it makes a bar, an overtaken answer among them.
            self._job.start(_work(dict(self._open)))
        finally:
            self._restarting = False
        self._tell_busy()

    def forget(self, key: Hashable) -> None:
        """Drop the question for `key`; its answer is not sent."""
        self._open.pop(key, None)
        self._tell_busy()

    def cancel(self) -> None:
        """Drop every question; the thread ends after the case it is at."""
        self._job.cancel()

    def shut(self) -> None:
        """Cancel without telling anybody: the widget closes."""
        self.blockSignals(True)
        self._open.clear()
        self._job.shut()

    def _take(self, answer: _Answer) -> None:
        if self._open.pop(answer.key, None) is None:
            return
        if answer.measures is not None:
            self.measured.emit(answer.key, answer.measures)
        else:
            self.failed.emit(answer.key, answer.error)
        self._tell_busy()

    def _end(self) -> None:
        if not self._restarting:
            self._open.clear()
            self._tell_busy()

    def _tell_busy(self) -> None:
        if self._was_busy != self.is_busy:
            self._was_busy = self.is_busy
            self.busy_changed.emit(self.is_busy)


def _work(cases: Mapping[Hashable, LabelsCase]) -> Callable[[threading.Event], Iterator[object]]:
    def run(stop: threading.Event) -> Iterator[object]:
        for key, case in cases.items():
            if stop.is_set():
                return
            try:
                yield _Answer(key, measure_case(case))
            except ScarSegError as error:
                # One layer that cannot be measured must not take the others with it.
                yield _Answer(key, None, str(error))

    return run
