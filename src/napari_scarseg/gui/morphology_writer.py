"""What the Morphology widget shows, as files: what its export buttons and a script call."""

from pathlib import Path

from napari_scarseg.errors import InputError
from napari_scarseg.gui.morphology_export import append_table, export_figure, export_report, export_table
from napari_scarseg.gui.morphology_picture import Picture


class PictureWriter:
    """Writes the picture of the class that it is mixed into."""

    @property
    def picture(self) -> Picture | None:
        """Table and figure that are shown."""
        return None

    def export_table(self, path: Path) -> Path:
        """Write the table as CSV or Parquet with its provenance beside it; gives the file that was written.

        Raises
        ------
        InputError
            If there is nothing yet, the folder cannot be written to, or the suffix is another.
        """
        shown = self._measured_picture()
        return export_table(path, shown.table, shown.request.level, shown.request.cases)

    def append_table(self, path: Path, replace: bool = False) -> Path:
        """Add the measured cases to the table of a cohort, one row per lesion and slice; gives that file.

        Raises
        ------
        InputError
            If there is nothing yet, or the table cannot take the rows: another kind of table, other columns, another
            density, or a case that is there already and is not to be replaced.
        """
        shown = self._measured_picture()
        return append_table(path, shown.slices, shown.request.cases, replace=replace)

    def export_report(self, path: Path, whole_cohort: bool = False) -> Path:
        """Write a report of the measured case, or of all with the reference, as HTML and PDF; gives the HTML file.

        Raises
        ------
        InputError
            If there is nothing yet, or one case is meant and several are measured.
        """
        return export_report(path, self._measured_picture(), whole_cohort=whole_cohort)

    def export_figure(self, path: Path) -> Path:
        """Write the figure, on white, as PNG, SVG or PDF with its numbers and provenance; gives the figure's file.

        Raises
        ------
        InputError
            If there is nothing yet, the folder cannot be written to, or the suffix is another.
        """
        return export_figure(path, self._measured_picture())

    def _measured_picture(self) -> Picture:
        if self.picture is None or self.picture.table.empty:
            raise InputError("There is nothing to export yet; press Measure first.")
        return self.picture
