"""An image in the viewer, and where its work is kept."""

from dataclasses import dataclass
from pathlib import Path

from napari.layers import Image

from napari_scarseg.cases import Case


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
