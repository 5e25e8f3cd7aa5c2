"""Voxel spacing in millimetres, with where it came from; unknown is a value."""

import math
from dataclasses import dataclass
from enum import StrEnum

from napari_scarseg.errors import InputError


class SpacingOrigin(StrEnum):
    """Where a spacing came from."""

    HEADER = "header"
    USER = "user"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distance between voxel centres, in mm; `None` where it is not known.

    Parameters
    ----------
    z_mm : float or None
        Distance between the centres of neighbouring slices (not the slice thickness).
    y_mm, x_mm : float or None
        Distance between rows and between columns. Known together or not at all.
    origin : SpacingOrigin
        Who said so. `UNKNOWN` goes with no value at all.

    Raises
    ------
    InputError
        If a value is not a positive finite number, or only one of `y_mm` and `x_mm` is given.

    Examples
    --------
    >>> spacing = Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER)
    >>> spacing.is_known, Spacing.unknown().is_known
    (True, False)
    """

    z_mm: float | None
    y_mm: float | None
    x_mm: float | None
    origin: SpacingOrigin

    def __post_init__(self) -> None:
        for axis, value in (("slice distance", self.z_mm), ("row distance", self.y_mm), ("column distance", self.x_mm)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise InputError(f"The {axis} must be a positive number of mm, not {value}; correct the spacing.")
        if (self.y_mm is None) != (self.x_mm is None):
            raise InputError("The in-plane spacing needs both a row and a column distance in mm; give both or neither.")
        if (self.origin is SpacingOrigin.UNKNOWN) != (self.z_mm is None and self.y_mm is None):
            raise InputError(
                "A spacing has an origin exactly when it has a value; give the values or leave it unknown."
            )

    @classmethod
    def unknown(cls) -> "Spacing":
        """Spacing of data that came without any."""
        return cls(None, None, None, SpacingOrigin.UNKNOWN)

    @property
    def is_known(self) -> bool:
        """Whether all three distances are known, so volumes and masses can be given."""
        return self.z_mm is not None and self.y_mm is not None

    @property
    def in_plane_is_known(self) -> bool:
        """Whether row and column distance are known, so areas and lengths can be given."""
        return self.y_mm is not None

    def as_dict(self) -> dict[str, float | str] | None:
        """Values for a JSON sidecar: mm and origin, or None where nothing is known."""
        if self.origin is SpacingOrigin.UNKNOWN:
            return None
        values = {"z_mm": self.z_mm, "y_mm": self.y_mm, "x_mm": self.x_mm}
        return {**{k: v for k, v in values.items() if v is not None}, "origin": self.origin.value}
