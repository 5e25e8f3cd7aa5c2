"""Several small networks as one: a deep ensemble, whose logits are averaged.

Networks that were trained from different random starts err differently, and their mean errs less than any of them
(Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, NeurIPS 2017).
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from napari_scarseg.engines.small_sam import Embedding, SmallSam, SmallSamConfig

_PREFIX = "members."


class SmallSamEnsemble(nn.Module):
    """The mean of `config.members` networks behind the methods of `SmallSam`.

    An embedding holds those of all members side by side in its channels, and one map of classes: the mean of theirs,
    which every member's decoder is prompted with.

    Parameters
    ----------
    config : SmallSamConfig
    """

    def __init__(self, config: SmallSamConfig) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList([SmallSam(config) for _ in range(config.members)])

    @property
    def _networks(self) -> list[SmallSam]:
        return [cast(SmallSam, member) for member in self.members]

    def encode(self, windows: Tensor) -> Embedding:
        """As `SmallSam.encode`; M times as many channels in all but the classes."""
        own = [member.encode(windows) for member in self._networks]
        return Embedding(
            torch.cat([one.stride4 for one in own], dim=1),
            torch.cat([one.stride2 for one in own], dim=1),
            torch.cat([one.stride1 for one in own], dim=1),
            torch.stack([one.classes for one in own]).mean(dim=0),
        )

    def decode(self, embedding: Embedding, boxes: Tensor, points: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """As `SmallSam.decode`: the mean of the members' logits (N, S, S)."""
        count = len(self.members)
        own = zip(*(part.chunk(count, dim=1) for part in embedding[:3]), strict=True)
        answers = [
            member.decode(Embedding(at4, at2, at1, embedding.classes), boxes, points)
            for member, (at4, at2, at1) in zip(self._networks, own, strict=True)
        ]
        return torch.stack(answers).mean(dim=0)


def build_network(config: SmallSamConfig) -> SmallSam | SmallSamEnsemble:
    """The network of a configuration: one alone, or the mean of several."""
    return SmallSam(config) if config.members == 1 else SmallSamEnsemble(config)


def join_members(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of a `SmallSamEnsemble` from those of its members."""
    return {f"{_PREFIX}{n}.{name}": value for n, own in enumerate(members) for name, value in own.items()}
