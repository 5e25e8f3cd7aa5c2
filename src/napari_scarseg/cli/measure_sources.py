"""Which label files `scarseg measure` takes, what their cases are called, and which files belong to each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_scarseg.cases import CASE_SUFFIX, find_case_folders, read_case_info
from napari_scarseg.errors import InputError
from napari_scarseg.io import collect_stacks, resolve_stems

# `segment` writes <stem>_scar.nii.gz; its measures are those of the case <stem>.
_RESULT_SUFFIX = "_scar"

# Words that say what a file is and not whose: P001/image and P001_label.png belong to P001.
_ROLE_WORDS = ("scar", "label", "labels", "mask", "masks", "seg", "image", "images", "img", "myocardium", "wall", "lv")


@dataclass(frozen=True, slots=True)
class Source:
    """One case to measure.

    Parameters
    ----------
    case : str
        Name in the table.
    names : tuple of str
        What images and the cohort table may call it, the surest first.
    labels, image, myocardium : Path
        `labels` may be a case folder; the last two are None where none was given.
    """

    case: str
    names: tuple[str, ...]
    labels: Path
    image: Path | None = None
    myocardium: Path | None = None


def collect_labels(paths: Sequence[Path]) -> list[Path]:
    """One path per label volume or case folder.

    Of a folder that holds results or cases only those count, not the images and pictures beside them.
    """
    collected: list[Path] = []
    for path in paths:
        results = sorted(path.glob(f"*{_RESULT_SUFFIX}.nii*")) if path.is_dir() else []
        cases = find_case_folders(path) if path.is_dir() else []
        collected.extend([*results, *cases] or [path])
    files = iter(collect_stacks([path for path in collected if not is_case(path)]))
    kept = dict.fromkeys(path for path in collected if is_case(path))
    return [*kept, *files]


def is_case(path: Path) -> bool:
    """Whether a path is a case folder by its name."""
    return path.suffix == CASE_SUFFIX


def name_cases(paths: Sequence[Path]) -> list[Source]:
    """A source per label volume, without an image yet."""
    sources = []
    stems = resolve_stems([path for path in paths if not is_case(path)])
    taken: set[str] = set()
    for path in paths:
        case = read_case_info(path).case if is_case(path) else _plain_case(stems[path])
        if case.casefold() in taken:
            raise InputError(f"Two label files belong to the case '{case}'; measure them separately, or rename one.")
        taken.add(case.casefold())
        sources.append(Source(case, _names(path, case), path))
    return sources


def _plain_case(stem: str) -> str:
    return stem.removesuffix(_RESULT_SUFFIX) or stem


def _names(path: Path, stem: str) -> tuple[str, ...]:
    """What else a file may be called: without its role word, or by its folder where it has only a role."""
    names = [stem]
    for word in _ROLE_WORDS:
        names.extend(stem.removesuffix(end) for end in (f"_{word}", f"-{word}", f".{word}") if stem.endswith(end))
    if stem.casefold() in _ROLE_WORDS:
        names.append(path.resolve().parent.name)
    return tuple(dict.fromkeys(name for name in names if name))


def match_images(sources: list[Source], paths: Sequence[Path], series: str | None = None) -> list[Source]:
    """Give every case its image: the only one, or the one of its name; `series` chooses among several at a path."""
    return [replace(source, image=path) for source, path in _match(sources, paths, "image", series)]


def match_myocardium(sources: list[Source], paths: Sequence[Path]) -> list[Source]:
    """Give every case its labels of myocardium: the only ones, or those of its name."""
    return [replace(source, myocardium=path) for source, path in _match(sources, paths, "file of myocardium")]


def _match(
    sources: Sequence[Source], paths: Sequence[Path], what: str, series: str | None = None
) -> list[tuple[Source, Path | None]]:
    if not paths:
        return [(source, None) for source in sources]
    if len(paths) == len(sources) == 1:
        return [(sources[0], paths[0])]
    files = {path: set(_names(path, stem)) for path, stem in resolve_stems(paths, series).items()}
    matched: list[tuple[Source, Path | None]] = []
    for source in sources:
        found = [path for path, names in files.items() if names & set(source.names)]
        if len(found) != 1:
            state = f"No {what}" if not found else f"More than one {what}"
            raise InputError(f"{state} among those given has the name of the labels '{source.case}'; name them alike.")
        matched.append((source, found[0]))
    return matched
