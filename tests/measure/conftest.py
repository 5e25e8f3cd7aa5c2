"""Masks whose measures are known in closed form."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

Mask = npt.NDArray[np.bool_]
DrawEllipse = Callable[..., Mask]


@pytest.fixture
def draw_ellipse() -> DrawEllipse:
    """Ellipse with semi-axes in mm (or px), turned by an angle, sampled at pixel centres of a given distance."""

    def draw(
        semi_major: float,
        semi_minor: float,
        angle: float = 0.0,
        y_distance: float = 1.0,
        x_distance: float = 1.0,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> Mask:
        reach_y = int(np.ceil(semi_major / y_distance)) + 2
        reach_x = int(np.ceil(semi_major / x_distance)) + 2
        rows, cols = np.mgrid[-reach_y : reach_y + 1, -reach_x : reach_x + 1]
        y, x = (rows + shift[0]) * y_distance, (cols + shift[1]) * x_distance
        along = x * np.cos(angle) + y * np.sin(angle)
        across = -x * np.sin(angle) + y * np.cos(angle)
        return (along / semi_major) ** 2 + (across / semi_minor) ** 2 <= 1

    return draw
