"""Learning rate and moving average over a run."""

import math

import torch
from torch import nn


def learning_rate(step: int, *, peak: float, warmup_steps: int, steps: int) -> float:
    """Linear warm-up to `peak`, then a cosine down to zero at `steps` (Loshchilov and Hutter, ICLR 2017)."""
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, *, decay: float, step: int) -> None:
    """Move `average` towards `network`; batch statistics included, counters copied.

    Early on the decay is smaller, so that the random start is forgotten.
    """
    rate = min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.data_ptr() == value.data_ptr():
            continue  # frozen, and shared
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - rate)
        else:
            mean.copy_(value)
