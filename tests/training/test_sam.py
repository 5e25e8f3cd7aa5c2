"""Official Segment Anything through the same trainer: it learns, what is frozen stays, and the weights serve."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.masks import component_boxes
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.engines import load_segmenter
from napari_scarseg.engines.official_sam import OfficialSam, build_sam
from napari_scarseg.engines.pipeline import segment_prompts
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.errors import InputError
from napari_scarseg.training.checkpoint import load_checkpoint
from napari_scarseg.training.config import SegmenterTraining
from napari_scarseg.training.data import read_parts
from napari_scarseg.training.kept_embeddings import FOLDER, KeptEmbeddings
from napari_scarseg.training.segmenter import WEIGHTS_FILE, train_segmenter

Make = Callable[..., SegmenterTraining]

DECODER = {"part": "decoder"}
# No change of the pictures at all.
STILL = {
    "flip_probability": 0, "rotation_deg": 0, "scale": 1, "aspect": 1, "elastic_fraction": 0, "clip_probability": 0,
    "clahe_probability": 0, "gamma": 1, "bias_field": 0, "blur_sigma_samples": 0, "noise_sd": 0,
    "magnitude_probability": 0,
}  # fmt: skip


def _changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


def test_it_learns_and_the_weights_serve_by_path(sam_config: Make, sam_weights: Path, tmp_path: Path) -> None:
    config = sam_config(
        steps=24, log_every=4, learning_rate=3e-3, augmentation=STILL, prompts={"per_window": 4, "points": 0.25}
    )
    events = list(train_segmenter(config, tmp_path / "run"))
    assert events[-1].loss < 0.85 * events[0].loss
    score = events[-1].validation
    assert score is not None and score.patients == 2 and score.unprompted_dsc_at_zero is None
    segmenter = load_segmenter(str(tmp_path / "run" / WEIGHTS_FILE), Device.CPU)
    assert isinstance(segmenter, OfficialSam)
    assert segmenter.info.threshold_logit == score.threshold_logit
    weights = read_weights(tmp_path / "run" / WEIGHTS_FILE)
    started_from = weights.header.provenance["started_from"]
    assert started_from == {"sha256": read_weights(sam_weights).sha256, "licence": "Apache-2.0"}
    _, held_out = read_parts(config.datasets)
    (box,) = component_boxes(held_out[0].scar[1], 1)
    (answer,) = segment_prompts(held_out[0].stack.data, [Prompt(box.with_lesion(1))], segmenter)
    network = build_sam(read_weights(sam_weights))
    before = answer_of(OfficialSam(network, segmenter.info), held_out[0].stack.data, box)
    network.load_state_dict(load_checkpoint(tmp_path / "run").average)
    after = answer_of(OfficialSam(network, segmenter.info), held_out[0].stack.data, box)
    # Half precision on disk costs next to nothing.
    np.testing.assert_allclose(answer.logits, after, atol=0.05)
    assert np.abs(answer.logits - before).mean() > 0.1


def answer_of(segmenter: OfficialSam, volume: np.ndarray, box: Box) -> np.ndarray:
    """Logits of one box by an engine in this process."""
    (answer,) = segment_prompts(volume, [Prompt(box.with_lesion(1))], segmenter)
    return answer.logits


def test_the_decoder_alone_learns_on_embeddings_of_an_encoder_that_ran_once_per_slice(
    sam_config: Make, sam_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[KeptEmbeddings] = []
    make = KeptEmbeddings.__init__
    monkeypatch.setattr(KeptEmbeddings, "__init__", lambda self, *given: make(self, *given) or seen.append(self))
    config = sam_config(trained={**DECODER, "cached": True}, steps=6)
    list(train_segmenter(config, tmp_path / "run"))
    slices = 2  # two patients are trained on, one slice of each has scar
    assert seen[0].encoded == slices
    assert len(list((tmp_path / "run" / FOLDER).glob("*.safetensors"))) == slices
    start = {name: value.half().float() for name, value in read_weights(sam_weights).tensors.items()}
    changed = _changed(start, read_weights(tmp_path / "run" / WEIGHTS_FILE).tensors)
    assert changed and not [name for name in changed if name.startswith("image_encoder")]
    stored = load_checkpoint(tmp_path / "run")
    for state in (stored.network, stored.average):
        assert state and not [name for name in state if name.startswith("image_encoder")]


def test_a_resumed_run_reads_the_embeddings_and_ends_at_the_same_weights(sam_config: Make, tmp_path: Path) -> None:
    config = sam_config(trained={**DECODER, "cached": True}, steps=6, log_every=3)
    list(train_segmenter(config, tmp_path / "whole"))
    stopped = train_segmenter(config, tmp_path / "stopped")
    next(stopped)
    stopped.close()
    assert load_checkpoint(tmp_path / "stopped").step == 2
    list(train_segmenter(config, tmp_path / "stopped", resume=True))
    whole, again = (read_weights(tmp_path / name / WEIGHTS_FILE).tensors for name in ("whole", "stopped"))
    assert not _changed(whole, again)


def test_kept_embeddings_are_those_that_the_encoder_makes_of_still_pictures(sam_config: Make, tmp_path: Path) -> None:
    kept = sam_config(trained={**DECODER, "cached": True}, steps=2)
    encoded = sam_config(trained=DECODER, augmentation=STILL, steps=2)
    losses = [list(train_segmenter(c, tmp_path / str(n)))[-1].loss for n, c in enumerate((kept, encoded))]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_of_the_encoder_only_the_last_block_and_the_neck_learn(
    sam_config: Make, sam_weights: Path, tmp_path: Path
) -> None:
    config = sam_config(trained={"part": "last-blocks", "last_blocks": 1}, steps=2)
    list(train_segmenter(config, tmp_path / "run"))
    start = {name: value.half().float() for name, value in read_weights(sam_weights).tensors.items()}
    changed = _changed(start, read_weights(tmp_path / "run" / WEIGHTS_FILE).tensors)
    encoder = {name for name in changed if name.startswith("image_encoder")}
    assert encoder and all(name.startswith(("image_encoder.blocks.1.", "image_encoder.neck.")) for name in encoder)


def test_a_run_from_other_weights_is_not_gone_on_with(sam_config: Make, sam_weights: Path, tmp_path: Path) -> None:
    config = sam_config(trained=DECODER, steps=2)
    list(train_segmenter(config, tmp_path / "run"))
    other = tmp_path / sam_weights.name
    other.write_bytes(sam_weights.read_bytes())
    values = np.frombuffer(other.read_bytes()[-4:], np.float32) + 1
    other.write_bytes(other.read_bytes()[:-4] + values.tobytes())
    changed = config.model_copy(update={"network": config.network.model_copy(update={"weights": str(other)})})
    with pytest.raises(InputError, match="started from other weights"):
        list(train_segmenter(changed, tmp_path / "run", resume=True))
