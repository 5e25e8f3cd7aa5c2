"""The export buttons of the Morphology widget: ask for a file, and write it off the window's thread."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from napari.utils.notifications import show_info
from qtpy.QtWidgets import QFileDialog, QGridLayout, QMenu, QPushButton, QWidget

from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.parts import make_button

Write = Callable[[Path], Path]

_TABLES = "Table (*.csv *.parquet)"
_FIGURES = "Picture (*.png);;Vector graphics (*.svg);;Document (*.pdf)"
_REPORTS = "Report (*.html)"


class ExportPanel(QWidget):
    """Table, table that grows, figure, report.

    Parameters
    ----------
    write_table, write_figure : callable
        Take the path and give the file that was written.
    append_table : callable
        Takes the path and whether cases that are there are replaced.
    write_report : callable
        Takes the path and whether the whole cohort is meant.
    parent : QWidget, optional
    """

    def __init__(
        self,
        write_table: Write,
        write_figure: Write,
        append_table: Callable[[Path, bool], Path],
        write_report: Callable[[Path, bool], Path],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._write_table, self._write_figure = write_table, write_figure
        self._append_table, self._write_report = append_table, write_report
        self.job = Job(self)
        self.job.answered.connect(lambda path: show_info(f"Wrote {path.name}, and beside it what made it."))
        rows = "Write the rows shown, with all columns, as CSV or Parquet, and beside it a JSON of what made them."
        self.table_button = make_button("Export table…", "", rows, self._choose_table_file)
        drawn = "Write the figure on white as PNG, SVG or PDF, and beside it its numbers and what made it."
        self.figure_button = make_button("Export figure…", "", drawn, self._choose_figure_file)
        grows = "Add the measured cases, one row per lesion and slice, to the table of a cohort."
        self.append_button = make_button("Append to table", "", grows, lambda: None)
        _add_menu(
            self.append_button,
            {
                "Refuse cases that are there already…": lambda: self._choose_cohort_file(replace=False),
                "Replace cases that are there already…": lambda: self._choose_cohort_file(replace=True),
            },
        )
        paged = "Write a report as one HTML file that needs nothing beside it, and as PDF."
        self.report_button = make_button("Report", "", paged, lambda: None)
        self.case_action, self.cohort_action = _add_menu(
            self.report_button,
            {
                "On the measured case…": lambda: self._choose_report_file(whole_cohort=False),
                "On all measured cases, and the reference…": lambda: self._choose_report_file(whole_cohort=True),
            },
        )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(5)
        for place, button in enumerate((self.table_button, self.figure_button, self.append_button, self.report_button)):
            grid.addWidget(button, place // 2, place % 2)
        self.set_ready(False)

    def set_ready(self, is_ready: bool, *, is_one_case: bool = False) -> None:
        """Whether there is something to write, and whether it is of one case."""
        for button in (self.table_button, self.figure_button, self.append_button, self.report_button):
            button.setEnabled(is_ready)
        self.case_action.setEnabled(is_one_case)

    def _choose_table_file(self) -> None:
        self._choose_file("Export table", "morphology.csv", _TABLES, self._write_table)

    def _choose_figure_file(self) -> None:
        self._choose_file("Export figure", "morphology.png", _FIGURES, self._write_figure)

    def _choose_cohort_file(self, *, replace: bool) -> None:
        # The file is added to and not overwritten, so nobody is asked whether it may be.
        option = QFileDialog.Option.DontConfirmOverwrite
        chosen, _ = QFileDialog.getSaveFileName(self, "Append to table", "cohort.csv", _TABLES, options=option)
        if chosen:
            self._start("Append to table", lambda: self._append_table(Path(chosen), replace))

    def _choose_report_file(self, *, whole_cohort: bool) -> None:
        self._choose_file("Report", "report.html", _REPORTS, lambda path: self._write_report(path, whole_cohort))

    def _choose_file(self, title: str, name: str, kinds: str, write: Write) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, title, name, kinds)
        if chosen:
            self._start(title, lambda: write(Path(chosen)))

    def _start(self, title: str, write: Callable[[], Path]) -> None:
        def work(stop: Event) -> Iterator[object]:
            yield write()

        self.job.start(work, title, 1)


def _add_menu(button: QPushButton, entries: dict[str, Callable[[], None]]) -> list:
    """Let a button open a menu; its actions."""
    menu = QMenu(button)
    actions = []
    for text, chosen in entries.items():
        action = menu.addAction(text)
        action.triggered.connect(lambda *_, chosen=chosen: chosen())
        actions.append(action)
    button.setMenu(menu)
    return actions
