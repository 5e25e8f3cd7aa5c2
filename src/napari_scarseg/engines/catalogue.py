"""Which weights there are, by name, and where their files lie. Imports neither torch nor anything that does."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import platformdirs

from napari_scarseg.errors import WeightsError

# Set by people whose home is small or shared; also keeps tests out of the real cache.
CACHE_VARIABLE = "SCARSEG_CACHE_DIR"

_OFFICIAL_SAM_URL = "https://dl.fbaipublicfiles.com/segment_anything"


class Role(StrEnum):
    """What a network does."""

    DETECTOR = "detector"
    SEGMENTER = "segmenter"


class Source(StrEnum):
    """Where weights come from."""

    BUNDLED = "bundled"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """Weights known by name.

    Parameters
    ----------
    name : str
    role : Role
    source : Source
    file : str
        Name of the file in the package or in the cache.
    licence : str
    about : str
        One line for a list.
    size_bytes : int or None
        None for bundled weights: the file says it.
    sha256 : str or None
        Hash a fetched file must have; None for bundled weights, which come with the package.
    url : str or None
        Official address of fetched weights.
    """

    name: str
    role: Role
    source: Source
    file: str
    licence: str
    about: str
    size_bytes: int | None = None
    sha256: str | None = None
    url: str | None = None

    @property
    def path(self) -> Path:
        """Where the file is, or will be once fetched."""
        return (bundled_folder() if self.source is Source.BUNDLED else cache_folder() / "weights") / self.file

    @property
    def is_here(self) -> bool:
        """Whether the file is there. Its content is checked when it is loaded."""
        return self.path.is_file()


@dataclass(frozen=True, slots=True)
class ResolvedWeights:
    """Existing weights file with the name under which results mention it.

    Parameters
    ----------
    name : str
        Name in the catalogue, or the file's name without suffix; never a path.
    path : Path
        Absolute.
    entry : WeightsEntry or None
        None for a file of the user's own.
    """

    name: str
    path: Path
    entry: WeightsEntry | None


_BUNDLED_LICENCE = "CC-BY-NC-SA-4.0"
_ENTRIES = (
    WeightsEntry(
        "lge-detector", Role.DETECTOR, Source.BUNDLED, "lge-detector.safetensors", _BUNDLED_LICENCE,
        "YOLO11n: finds the left ventricle and scar on a slice",
    ),
    WeightsEntry(
        "lge-segmenter", Role.SEGMENTER, Source.BUNDLED, "lge-segmenter.safetensors", _BUNDLED_LICENCE,
        "Small network: proposes scar within the left ventricle and turns a scar box into a mask",
    ),
    WeightsEntry(
        "sam-vit-b", Role.SEGMENTER, Source.FETCHED, "sam_vit_b_01ec64.pth", "Apache-2.0",
        "Official Segment Anything, ViT-B", 375_042_383,
        "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        f"{_OFFICIAL_SAM_URL}/sam_vit_b_01ec64.pth",
    ),
    WeightsEntry(
        "sam-vit-l", Role.SEGMENTER, Source.FETCHED, "sam_vit_l_0b3195.pth", "Apache-2.0",
        "Official Segment Anything, ViT-L", 1_249_524_607,
        "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        f"{_OFFICIAL_SAM_URL}/sam_vit_l_0b3195.pth",
    ),
    WeightsEntry(
        "sam-vit-h", Role.SEGMENTER, Source.FETCHED, "sam_vit_h_4b8939.pth", "Apache-2.0",
        "Official Segment Anything, ViT-H", 2_564_550_879,
        "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        f"{_OFFICIAL_SAM_URL}/sam_vit_h_4b8939.pth",
    ),
)  # fmt: skip


def list_entries() -> tuple[WeightsEntry, ...]:
    """All weights known by name."""
    return _ENTRIES


def find_entry(name: str) -> WeightsEntry:
    """The entry called `name`.

    Raises
    ------
    WeightsError
        If there is none.

    Examples
    --------
    >>> find_entry("sam-vit-b").licence
    'Apache-2.0'
    """
    for entry in _ENTRIES:
        if entry.name == name:
            return entry
    names = ", ".join(entry.name for entry in _ENTRIES)
    raise WeightsError(f"There are no weights called “{name}”; choose one of {names}, or the path of an existing file.")


def resolve_weights(name_or_path: str | Path) -> ResolvedWeights:
    """The weights file that a name or a path stands for.

    Parameters
    ----------
    name_or_path : str or Path
        A name of the catalogue, or the path of an existing file; a name wins.

    Raises
    ------
    WeightsError
        If neither is there; for weights that were not fetched yet, with the command that fetches them.
    """
    text = str(name_or_path)
    entry = next((entry for entry in _ENTRIES if entry.name == text), None)
    if entry is None:
        path = Path(name_or_path).expanduser()
        if path.is_file():
            return ResolvedWeights(path.stem, path.resolve(), None)
        if path.suffix or path.parent != Path("."):
            raise WeightsError(
                f"There is no weights file {path.name} at the path given; correct the path, or choose a name from: "
                "scarseg models list."
            )
        entry = find_entry(text)
    if not entry.is_here:
        raise WeightsError(_absent(entry))
    return ResolvedWeights(entry.name, entry.path.resolve(), entry)


def bundled_folder() -> Path:
    """Folder of the weights that come with the package."""
    return Path(__file__).parent / "weights"


def cache_folder() -> Path:
    """Folder for what is fetched and for what libraries insist on writing; `SCARSEG_CACHE_DIR` moves it."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("napari-scarseg")


def _absent(entry: WeightsEntry) -> str:
    if entry.source is Source.BUNDLED:
        return f"The bundled weights {entry.name} are missing from the installation; install napari-scarseg again."
    return (
        f"The weights {entry.name} have not been fetched yet; fetch them once with: scarseg models fetch {entry.name}."
    )
