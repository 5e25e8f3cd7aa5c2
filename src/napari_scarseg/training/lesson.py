"""The loss of one piece of a batch: prompted masks near their boxes, and the anatomy everywhere."""

import functools
import operator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from napari_scarseg.engines.small_sam import box_coverage
from napari_scarseg.training.batches import Batch
from napari_scarseg.training.config import Precision, SegmenterTraining, TrainedPart
from napari_scarseg.training.corrections import draw_error_points
from napari_scarseg.training.losses import anatomy_loss, combined_loss
from napari_scarseg.training.taught import Taught

_TYPES = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}


class PieceShares(NamedTuple):
    """What a piece counts in its step, so that all pieces together make the loss of the whole batch."""

    windows: float
    prompts: float


class PointDraw(NamedTuple):
    """How many points every prompt of a step carries, and what decides their places. The generator is used up."""

    per_prompt: int
    generator: torch.Generator


class Lesson(nn.Module):
    """Network and loss in one module, which is what a process shares with others.

    The network computes in the configured precision; the losses and their targets are float32.

    Parameters
    ----------
    taught : Taught
    config : SegmenterTraining
    """

    def __init__(self, taught: Taught, config: SegmenterTraining) -> None:
        super().__init__()
        self.network = taught.network
        self._taught = taught
        self._weights = config.loss
        self._precision = config.precision
        # A frozen encoder shows the same anatomy whatever the loss says.
        self._teaches_anatomy = config.loss.anatomy > 0 and config.trained.part is not TrainedPart.DECODER

    def encode(self, windows: Tensor) -> Any:
        """Embedding of windows (B, 1 + 2 context, S, S)."""
        with self._autocast(windows):
            return self._taught.encode(windows)

    def forward(self, batch: Batch, shares: PieceShares, points: PointDraw | None, embedding: Any = None) -> Tensor:
        """Loss (a scalar) of one piece; `embedding` takes the place of the windows where they were encoded before."""
        if embedding is None:
            embedding = self.encode(batch.windows)
        parts = []
        classes = self._taught.class_logits(embedding)
        if classes is not None and self._teaches_anatomy:
            parts.append(self._weights.anatomy * anatomy_loss(classes, batch.classes) * shares.windows)
        if len(batch.boxes):
            parts.append(self._prompted(batch, embedding, points) * shares.prompts)
        # Nothing to learn from this piece; still a loss of the same parameters, for the processes to agree on.
        idle = (parameter.sum() * 0 for parameter in self.network.parameters() if parameter.requires_grad)
        return functools.reduce(operator.add, parts or idle)

    def _prompted(self, batch: Batch, embedding: Any, points: PointDraw | None) -> Tensor:
        """Mean loss of the prompts' masks."""
        given = None if points is None else self._points(batch, embedding, points)
        with self._autocast(batch.boxes):
            logits = self._taught.decode(embedding, batch.owners, batch.boxes, given)
        return combined_loss(
            logits.float(),
            batch.mask,
            batch.soft,
            kl_weight=self._weights.kl,
            dice_weight=self._weights.dice,
            ce_weight=self._weights.cross_entropy,
            weight=near_boxes(batch.boxes * self._answers_per_sample, batch.mask.shape[-1]),
            papers_kl=self._weights.papers_kl,
        )

    def _points(self, batch: Batch, embedding: Any, points: PointDraw) -> tuple[Tensor, Tensor]:
        """Corrections of every prompt, on the windows' grid."""
        ratio = self._answers_per_sample
        with self._autocast(batch.boxes):
            guess = self._taught.guess(embedding, batch.owners, batch.boxes)
        places, signs = draw_error_points(
            guess.detach().float(), batch.mask, batch.boxes * ratio, points.per_prompt, points.generator
        )
        return places / ratio, signs

    @property
    def _answers_per_sample(self) -> float:
        return self._taught.view.answer_size / self._taught.view.size

    def _autocast(self, values: Tensor) -> AbstractContextManager[Any]:
        lowered = self._precision is not Precision.FP32
        return torch.autocast(values.device.type, dtype=_TYPES[self._precision] if lowered else None, enabled=lowered)


def draw_points(config: SegmenterTraining, step: int, rank: int) -> PointDraw | None:
    """Points for all prompts of some steps. All of a step or none, since padding would change the others.

    Every process decides alike, and draws places of its own.
    """
    rng = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
    if float(torch.rand((), generator=rng)) >= config.prompts.points:
        return None
    count = int(torch.randint(1, 4, (), generator=rng))
    if rank:
        rng.manual_seed((config.seed * 1_000_003 + step) * 1_009 + rank)
    return PointDraw(count, rng)


def near_boxes(boxes: Tensor, size: int) -> Tensor:
    """1 in each box grown by half its sides (at least 4 samples), else 0: what lies further is never used."""
    sides = boxes[:, 2:] - boxes[:, :2]
    margin = (sides / 2).clamp(min=4)
    return (box_coverage(torch.cat([boxes[:, :2] - margin, boxes[:, 2:] + margin], dim=1), size) > 0).float()
