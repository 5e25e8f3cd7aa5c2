"""What the trainer needs of a network, whichever it is; and which part of it learns."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from napari_scarseg.core.protocols import Segmenter
from napari_scarseg.engines.weight_files import WeightsHeader
from napari_scarseg.training.config_network import Trained, TrainedPart
from napari_scarseg.training.views import View


class Taught(Protocol):
    """A network under training. An embedding is whatever `encode` makes of B windows."""

    @property
    def network(self) -> nn.Module:
        """The network whose tensors are written in the end."""
        ...

    @property
    def view(self) -> View:
        """What it sees of a slice."""
        ...

    @property
    def start_sha256(self) -> str:
        """Hash of the weights file it started from; empty where the start was random."""
        ...

    @property
    def encoder(self) -> Sequence[nn.Module]:
        """The parts that make embeddings; without them the decoder learns alone."""
        ...

    def last_blocks(self, count: int) -> Sequence[nn.Module]:
        """The encoder's last blocks, with what comes after them in the encoder."""
        ...

    def encode(self, windows: Tensor) -> Any:
        """(B, 1 + 2 context, S, S) scaled to [0, 1] → embedding."""
        ...

    def join(self, embeddings: Sequence[Any]) -> Any:
        """Embeddings of some windows as one of all of them."""
        ...

    def class_logits(self, embedding: Any) -> Tensor | None:
        """What the network shows without a prompt (B, 4, A, A); None where it shows nothing."""
        ...

    def decode(self, embedding: Any, owners: Tensor, boxes: Tensor, points: tuple[Tensor, Tensor] | None) -> Tensor:
        """Mask logits (N, A, A) of N prompts.

        `owners` (N,) says which window each belongs to, ascending; `boxes` (N, 4) and the places of `points`, (N, K, 2)
        with signs (N, K), lie on the windows' grid, x first.
        """
        ...

    def guess(self, embedding: Any, owners: Tensor, boxes: Tensor) -> Tensor:
        """Scar logits (N, A, A) that points would correct, without a gradient."""
        ...

    def segmenter(self, network: nn.Module) -> Segmenter[Any]:
        """A network of this kind as the program uses it."""
        ...

    def header(self, threshold_logit: float, licence: str, provenance: dict[str, Any]) -> WeightsHeader:
        """Header of the weights file."""
        ...


def freeze(taught: Taught, trained: Trained) -> None:
    """Let only the configured part of the network learn."""
    if trained.part is TrainedPart.ALL:
        return
    for module in taught.encoder:
        module.requires_grad_(False)
    if trained.part is TrainedPart.LAST_BLOCKS:
        for module in taught.last_blocks(trained.last_blocks):
            module.requires_grad_(True)


def set_training(taught: Taught) -> None:
    """Training mode, except for modules of which nothing learns: their batch statistics stay as they are."""
    taught.network.train()
    for module in taught.network.modules():
        if not any(parameter.requires_grad for parameter in module.parameters()):
            module.train(False)


def copy_network(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode to hold the moving average; frozen parameters are shared, not copied."""
    frozen = {id(parameter): parameter for parameter in network.parameters() if not parameter.requires_grad}
    return copy.deepcopy(network, memo=dict(frozen)).eval()


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices only; norms, biases and embeddings of a single row are left alone."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
