"""An image in the viewer, and where its work is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari.components import ViewerModel
from napari.layers import Image

from napari_scarseg.cases import Case, free_recovery_folder
from napari_scarseg.gui.case_layers import find_case_layers, read_case
from napari_scarseg.gui.case_tasks import NoteOrder
from napari_scarseg.gui.image_layer import image_array


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


def order_note(viewer: ViewerModel, case: OpenCase, choices: Mapping[str, Any]) -> NoteOrder:
    """The order to note what the layers of an open case say now."""
    if case.folder is None and case.recovery is None and case.sha256:
        # Settled here: what a note that was cancelled has written is found again.
        case.recovery = free_recovery_folder(case.sha256)
    now = read_case(find_case_layers(viewer, case.image), case.sha256, choices, case.is_done)
    array = image_array(case.image)
    return NoteOrder(case.key, now, array, case.folder, case.recovery, case.saved, case.noted)
