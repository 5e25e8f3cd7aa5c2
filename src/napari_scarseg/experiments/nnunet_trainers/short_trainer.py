"""A trainer of nnU-Net v2 for trying out: a few epochs of a few steps. nnU-Net imports this file, this package never.

nnU-Net finds it by the variable `nnUNet_extTrainer`. Its own trainer (1,000 epochs of 250 steps) is the baseline.
"""

import os
from typing import Any

import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class ScarsegShortTrainer(nnUNetTrainer):
    """nnU-Net's own trainer, stopped after `SCARSEG_NNUNET_EPOCHS` epochs of `SCARSEG_NNUNET_STEPS` steps."""

    # The names are nnU-Net's: it reads them off this signature and writes them into its checkpoints.
    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int | str,
        dataset_json: dict[str, Any],
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = int(os.environ["SCARSEG_NNUNET_EPOCHS"])
        self.num_iterations_per_epoch = int(os.environ["SCARSEG_NNUNET_STEPS"])
        self.num_val_iterations_per_epoch = 2
