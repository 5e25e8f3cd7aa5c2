"""Mirror images of a window whose answers are averaged (test-time augmentation).

A scan may be stored mirrored or turned, and training mirrors at random; so each mirror image is as good a question as
the window itself, and the mean of the answers is better than any of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class View:
    """One mirror image of a square window, and the way back; each of both is its own inverse.

    Parameters
    ----------
    rows, cols : bool
        Whether the rows, the columns run the other way.
    """

    rows: bool
    cols: bool

    def planes(self, planes: Tensor) -> Tensor:
        """(…, S, S) mirrored."""
        axes = [axis for axis, mirrored in ((-2, self.rows), (-1, self.cols)) if mirrored]
        return torch.flip(planes, axes) if axes else planes

    def boxes(self, boxes: Tensor, size: int) -> Tensor:
        """x_min, y_min, x_max, y_max (N, 4) in samples of a window of `size`, mirrored."""
        x_min, y_min, x_max, y_max = boxes.unbind(dim=-1)
        if self.cols:
            x_min, x_max = size - x_max, size - x_min
        if self.rows:
            y_min, y_max = size - y_max, size - y_min
        return torch.stack([x_min, y_min, x_max, y_max], dim=-1)

    def places(self, places: Tensor, size: int) -> Tensor:
        """x, y (N, K, 2) in samples of a window of `size`, mirrored."""
        x, y = places.unbind(dim=-1)
        return torch.stack([size - x if self.cols else x, size - y if self.rows else y], dim=-1)


VIEWS = (View(False, False), View(True, True), View(True, False), View(False, True))


def mirror_all(planes: Tensor, views: int) -> Tensor:
    """(N, C, S, S) → (N · views, C, S, S), the views of a window next to each other."""
    mirrored = torch.stack([view.planes(planes) for view in VIEWS[:views]], dim=1)
    return mirrored.flatten(0, 1)


def average_views(answers: Tensor, views: int) -> Tensor:
    """Answers (N · views, …, S, S) to `mirror_all`, each turned back → their mean (N, …, S, S)."""
    turned = answers.reshape(-1, views, *answers.shape[1:])
    return torch.stack([view.planes(turned[:, n]) for n, view in enumerate(VIEWS[:views])]).mean(dim=0)


def ask_all(size: int, values: Tensor, views: int, turn: Callable[[View, Tensor, int], Tensor]) -> Tensor:
    """Prompts (P, …) on a grid of `size` → (P · views, …) as each view sees them, in the order of `mirror_all`."""
    return torch.stack([turn(view, values, size) for view in VIEWS[:views]], dim=1).flatten(0, 1)
