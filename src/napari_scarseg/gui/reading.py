"""Reading in the background: one stack at once, or first a choice where a path holds several."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import ScarSegError
from napari_scarseg.gui.image_layer import contrast_limits, image_kwargs
from napari_scarseg.gui.tasks import LoadedStack, resolve_free_stem
from napari_scarseg.io import (
    Offer,
    StackCandidate,
    describe_size,
    find_offer,
    propose_candidate,
    read_candidate,
    read_stack,
)

# Pictures of more candidates would take longer than they help.
_MOST_THUMBNAILS = 48

Thumbnail = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Several stacks behind one path.

    Parameters
    ----------
    path : Path
    offer : Offer
    thumbnails : tuple of ndarray of uint8 (Y, X), or None
        One per candidate; None where there is no picture of it.
    proposed : StackCandidate
        The most LGE-like.
    """

    path: Path
    offer: Offer
    thumbnails: tuple[Thumbnail | None, ...]
    proposed: StackCandidate


def read_task(path: Path, taken: Collection[str] = ()) -> Iterator[LoadedStack | Choice]:
    """Read a file or folder, and look up its contrast and hash; or say what there is to choose from.

    Parameters
    ----------
    path : Path
    taken : collection of str
        Stems in use; a stack of the same name gets the parent folder's name in front, or a number behind.
    """
    offer = find_offer(path)
    if offer is None:
        yield _loaded(read_stack(path), path, taken)
    elif len(offer.candidates) == 1:
        yield _loaded(read_candidate(path, offer, offer.candidates[0]), path, taken)
    else:
        pictured = offer.candidates[:_MOST_THUMBNAILS]
        thumbnails = [_thumbnail(offer, one) for one in pictured]
        thumbnails += [None] * (len(offer.candidates) - len(pictured))
        yield Choice(path, offer, tuple(thumbnails), propose_candidate(offer.candidates))


def read_chosen_task(choice: Choice, candidate: StackCandidate, taken: Collection[str] = ()) -> Iterator[LoadedStack]:
    """Read one of the stacks of a choice."""
    yield _loaded(read_candidate(choice.path, choice.offer, candidate), choice.path, taken)


def read_proposed(path: Path) -> Stack:
    """Read a file or folder without asking: of several stacks the most LGE-like, with a finding that says so."""
    offer = find_offer(path)
    if offer is None:
        return read_stack(path)
    best = propose_candidate(offer.candidates)
    stack = read_candidate(path, offer, best)
    if len(offer.candidates) == 1:
        return stack
    finding = (
        f"There are {len(offer.candidates)} stacks to choose from; this is {best.key} ({best.kind}, "
        f"{describe_size(best)}), the most LGE-like. Load stack lists the others."
    )
    return replace(stack, findings=(*stack.findings, finding))


def _loaded(stack: Stack, path: Path, taken: Collection[str]) -> LoadedStack:
    stack = replace(stack, stem=resolve_free_stem(path, stack.stem, taken))
    return LoadedStack(stack, image_kwargs(stack, source=path))


def _thumbnail(offer: Offer, candidate: StackCandidate) -> Thumbnail | None:
    """Grey levels of a middle slice; a damaged one is told when it is read, not here."""
    try:
        plane = offer.thumbnail(candidate).astype(np.float32)
    except ScarSegError:
        return None
    low, high = contrast_limits(plane)
    return np.nan_to_num(np.clip((plane - low) / (high - low), 0, 1) * 255).astype(np.uint8)
