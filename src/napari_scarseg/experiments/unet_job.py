"""A run that trains the plain U-Net and judges it in windows round the true LV."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.windows import crop_context
from napari_scarseg.datasets import CaseRecord, LabelledCase, load_case
from napari_scarseg.engines.segmenter import lv_window, network_config
from napari_scarseg.engines.small_sam import scar_logits
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.evaluation.summary import EvaluationTables, collect_tables
from napari_scarseg.experiments.segment_case import compare_with_continuity, true_lvs
from napari_scarseg.experiments.training_job import TRAINING
from napari_scarseg.training.config import SegmenterTraining, recorded
from napari_scarseg.training.plain_unet import ARCHITECTURE, WEIGHTS_FILE, PlainUNet, train_plain_unet


@dataclass(frozen=True, slots=True, eq=False)
class UnetJob:
    """Train, then segment the held-out patients.

    Parameters
    ----------
    config : SegmenterTraining
        Its data set table leaves a fold out.
    held_out : tuple of CaseRecord
    method : str
        What tables call it.
    """

    config: SegmenterTraining
    held_out: tuple[CaseRecord, ...]
    method: str

    def describe(self) -> dict[str, Any]:
        """See `run.Job`."""
        patients = [record.patient for record in self.held_out]
        return {"job": "train plain U-Net", "training": recorded(self.config), "held out": patients}

    def execute(self, folder: Path) -> EvaluationTables:
        """Go on from the checkpoint, where there is one."""
        weights = folder / TRAINING / WEIGHTS_FILE
        if not weights.is_file():
            for _ in train_plain_unet(self.config, folder / TRAINING):
                pass
        network = load_plain_unet(weights)
        rows = []
        for record in self.held_out:
            case = load_case(record)
            rows.append((compare_with_continuity(case, segment_plain(network, case), self.method), record.fold))
        return collect_tables(rows)


def load_plain_unet(path: Path) -> PlainUNet:
    """Read the weights of a plain U-Net; on the CPU, in evaluation mode."""
    weights = read_weights(path)
    weights.check_architecture(ARCHITECTURE)
    network = PlainUNet(network_config(weights.header.config))
    weights.load_into(network)
    return network.eval()


@torch.inference_mode()
def segment_plain(network: PlainUNet, case: LabelledCase) -> npt.NDArray[np.bool_]:
    """Scar (Z, Y, X) in the windows round the true LV; slices without an LV stay empty."""
    result = np.zeros(case.stack.shape, dtype=np.bool_)
    shape = (case.stack.shape[1], case.stack.shape[2])
    for z, lv in true_lvs(case).items():
        window = lv_window(lv, network.config)
        crops = crop_context(case.stack.data, window, network.config.context)
        scaled = torch.from_numpy(np.stack([scale_pixels(plane, network.config.least_median) for plane in crops]))
        logits = scar_logits(network(scaled[None]))[0].numpy()
        rows, cols, native = window.paste(logits, shape)
        result[z, rows, cols] = native > 0
    return result
