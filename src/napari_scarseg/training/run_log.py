"""The curve of a run as CSV."""

import csv
import io
from pathlib import Path

from napari_scarseg.io import atomic_path
from napari_scarseg.training.progress import TrainingEvent

LOG_FILE = "log.csv"
_COLUMNS = ("step", "loss", "learning_rate", "validation_slice_dsc", "validation_unprompted_dsc")


def append_event(folder: Path, event: TrainingEvent) -> None:
    """Add a row to the run's log, and its header where there is none."""
    path = folder / LOG_FILE
    is_new = not path.exists()
    scores = event.validation.as_dict() if event.validation is not None else {}
    row = [event.step, f"{event.loss:.5f}", f"{event.learning_rate:.3e}"]
    for name in ("slice_dsc", "unprompted_dsc_at_zero"):
        score = scores.get(name)
        row.append("" if score is None else str(score))
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(_COLUMNS)
        writer.writerow(row)


def cut_log(folder: Path, step: int) -> None:
    """Forget the rows of steps after `step`: a run that goes on from there writes them again."""
    path = folder / LOG_FILE
    if not path.is_file():
        return
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    # A row that the end of the process cut short has no number of its own, or lacks columns.
    kept = [row for row in rows[1:] if len(row) == len(_COLUMNS) and row[0].isdigit() and int(row[0]) <= step]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([_COLUMNS, *kept])
