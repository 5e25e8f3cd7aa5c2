"""The trainer of box-prompted segmenters: the small network and official Segment Anything in one loop."""

from collections.abc import Iterator
from pathlib import Path

import torch

from napari_scarseg.training.batches import BatchPlan, draw_batches
from napari_scarseg.training.board import Board, check_installed
from napari_scarseg.training.config import OfficialSamStart, SegmenterTraining
from napari_scarseg.training.data import check_held_out, read_parts, sample_groups, stack_hashes
from napari_scarseg.training.processes import count_workers, start_processes
from napari_scarseg.training.progress import TrainingEvent
from napari_scarseg.training.run import WEIGHTS_FILE, Run, check_folder
from napari_scarseg.training.run_log import LOG_FILE, append_event, cut_log
from napari_scarseg.training.taught import Taught
from napari_scarseg.training.taught_sam import TaughtSam
from napari_scarseg.training.taught_small import TaughtSmall

__all__ = ["LOG_FILE", "WEIGHTS_FILE", "TrainingEvent", "train_segmenter"]


def train_segmenter(config: SegmenterTraining, folder: Path, *, resume: bool = False) -> Iterator[TrainingEvent]:
    """Train, yielding progress; closing the generator stops at the last checkpoint.

    The run's folder receives `config.json`, `log.csv`, `checkpoint.pt` and at the end `weights.safetensors`, whose
    threshold is the configured one, else the one that scored best on the held-out patients (0 where none are held out).
    Under `torchrun` all processes call this with the same folder, and the first one alone yields and writes.

    Raises
    ------
    InputError
        If a data set is unusable, or the folder holds another run and `resume` is not set.
    WeightsError
        If there is no usable checkpoint to resume, or no usable weights to start from.
    DeviceError
        If the device is absent.
    ScarSegError
        If a library that training needs is not installed.
    """
    # What can be refused is refused before the processes meet, so that none waits for another in vain.
    check_folder(folder, resume=resume)
    if config.tensorboard:
        check_installed()
    train, held_out = read_parts(config.datasets)
    check_held_out(held_out, config)
    groups = sample_groups(train, config)
    fabric = start_processes(config)
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    taught = _build(config)
    run = Run(config, folder, taught, fabric)
    if resume:
        run.resume()
    else:
        run.begin()
    is_first = fabric.is_global_zero
    if is_first:
        cut_log(folder, run.step)
    board = Board(folder, run.step + 1) if config.tensorboard and is_first else None
    plan = BatchPlan(
        config.batch_size,
        config.accumulate,
        fabric.world_size,
        fabric.global_rank,
        pictures=not config.trained.cached,
    )
    batches = draw_batches(
        groups,
        taught.view,
        config.augmentation,
        config.prompts,
        plan,
        seed=config.seed,
        first_step=run.step,
        steps=config.steps,
        workers=count_workers(config, fabric.device.type),
    )
    while not run.progress.is_over:
        rate = run.learn(next(batches))
        done, progress = run.step, run.progress
        is_end, validation = done == config.steps, None
        if held_out and (is_end or done % config.validate_every == 0):
            validation = run.validate(held_out)
        progress.is_over = is_end or (config.patience > 0 and progress.waited >= config.patience)
        event = None
        if progress.is_over or validation is not None or done % config.log_every == 0:
            event = TrainingEvent(done, config.steps, progress.take_loss(), rate, validation, progress.is_over)
        if event is not None and is_first:
            # Before the checkpoint: what the log has too much is cut off on resuming, what it lacked would be lost.
            append_event(folder, event)
            if board is not None:
                board.add_event(event)
                if validation is not None:
                    board.add_examples(run.segmenter(), held_out, validation.threshold_logit, done)
        if progress.is_over or done % config.checkpoint_every == 0:
            run.save()
        if event is not None and is_first:
            yield event
    if board is not None:
        board.close()
    run.write_weights(stack_hashes(train))


def _build(config: SegmenterTraining) -> Taught:
    """The network as it starts."""
    if isinstance(config.network, OfficialSamStart):
        return TaughtSam(config.network)
    return TaughtSmall(config.network, config.initial_weights)
