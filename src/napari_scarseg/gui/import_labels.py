"""*Open labels…*: read labels in the background, ask what they mean, and add them over their image."""

from collections.abc import Iterator
from pathlib import Path

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_scarseg.errors import InputError
from napari_scarseg.gui import viewer as on_viewer
from napari_scarseg.gui.image_layer import check_image_layer, image_array, image_record, stack_from_array
from napari_scarseg.gui.jobs import Job
from napari_scarseg.gui.label_meaning import LabelsIn, count_values, understand_labels
from napari_scarseg.gui.meaning_dialog import MeaningDialog
from napari_scarseg.io import LabelVolume, read_labels
from napari_scarseg.io.folders import list_folder
from napari_scarseg.io.label_grid import fit_labels

LABELS_FILTER = "Labels (*.nii *.nii.gz *.nrrd *.mha *.dcm *.tif *.tiff *.png *.npy *.npz);;All files (*)"


class LabelImport(QObject):
    """Adds other people's labels to an image: lesions, and a second layer of tissues where there are any.

    Parameters
    ----------
    viewer : ViewerModel
    parent : QWidget

    Signals
    -------
    ended(object)
        However reading ended (`JobEnd`).
    """

    ended = Signal(object)

    def __init__(self, viewer: ViewerModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._image: Image | None = None
        self._job = Job(self)
        self._job.answered.connect(self._ask_meaning)
        self._job.ended.connect(self.ended)
        self.dialog: MeaningDialog | None = None

    @property
    def is_running(self) -> bool:
        """Whether labels are being read."""
        return self._job.is_running

    def read(self, path: Path, image: Image) -> None:
        """Read labels for `image` in the background, then ask what they mean."""
        self._image = image
        self._job.start(lambda stop: import_task(path, image), "Reading the labels")

    def cancel(self) -> None:
        """Stop reading."""
        self._job.cancel()

    def shut(self) -> None:
        """End what is on."""
        self._job.shut()
        if self.dialog is not None:
            self.dialog.reject()

    def _ask_meaning(self, labels: LabelsIn) -> None:
        self.dialog = MeaningDialog(labels, self.parent())
        self.dialog.accepted.connect(lambda: self._add(labels))
        self.dialog.finished.connect(self._forget_dialog)
        self.dialog.open()

    def _forget_dialog(self, *_: object) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
        self.dialog = None

    def _add(self, labels: LabelsIn) -> None:
        image, dialog = self._image, self.dialog
        if dialog is None or image is None or image not in self._viewer.layers:
            return
        understood = understand_labels(labels.volume.labels, dialog.tissues, keep_lesions=dialog.keeps_lesions)
        on_viewer.add_read_labels(self._viewer, image, understood)


def import_task(path: Path, image: Image) -> Iterator[LabelsIn]:
    """Read labels and lay them on the grid of an image.

    Raises
    ------
    InputError
        If they cannot be read, do not lie on the image's grid, or are empty.
    """
    check_image_layer(image)
    stack = stack_from_array(image_array(image), image_record(image))
    volume = fit_labels(_read_whole(path, stack.shape[0]), stack)
    counts = count_values(volume.labels)
    if not counts:
        raise InputError("There is no label above 0 in this file, so nothing to add; choose another one.")
    yield LabelsIn(volume, counts)


def _read_whole(path: Path, slices: int) -> LabelVolume:
    """Read labels; of a folder of slices one file was chosen, and all are meant."""
    volume = read_labels(path)
    if volume.shape[0] == 1 < slices and len(list_folder(path.parent).slices) == slices:
        return read_labels(path.parent)
    return volume
