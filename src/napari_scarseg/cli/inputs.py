"""What a command line names: stacks to read, boxes to use, and where results must not go."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import InputError
from napari_scarseg.io import check_output_folder, collect_stacks, read_stack, resolve_stems


@dataclass(frozen=True, slots=True)
class StackSource:
    """One stack of the command line.

    Parameters
    ----------
    path : Path
    stem : str
        Name its results carry.
    series : str or None
    spacing : Spacing or None
        The user's.
    """

    path: Path
    stem: str
    series: str | None = None
    spacing: Spacing | None = None

    def read(self) -> Stack:
        """Read the stack, under the name of its results."""
        return replace(read_stack(self.path, spacing=self.spacing, series=self.series), stem=self.stem)


def find_sources(
    paths: Sequence[Path],
    *,
    series: str | None = None,
    spacing: Spacing | None = None,
    keep_identifiers: bool = False,
) -> list[StackSource]:
    """All stacks that `paths` mean; those of DICOM are named by a salted hash, unless identifiers are kept.

    Raises
    ------
    InputError
        If a path is missing or holds no image, or two stacks would share a name.
    """
    stems = resolve_stems(collect_stacks(paths), series, keep_identifiers=keep_identifiers)
    return [StackSource(path, stem, series, spacing) for path, stem in stems.items()]


def check_output(folder: Path, sources: Sequence[StackSource], names: Sequence[str], others: Sequence[Path]) -> None:
    """Raise InputError where a result would not be a file of its own.

    Parameters
    ----------
    folder : Path
        Where results go.
    sources : sequence of StackSource
    names : sequence of str
        What a stem is followed by in the names of results.
    others : sequence of Path
        Further inputs.
    """
    check_output_folder(folder)
    inputs = {path.resolve() for path in (*(source.path for source in sources), *others)}
    for source in sources:
        for name in names:
            output = folder / f"{source.stem}{name}"
            if output.resolve() in inputs:
                raise InputError(
                    f"'{output.name}' is one of the inputs and would be overwritten; choose another output folder."
                )


def find_boxes(boxes: Path, sources: Sequence[StackSource], output: Path) -> dict[str, Path]:
    """The boxes file of each stem: `boxes` itself for the only stack, or `<stem>_boxes.csv` in that folder.

    Raises
    ------
    InputError
        If a file is missing, one file is given for several stacks, or the folder is the one for results.
    """
    if not boxes.is_dir():
        if len(sources) > 1:
            raise InputError(
                f"One boxes file was given for {len(sources)} stacks; give a folder that holds <stem>_boxes.csv for "
                "each."
            )
        if not boxes.is_file():
            raise InputError(f"There is no boxes file '{boxes.name}'; check the path.")
        return {source.stem: boxes for source in sources}
    if boxes.resolve() == output.resolve():
        raise InputError(
            "The folder of --boxes is also the output folder, so its boxes would be overwritten; choose another one."
        )
    found = {source.stem: boxes / f"{source.stem}_boxes.csv" for source in sources}
    for path in found.values():
        if not path.is_file():
            raise InputError(f"The folder of --boxes holds no '{path.name}'; add it, or leave its stack out.")
    return found


def check_sources(sources: Sequence[StackSource]) -> None:
    """Read everything once, one stack at a time, so that a bad input is told before the first network runs."""
    for source in sources:
        source.read()
