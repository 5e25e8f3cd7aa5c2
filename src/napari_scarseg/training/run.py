"""Network, moving average and optimizer of one run: one step, one validation, to disk and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from napari_scarseg.core.provenance import library_versions
from napari_scarseg.datasets import LabelledCase
from napari_scarseg.engines.weight_files import save_weights
from napari_scarseg.errors import InputError
from napari_scarseg.io import write_json
from napari_scarseg.training.batches import Piece
from napari_scarseg.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from napari_scarseg.training.config import SegmenterTraining, recorded
from napari_scarseg.training.kept_embeddings import KeptEmbeddings
from napari_scarseg.training.lesson import Lesson, PieceShares, draw_points
from napari_scarseg.training.progress import RunProgress
from napari_scarseg.training.schedule import learning_rate, update_average
from napari_scarseg.training.taught import Taught, copy_network, freeze, parameter_groups, set_training
from napari_scarseg.training.validation import Validation, validate

if TYPE_CHECKING:
    from lightning_fabric import Fabric

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"


class Run:
    """One run in this process.

    Parameters
    ----------
    config : SegmenterTraining
    folder : Path
    taught : Taught
        As it starts; moved to the device.
    fabric : Fabric
        Launched.

    Attributes
    ----------
    step : int
        Steps done.
    progress : RunProgress
    """

    def __init__(self, config: SegmenterTraining, folder: Path, taught: Taught, fabric: "Fabric") -> None:
        self._config = config
        self._folder = folder
        self._taught = taught
        self._fabric = fabric
        freeze(taught, config.trained)
        # Noted now: an engine round the average makes all of its parameters frozen.
        self._frozen = {name for name, value in taught.network.named_parameters() if not value.requires_grad}
        self._average = copy_network(taught.network)
        self._optimizer = torch.optim.AdamW(
            parameter_groups(taught.network, config.weight_decay), lr=config.learning_rate
        )
        lesson = Lesson(taught, config)
        self._lesson, self._stepper = fabric.setup(lesson, self._optimizer)
        self._average.to(fabric.device)
        self._kept = None
        if config.trained.cached:
            self._kept = KeptEmbeddings(taught, lesson, folder, config.trained.cache_mb, fabric.device)
        self._best: dict[str, Tensor] = {}
        self.step = 0
        self.progress = RunProgress()

    def begin(self) -> None:
        """Make the run's folder; one process does."""
        if not self._fabric.is_global_zero:
            return
        learnt = [parameter.numel() for parameter in self._taught.network.parameters() if parameter.requires_grad]
        in_force = {
            "device": self._fabric.device.type,
            "processes": self._fabric.world_size,
            "parameters": sum(parameter.numel() for parameter in self._taught.network.parameters()),
            "learnt_parameters": sum(learnt),
            "augments": "boxes" if self._config.trained.cached else "pictures and boxes",
            "start_sha256": self._taught.start_sha256,
        }
        record = {"config": recorded(self._config), "versions": library_versions(), "in_force": in_force}
        write_json(self._folder / CONFIG_FILE, record)

    def resume(self) -> None:
        """Go on from the folder's checkpoint.

        Raises
        ------
        WeightsError
            If there is none, or it is damaged.
        InputError
            If it belongs to another configuration, or the run started from other weights.
        """
        checkpoint = load_checkpoint(self._folder)
        if checkpoint.config != recorded(self._config):
            raise InputError(
                "The run was started with another configuration; resume it with the one it was started with."
            )
        if checkpoint.start_sha256 != self._taught.start_sha256:
            raise InputError("The run started from other weights than these; put those back that it started from.")
        _load_learnt(self._taught.network, checkpoint.network)
        _load_learnt(self._average, checkpoint.average)
        self._optimizer.load_state_dict(checkpoint.optimizer)
        self._fabric.strategy.precision.load_state_dict(checkpoint.precision)
        self._best = dict(checkpoint.best)
        self.progress = RunProgress.from_dict(checkpoint.progress)
        self.step = checkpoint.step

    def learn(self, pieces: Sequence[Piece]) -> float:
        """One step of the optimizer on one batch; returns the learning rate it was done with."""
        config = self._config
        rate = learning_rate(self.step, peak=config.learning_rate, warmup_steps=config.warmup_steps, steps=config.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        set_training(self._taught)
        self._optimizer.zero_grad(set_to_none=True)
        self.progress.add_loss(self._add_gradients(pieces))
        self._fabric.strategy.precision.unscale_gradients(self._optimizer)
        nn.utils.clip_grad_norm_(self._taught.network.parameters(), config.clip_norm)
        self._stepper.step()
        update_average(self._average, self._taught.network, decay=config.ema_decay, step=self.step)
        self.step += 1
        return rate

    def _add_gradients(self, pieces: Sequence[Piece]) -> float:
        """Gradients of the batch's loss, piece by piece; returns the loss over all processes."""
        points = draw_points(self._config, self.step, self._fabric.global_rank)
        losses = []
        for number, (piece, shares) in enumerate(zip(pieces, self._shares(pieces), strict=True), start=1):
            embedding = None if self._kept is None else self._kept.embed(piece)
            # Processes exchange gradients once per step, with the last piece.
            with self._fabric.no_backward_sync(self._lesson, enabled=number < len(pieces)):
                loss = self._lesson(self._fabric.to_device(piece.batch), shares, points, embedding)
                self._fabric.backward(loss)
            losses.append(float(loss.detach()))
        total = sum(losses)
        if self._fabric.world_size == 1:
            return total
        return self._reduce(total, "mean")

    def _shares(self, pieces: Sequence[Piece]) -> list[PieceShares]:
        """What each piece counts: windows alike, and prompts alike, whichever piece or process they are in."""
        counts = [len(piece.batch.boxes) for piece in pieces]
        total, processes = sum(counts), self._fabric.world_size
        if processes > 1:
            total = round(self._reduce(total, "sum"))
        # Gradients are averaged over the processes.
        return [PieceShares(1 / len(pieces), count * processes / max(total, 1)) for count in counts]

    def _reduce(self, value: float, operation: str) -> float:
        """One number over all processes."""
        given = torch.tensor(float(value), device=self._fabric.device)
        return float(cast(Tensor, self._fabric.all_reduce(given, reduce_op=operation)))

    def validate(self, held_out: Sequence[LabelledCase]) -> Validation:
        """Validate the average; one process does, and all hear of it."""
        found = validate(self.segmenter(), held_out) if self._fabric.is_global_zero else None
        validation = cast(Validation, self._fabric.broadcast(found))
        if self.progress.judge(validation, self.step) and self._config.keep_best:
            self._best = {name: value.cpu().clone() for name, value in self._learnt(self._average).items()}
        return validation

    def segmenter(self) -> Any:
        """The average as the program uses it."""
        return self._taught.segmenter(self._average)

    def save(self) -> None:
        """Write the checkpoint; one process does."""
        if not self._fabric.is_global_zero:
            return
        save_checkpoint(
            self._folder,
            Checkpoint(
                self.step,
                self._learnt(self._taught.network),
                self._learnt(self._average),
                self._optimizer.state_dict(),
                recorded(self._config),
                self._fabric.strategy.precision.state_dict(),
                self.progress.as_dict(),
                self._best,
                self._taught.start_sha256,
            ),
        )

    def _learnt(self, network: nn.Module) -> dict[str, Tensor]:
        """Tensors without the frozen parameters: those are in the weights that the run started from."""
        return {name: value for name, value in network.state_dict().items() if name not in self._frozen}

    def write_weights(self, stacks: Sequence[str]) -> None:
        """Write the weights file with its provenance; one process does. `stacks` are the hashes of what was seen."""
        if not self._fabric.is_global_zero:
            return
        validation = self.progress.best if self._config.keep_best else self.progress.last
        threshold = self._config.threshold_logit
        if threshold is None:
            threshold = 0.0 if validation is None else validation.threshold_logit
        provenance = {
            "configuration": recorded(self._config),
            "versions": library_versions(),
            "training_stacks_sha256": list(stacks),
            "validation": None if validation is None else validation.as_dict(),
            "steps": self.progress.best_step if self._best else self.step,
        }
        header = self._taught.header(threshold, self._config.licence, provenance)
        save_weights(self._folder / WEIGHTS_FILE, {**self._average.state_dict(), **self._best}, header)


def check_folder(folder: Path, *, resume: bool) -> None:
    """Raise InputError where a new run would overwrite another."""
    if not resume and (folder / CONFIG_FILE).exists():
        raise InputError("The run's folder holds a run already; resume it with --resume or choose another folder.")


def _load_learnt(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Inverse of `Run._learnt`."""
    network.load_state_dict({**network.state_dict(), **state})
