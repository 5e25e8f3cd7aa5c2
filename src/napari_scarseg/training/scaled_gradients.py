"""Scaled gradients for fp16, by Lightning Fabric; `processes` imports this once it has found that."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lightning_fabric.plugins import MixedPrecision


class ScaledGradients(MixedPrecision):
    """Only the gradients' scale: the lesson opens autocast round the network, and targets and losses stay float32.

    Parameters
    ----------
    device_type : str
        cpu, cuda or mps.
    """

    def __init__(self, device_type: str) -> None:
        super().__init__("16-mixed", device_type)

    def forward_context(self) -> AbstractContextManager[Any]:
        """None of Fabric's own."""
        return nullcontext()

    def convert_input(self, data: Any) -> Any:
        """As it is."""
        return data

    def convert_output(self, data: Any) -> Any:
        """As it is."""
        return data
