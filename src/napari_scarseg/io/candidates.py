"""Several stacks behind one path: what there is to choose from, and which one a name means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.spacing import Spacing
from napari_scarseg.errors import InputError
from napari_scarseg.io.volume import Volume

# An error is one line: of longer lists it says the beginning.
_LISTED = 12


@dataclass(frozen=True, slots=True)
class StackCandidate:
    """One stack among those that a file, folder or archive holds.

    Parameters
    ----------
    key : str
        Short name, unique among its siblings: "7", "7.2" (second stack of series 7), "3" (third volume).
    shape : (int, int, int)
        Slices, rows, columns.
    spacing : Spacing
        As the header says.
    kind : str
        In our own words: "magnitude", "phase-sensitive", "volume", … Never text from the file.
    likeness : float
        How much it looks like a short-axis LGE stack; comparable among siblings only.
    aliases : tuple of str
        What else names it: number and UID of its DICOM series.
    description : str
        The file's own free text, for the screen and nothing else: it may name the patient.
    """

    key: str
    shape: tuple[int, int, int]
    spacing: Spacing
    kind: str
    likeness: float = 0.0
    aliases: tuple[str, ...] = ()
    description: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """What a path holds, before it is decoded.

    Parameters
    ----------
    candidates : tuple of StackCandidate
        At least one.
    read : callable
        Decodes a candidate.
    thumbnail : callable
        Decodes one plane (Y, X) from the middle of a candidate.
    """

    candidates: tuple[StackCandidate, ...]
    read: Callable[[StackCandidate], Volume]
    thumbnail: Callable[[StackCandidate], npt.NDArray[np.generic]]


def numbered_candidates(
    count: int, shape: tuple[int, int, int], spacing: Spacing, kind: str
) -> tuple[StackCandidate, ...]:
    """Candidates of equal shape and spacing, named by their numbers from 1 up.

    Examples
    --------
    >>> [c.kind for c in numbered_candidates(2, (9, 8, 8), Spacing.unknown(), "volume")]
    ['volume 1 of 2', 'volume 2 of 2']
    """
    words = [kind if count == 1 else f"{kind} {number} of {count}" for number in range(1, count + 1)]
    return tuple(StackCandidate(str(number), shape, spacing, text) for number, text in enumerate(words, 1))


def middle_plane(volume: Volume) -> npt.NDArray[np.generic]:
    """The plane (Y, X) in the middle of a volume."""
    plane: npt.NDArray[np.generic] = volume.data[volume.data.shape[0] // 2]
    return plane


def propose_candidate(candidates: Sequence[StackCandidate]) -> StackCandidate:
    """The candidate most like a short-axis LGE stack; of equals the first.

    Examples
    --------
    >>> one, two = (StackCandidate(k, (9, 8, 8), Spacing.unknown(), "volume", float(k)) for k in "12")
    >>> propose_candidate([one, two]).key
    '2'
    """
    return max(candidates, key=lambda candidate: candidate.likeness)


def choose_candidate(candidates: Sequence[StackCandidate], series: str | None) -> StackCandidate:
    """The one candidate that `series` means (its key, or the number or UID of its DICOM series).

    Raises
    ------
    InputError
        If there are several and none or more than one is meant; the message lists them, without any free text.
    """
    if series is None:
        if len(candidates) == 1:
            return candidates[0]
        best = propose_candidate(candidates)
        is_alone = sum(candidate.likeness == best.likeness for candidate in candidates) == 1
        raise InputError(
            f"There are {len(candidates)} stacks to choose from: {describe_candidates(candidates)}. "
            f"{f'The most LGE-like is {best.key}; choose' if is_alone else 'Choose'} one by its name (--series on the "
            "command line)."
        )
    wanted = series.strip()
    found = [c for c in candidates if wanted == c.key] or [c for c in candidates if wanted in c.aliases]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"The series that was asked for holds {len(found)} stacks: {describe_candidates(found)}; choose one by its "
            "name."
        )
    raise InputError(
        f"There is no stack of the name or UID that was asked for; there is {describe_candidates(candidates)}."
    )


def describe_candidates(candidates: Sequence[StackCandidate]) -> str:
    """The candidates in one line: names, kinds, sizes and spacings, and no free text."""
    words = [
        f"{candidate.key} ({candidate.kind}, {describe_size(candidate)})" for candidate in list(candidates)[:_LISTED]
    ]
    if len(candidates) > _LISTED:
        words.append(f"and {len(candidates) - _LISTED} more")
    return ", ".join(words)


def describe_size(candidate: StackCandidate) -> str:
    """Number of slices, their size in pixels, and the spacing in mm."""
    slices, rows, columns = candidate.shape
    return f"{slices} slice{'' if slices == 1 else 's'} of {rows} × {columns}, {describe_spacing(candidate.spacing)}"


def describe_spacing(spacing: Spacing) -> str:
    """Slice, row and column distance in words.

    Examples
    --------
    >>> describe_spacing(Spacing.unknown())
    'spacing unknown'
    """
    sizes = (spacing.z_mm, spacing.y_mm, spacing.x_mm)
    if all(size is None for size in sizes):
        return "spacing unknown"
    return " × ".join("?" if size is None else f"{size:.4g}" for size in sizes) + " mm"
