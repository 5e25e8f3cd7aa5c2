"""The images in a viewer, and where their work is kept."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image

from napari_scarseg.cases import Case, free_recovery_folder
from napari_scarseg.gui.case_layers import find_case_layers, read_case
from napari_scarseg.gui.case_tasks import NoteOrder, OpenedCase
from napari_scarseg.gui.image_layer import image_array, image_record


@dataclass(eq=False)
class OpenCase:
    """Bookkeeping of one image.

    Parameters
    ----------
    key : int
    image : Image
    sha256 : str
        Of its voxels; empty until it was taken.
    folder : Path or None
        The case folder; None before it was saved.
    recovery : Path or None
        Where unsaved work is noted until then.
    saved, noted : Case or None
    is_unsaved, is_done : bool
    noted_s : float
        When unsaved work was last noted, seconds since the epoch.
    """

    key: int
    image: Image
    sha256: str = ""
    folder: Path | None = None
    recovery: Path | None = None
    saved: Case | None = None
    noted: Case | None = None
    is_unsaved: bool = False
    is_done: bool = False
    noted_s: float = 0.0

    def go_on(self, opened: OpenedCase) -> None:
        """From now on, what was read is where the image's work stands."""
        self.sha256, self.folder, self.recovery = opened.case.image.sha256, opened.folder, opened.recovery
        self.saved, self.noted, self.is_done = opened.saved, opened.case, opened.case.is_done
        self.is_unsaved = opened.is_restored


class OpenCases:
    """What is known of the images in one viewer.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._cases: list[OpenCase] = []
        self._keys = itertools.count(1)

    @property
    def present(self) -> tuple[OpenCase, ...]:
        """Those whose image is still in the viewer."""
        return tuple(case for case in self._cases if case.image in self._viewer.layers)

    def find(self, image: Image | None) -> OpenCase | None:
        """What is known of an image; None where that is nothing yet."""
        return next((case for case in self._cases if image is not None and case.image == image), None)

    def find_key(self, key: int) -> OpenCase | None:
        """The case under a key; None where it was forgotten."""
        return next((case for case in self._cases if case.key == key), None)

    def of(self, image: Image) -> OpenCase:
        """What is known of an image, begun where there is nothing yet."""
        case = self.find(image)
        if case is None:
            self._cases = list(self.present)
            case = OpenCase(next(self._keys), image, image_record(image).sha256)
            self._cases.append(case)
        return case


def order_note(viewer: ViewerModel, case: OpenCase, choices: Mapping[str, Any]) -> NoteOrder:
    """The order to note what the layers of an open case say now."""
    if case.folder is None and case.recovery is None and case.sha256:
        # Settled here: what a note that was cancelled has written is found again.
        case.recovery = free_recovery_folder(case.sha256)
    now = read_case(find_case_layers(viewer, case.image), case.sha256, choices, case.is_done)
    array = image_array(case.image)
    return NoteOrder(case.key, now, array, case.folder, case.recovery, case.saved, case.noted)
