"""Which slices are one stack: by series, size, spacing, orientation, kind, and one image per position."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from napari_scarseg.io.dicom_geometry import along
from napari_scarseg.io.dicom_header import SliceHeader, path_order
from napari_scarseg.io.dicom_kind import Component, component_of

# Two directions are one when they differ by less than this.
_MIN_COSINE = float(np.cos(np.deg2rad(1.0)))
# Two positions are one below this distance.
_SAME_POSITION_MM = 0.05
_LENGTH_TOLERANCE = 0.01
# From so many images at each position on, they are phases of a movement or points of a curve, and no repeats.
MIN_TIME_POINTS = 8
# Image types tell stacks apart when each of them covers this share of the positions.
_COVERAGE = 0.8

_Slices = list[SliceHeader]


@dataclass(frozen=True, slots=True, eq=False)
class SliceGroup:
    """Slices that are one stack, at most one per position.

    Parameters
    ----------
    slices : tuple of SliceHeader
    component : Component
    number, count : int
        Which of several images at each position these are, counted from 1, and of how many.
    findings : tuple of str
        How they were chosen, where there was a choice.
    """

    slices: tuple[SliceHeader, ...]
    component: Component
    number: int = 1
    count: int = 1
    findings: tuple[str, ...] = ()


def group_series(slices: Iterable[SliceHeader]) -> list[list[SliceHeader]]:
    """Slices by series, in the order of series numbers. Where a series has no UID its folder stands in."""
    ordered = sorted(slices, key=path_order)
    series = _split(ordered, lambda one: (one.image.series_uid or str(one.image.file.path.parent), one.image.modality))
    return sorted(series, key=lambda group: (group[0].image.series_number is None, group[0].image.series_number or 0))


def group_slices(series: Sequence[SliceHeader]) -> list[SliceGroup]:
    """Stacks within one series.

    Short-axis and long-axis views come apart by their orientation, magnitude and phase-sensitive images by their
    image type. Where several images remain at a position, each repeat is a stack of its own; from eight images at a
    position on they are a cine or a map, and one stack shows the first of them.
    """
    images = _split(series, lambda one: (one.image.rows, one.image.columns, one.image.samples))
    spaced = [part for group in images for part in _cluster(group, _same_spacing)]
    turned = [part for group in spaced for part in _cluster(group, _same_orientation)]
    return [stack for group in turned for part in _split_kinds(group) for stack in _split_repeats(part)]


def positions_of(slices: Sequence[SliceHeader]) -> list[_Slices]:
    """Slices by position, in the order of positions along the normal; each alone where positions are not known."""
    normal = slices[0].normal
    if normal is None or any(one.position is None for one in slices):
        return [[one] for one in slices]
    ordered = sorted(((along(one, normal), one) for one in slices), key=lambda item: item[0])
    places: list[_Slices] = [[ordered[0][1]]]
    for (before, _), (here, one) in pairwise(ordered):
        if here - before < _SAME_POSITION_MM:
            places[-1].append(one)
        else:
            places.append([one])
    return places


def _split(slices: Sequence[SliceHeader], key: Callable[[SliceHeader], Hashable]) -> list[_Slices]:
    groups: dict[Hashable, _Slices] = {}
    for one in slices:
        groups.setdefault(key(one), []).append(one)
    return list(groups.values())


def _cluster(slices: Sequence[SliceHeader], same: Callable[[SliceHeader, SliceHeader], bool]) -> list[_Slices]:
    """Groups of slices that are like the group's first one."""
    groups: list[_Slices] = []
    for one in slices:
        home = next((group for group in groups if same(group[0], one)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return groups


def _same_spacing(a: SliceHeader, b: SliceHeader) -> bool:
    if a.values.pixel_spacing is None or b.values.pixel_spacing is None:
        return a.values.pixel_spacing is b.values.pixel_spacing
    return bool(np.allclose(a.values.pixel_spacing, b.values.pixel_spacing, rtol=_LENGTH_TOLERANCE))


def _same_orientation(a: SliceHeader, b: SliceHeader) -> bool:
    pairs = (
        (a.values.row_direction, b.values.row_direction),
        (a.values.column_direction, b.values.column_direction),
    )
    if any(one is None or other is None for one, other in pairs):
        return all(one is None and other is None for one, other in pairs)
    return all(float(one @ other) >= _MIN_COSINE for one, other in pairs if one is not None and other is not None)


def _split_kinds(slices: _Slices) -> list[_Slices]:
    """By component; by the whole image type only where positions repeat and that is why."""
    parts = _split(slices, component_of)
    result: list[_Slices] = []
    for part in parts:
        places = positions_of(part)
        types = _split(part, lambda one: one.image_type)
        is_reason = len(places) < len(part) and all(
            len(positions_of(group)) >= _COVERAGE * len(places) for group in types
        )
        result.extend(types if is_reason else [part])
    return result


def _split_repeats(slices: _Slices) -> list[SliceGroup]:
    component = component_of(slices[0])
    places = [sorted(place, key=lambda one: one.values.time) for place in positions_of(slices)]
    count = max(len(place) for place in places)
    if count == 1:
        return [SliceGroup(tuple(slices), component)]
    crowded = sum(len(place) > 1 for place in places)
    if count >= MIN_TIME_POINTS:
        words = (
            f"The series has up to {count} images at a position (a cine, a map or a perfusion); the first was taken."
        )
        return [SliceGroup(tuple(place[0] for place in places), component, 1, count, (words,))]
    stacks = []
    for index in range(count):
        taken = tuple(place[min(index, len(place) - 1)] for place in places)
        words = (
            f"{crowded} of {len(places)} positions have several images (repeats); number {index + 1} of {count} was "
            "taken, or the last where there are fewer."
        )
        stacks.append(SliceGroup(taken, component, index + 1, count, (words,)))
    return stacks
