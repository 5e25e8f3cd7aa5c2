"""Points as a person sets them: where the answer without a prompt is wrong inside the box."""

import torch
from torch import Tensor

from napari_scarseg.engines.small_sam import box_coverage


def draw_error_points(
    scar: Tensor, mask: Tensor, boxes: Tensor, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One point prompt after the other, drawn from the wrong samples in each box.

    Parameters
    ----------
    scar : Tensor (N, S, S)
        Scar logits without a prompt.
    mask : Tensor (N, S, S)
        What the box asks for, 0/1.
    boxes : Tensor (N, 4)
        x_min, y_min, x_max, y_max on the grid.
    count : int
        Points per prompt.
    generator : torch.Generator
        Decides the draw.

    Returns
    -------
    places : Tensor (N, count, 2)
        x, y of sample centres.
    signs : Tensor (N, count)
        1 in missed scar, 0 in false scar. Where nothing in the box is wrong, points lie anywhere in it, with the sign
        of what is there.
    """
    size = mask.shape[-1]
    inside = box_coverage(boxes, size) > 0.5
    wrong = ((scar > 0) != (mask > 0.5)) & inside
    # A box smaller than a sample holds no centre: then any sample serves.
    fallback = torch.where(inside.any(dim=(1, 2), keepdim=True), inside, torch.ones_like(inside))
    chosen = torch.where(wrong.any(dim=(1, 2), keepdim=True), wrong, fallback)
    # Drawn where the generator is: the places are the same on every device.
    flat = torch.multinomial(chosen.flatten(1).float().cpu(), count, replacement=True, generator=generator)
    flat = flat.to(mask.device)
    rows, cols = flat // size, flat % size
    places = torch.stack([cols, rows], dim=2).float() + 0.5
    signs = torch.gather((mask > 0.5).flatten(1).float(), 1, flat)
    return places, signs
