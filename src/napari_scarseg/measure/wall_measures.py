"""One lesion in the wall of its slice, and its share of the whole left ventricle, by the names of the registry."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_scarseg.core.masks import Mask
from napari_scarseg.core.spacing import Spacing
from napari_scarseg.measure import reasons
from napari_scarseg.measure.mask_measures import Measures
from napari_scarseg.measure.unwrapped import UnwrappedSlice, measure_mural_shape, unwrap_slice
from napari_scarseg.measure.wall import Wall


@dataclass(frozen=True, slots=True, eq=False)
class WallContext:
    """What all lesions of a stack share.

    Parameters
    ----------
    wall : Wall
    slices : mapping of slice → UnwrappedSlice
        Those whose centre is known and that hold a lesion or myocardium.
    wall_px : int
        Pixels of myocardium and lesions over all slices; 0 where the myocardium is unknown.
    endocardial_length : float
        Over all slices, in the unit of the distances.
    pixel : float
        The smaller side of a pixel in that unit.
    """

    wall: Wall
    slices: Mapping[int, UnwrappedSlice]
    wall_px: int
    endocardial_length: float
    pixel: float

    def remote(self, z: int, is_lesion: Mask) -> Mask | None:
        """Myocardium of a slice outside all lesions; None where it is unknown."""
        return None if self.wall.myocardium is None else self.wall.myocardium[z] & ~is_lesion


def unwrap_stack(numbers: npt.NDArray[np.integer], wall: Wall, spacing: Spacing) -> WallContext:
    """Unroll every slice of a (Z, Y, X) volume of lesion numbers round the LV's centre."""
    wall.check_shape(numbers.shape)
    y_distance, x_distance = spacing.y_mm or 1.0, spacing.x_mm or 1.0
    slices = {
        z: unwrap_slice(
            numbers[z], None if wall.myocardium is None else wall.myocardium[z], centre, y_distance, x_distance
        )
        for z, centre in wall.centres.items()
    }
    return WallContext(
        wall=wall,
        slices=slices,
        wall_px=0 if wall.myocardium is None else int(np.count_nonzero(wall.myocardium | (numbers != 0))),
        endocardial_length=float(sum(one.endocardial_length for one in slices.values())),
        pixel=min(y_distance, x_distance),
    )


def measure_wall(context: WallContext, z: int, number: int, area_px: int) -> Measures:
    """Extent, transmurality and shares of one lesion on slice `z`."""
    values: dict[str, float | None] = {}
    why = []
    if context.wall.myocardium is None:
        why.append(reasons.NO_MYOCARDIUM)
    else:
        values["lv_share_pct"] = 100 * area_px / context.wall_px
    unwrapped = context.slices.get(z)
    if unwrapped is None:
        return Measures(values, (*why, reasons.NO_CENTRE))
    shape = measure_mural_shape(unwrapped, number, context.pixel)
    if shape is None:
        return Measures(values, (*why, reasons.NO_RAY))
    values.update(angular_extent_deg=shape.angular_extent_deg, unwrapped_solidity=shape.unwrapped_solidity)
    if shape.endocardial_length is None:
        if context.wall.myocardium is not None:
            why.append(reasons.NO_WALL)
        return Measures(values, tuple(why))
    values.update(
        transmurality_pct=shape.transmurality_pct,
        transmurality_max_pct=shape.transmurality_max_pct,
        endocardial_extent_pct=shape.endocardial_extent_pct,
        endocardial_share_pct=100 * shape.endocardial_length / context.endocardial_length,
    )
    return Measures(values, tuple(why))
