"""The plain U-Net of the baselines: the small network's U-Net and its answer without a prompt, and nothing else.

It sees the same windows round the LV, augmentation, schedule and number of steps as the promptable network.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.provenance import library_versions
from napari_scarseg.engines.small_sam import SmallSam, SmallSamConfig
from napari_scarseg.engines.weight_files import WeightsHeader, save_weights
from napari_scarseg.errors import InputError
from napari_scarseg.training.batches import BatchPlan, draw_batches
from napari_scarseg.training.checkpoint import FILE_NAME, Checkpoint, load_checkpoint, save_checkpoint
from napari_scarseg.training.config import NetworkSize, SegmenterTraining, recorded
from napari_scarseg.training.data import read_parts, sample_groups, stack_hashes
from napari_scarseg.training.losses import anatomy_loss
from napari_scarseg.training.schedule import learning_rate, update_average
from napari_scarseg.training.views import SmallView

ARCHITECTURE = "plain-unet-1"
WEIGHTS_FILE = "weights.safetensors"


class PlainUNet(nn.Module):
    """Windows (B, 1 + 2 context, S, S) in [0, 1] → class logits (B, 4, S, S): background, cavity, myocardium, scar.

    Parameters
    ----------
    config : SmallSamConfig
        The promptable network's; the U-Net in it is the same.
    """

    def __init__(self, config: SmallSamConfig) -> None:
        super().__init__()
        whole = SmallSam(config)
        self.config = config
        self.unet, self.classes = whole.unet, whole.classes

    def forward(self, windows: Tensor) -> Tensor:
        """See the class."""
        _, _, finest = self.unet((windows - 0.5) * 4.0)
        return torch.as_tensor(self.classes(finest).float())


def train_plain_unet(config: SegmenterTraining, folder: Path) -> Iterator[int]:
    """Train, or go on from the folder's checkpoint, yielding the steps done; the weights come last.

    Of the loss only `anatomy` counts: cross-entropy and Dice of cavity, myocardium and scar, as nnU-Net's. Runs on the
    CPU.

    Raises
    ------
    InputError
        If the data sets hold nothing to train on, or the folder holds another configuration's run.
    """
    if not isinstance(config.network, NetworkSize):
        raise InputError("The plain U-Net has the small network's size; leave the architecture official-sam out.")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    train, _ = read_parts(config.datasets)
    known = [
        ([sample for sample in samples if sample.outline is not None], share)
        for samples, share in sample_groups(train, config)
    ]
    groups = [(samples, share) for samples, share in known if samples]
    if not groups:
        raise InputError("No label of the data sets says where the LV is, and the windows lie round it.")
    network = PlainUNet(config.network.build())
    average = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    first = _restore(folder, config, network, average, optimizer)
    batches = draw_batches(
        groups,
        SmallView(network.config),
        config.augmentation,
        config.prompts.model_copy(update={"lv_window": 1.0}),
        BatchPlan(config.batch_size),
        seed=config.seed,
        first_step=first,
        steps=config.steps,
        workers=config.workers or 0,
    )
    for step, (piece,) in enumerate(batches, start=first):
        rate = learning_rate(step, peak=config.learning_rate, warmup_steps=config.warmup_steps, steps=config.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        network.train()
        loss = anatomy_loss(network(piece.batch.windows), piece.batch.classes)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
        optimizer.step()
        update_average(average, network, decay=config.ema_decay, step=step)
        done = step + 1
        if done == config.steps or done % config.checkpoint_every == 0:
            states = (network.state_dict(), average.state_dict(), optimizer.state_dict())
            save_checkpoint(folder, Checkpoint(done, *states, recorded(config)))
            yield done
    provenance = {
        "configuration": recorded(config),
        "versions": library_versions(),
        "training_stacks_sha256": stack_hashes(train),
    }
    header = WeightsHeader(ARCHITECTURE, network.config.as_dict(), SCALING_ID, 0.0, config.licence, provenance)
    save_weights(folder / WEIGHTS_FILE, average.state_dict(), header)


def _restore(
    folder: Path,
    config: SegmenterTraining,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Load the folder's checkpoint, where there is one; returns the first step to do."""
    if not (folder / FILE_NAME).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        return 0
    checkpoint = load_checkpoint(folder)
    if checkpoint.config != recorded(config):
        raise InputError("The folder holds a run of another configuration; choose another folder.")
    network.load_state_dict(checkpoint.network)
    average.load_state_dict(checkpoint.average)
    optimizer.load_state_dict(checkpoint.optimizer)
    return checkpoint.step
