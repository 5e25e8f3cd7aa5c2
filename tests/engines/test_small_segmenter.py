"""The bundled network behind the protocols: folded, in batches and in half precision it answers as before."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import scale_pixels
from napari_scarseg.core.protocols import Asked, Detection, EngineInfo, Prompt, Region
from napari_scarseg.core.windows import Window, crop_context
from napari_scarseg.engines.fusing import fuse_batch_norm
from napari_scarseg.engines.looks import LOOKS, average_looks
from napari_scarseg.engines.segmenter import SmallSegmenter
from napari_scarseg.engines.small_sam import SmallSam, SmallSamConfig
from napari_scarseg.engines.small_windows import look_window

INFO = EngineInfo("small", "a" * 64, "cpu", "none")
SHAPE = (90, 80)
BOXES = [(22.0, 24.0, 34.0, 40.0), (30.5, 40.25, 44.0, 52.0), (50.0, 30.0, 60.0, 49.5)]


class Locator:
    """A heart in the middle of every slice, and scar."""

    info = EngineInfo("locator", "b" * 64, "cpu", "none")

    def __init__(self) -> None:
        self.asked: list[int] = []

    def detect(self, volume, slices):
        self.asked += list(slices)
        return [
            [Detection(20 + z, 20, 64, 60, 0.9, Region.LV), Detection(24, 24, 30, 30, 0.3, Region.SCAR)] for z in slices
        ]


@pytest.fixture(scope="module")
def network() -> SmallSam:
    """Random weights, and batch norms that have seen something."""
    torch.manual_seed(4)
    network = SmallSam(SmallSamConfig(window_size=32, widths=(8, 16, 32, 16, 16)))
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.3)
    return network.eval()


@pytest.fixture
def segmenter(network) -> SmallSegmenter:
    return SmallSegmenter(copy.deepcopy(network), INFO, Locator())


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(8).gamma(2.0, 90.0, (5, *SHAPE)).astype(np.float32)


def test_a_network_that_learnt_from_lifted_windows_sees_dark_ones_lifted(network) -> None:
    lifting = copy.deepcopy(network)
    lifting.config = replace(network.config, least_median=0.4)
    # Clipped by more than the scaling clips, so that scaling twice is scaling once.
    crop = np.random.default_rng(3).random((3, 32, 32), dtype=np.float32).clip(0.05, 0.95) ** 4
    lifted = np.stack([scale_pixels(plane, 0.4) for plane in crop])
    (one,), (other,), (plain,) = (
        SmallSegmenter(which, INFO).embed([pixels])
        for which, pixels in ((lifting, crop), (network, lifted), (network, crop))
    )
    assert torch.allclose(one.classes, other.classes, atol=1e-3)
    assert not torch.allclose(one.classes, plain.classes, atol=0.1)


def test_folding_batch_norm_changes_nothing(network) -> None:
    folded = copy.deepcopy(network)
    fuse_batch_norm(folded)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    windows, boxes = torch.rand(2, 3, 32, 32), torch.tensor([[4.0, 4, 20, 20], [8, 2, 30, 28]])
    with torch.inference_mode():
        for one, other in zip(network.encode(windows), folded.encode(windows), strict=True):
            assert torch.allclose(one, other, atol=1e-4)
        assert torch.allclose(network(windows, boxes), folded(windows, boxes), atol=1e-4)


def test_windows_answered_together_are_what_each_is_alone(segmenter, volume) -> None:
    prompts = [
        [Prompt(Box(0, *BOXES[0])), Prompt(Box(0, *BOXES[1]), ((32.0, 45.0, True),))],
        [Prompt(Box(3, *BOXES[1]))],
        [Prompt(Box(4, *BOXES[2])), Prompt(Box(4, *BOXES[0])), Prompt(Box(4, *BOXES[2]), ((55.0, 40.0, False),))],
    ]
    windows = [segmenter.window(some[0], SHAPE) for some in prompts]
    embeddings = segmenter.embed([crop_context(volume, window, 1) for window in windows])
    asked = [Asked(*three) for three in zip(embeddings, windows, prompts, strict=True)]
    for one, together in zip(asked, segmenter.masks_together(asked), strict=True):
        assert together.shape == (len(one.prompts), 32, 32)
        (alone,) = segmenter.embed([crop_context(volume, one.window, 1)])
        for n, prompt in enumerate(one.prompts):
            assert np.allclose(together[n], segmenter.masks(alone, one.window, [prompt])[0], atol=1e-4)


def test_slices_looked_at_together_show_what_each_shows_alone(segmenter, volume) -> None:
    together = segmenter.locate(volume, range(5))
    assert segmenter._locator.asked == [0, 1, 2, 3, 4], "the detector is asked once a slice"
    for z in range(5):
        alone = segmenter.locate(volume, [z])
        assert alone.keys() == together.keys() & {z}
        for index, lv in alone.items():
            assert np.allclose(lv.corners, together[index].corners, atol=1e-3)


def test_no_window_is_encoded_twice_to_find_the_lv(segmenter, volume, monkeypatch) -> None:
    encoded = []
    encode = segmenter._network.encode
    monkeypatch.setattr(
        segmenter._network, "encode", lambda windows: encoded.append(windows.clone()) or encode(windows)
    )
    segmenter.locate(volume, [1, 2])
    windows = torch.cat(encoded)
    assert len(windows) > 2
    assert len(torch.unique(windows.flatten(1), dim=0)) == len(windows)


def test_what_is_shown_is_the_mean_of_the_looks(segmenter, volume) -> None:
    lvs = {1: Box(1, 20, 22, 60, 58), 2: Box(2, 18, 20, 58, 62)}
    shown = segmenter.show_scar(volume, lvs)
    assert shown.keys() == lvs.keys()
    for z, lv in lvs.items():
        windows = [look_window(look, lv, segmenter._network.config) for look in LOOKS]
        embeddings = segmenter.embed([crop_context(volume, window, 1) for window in windows])
        expected = average_looks(windows, [segmenter.scar(one) for one in embeddings], SHAPE)
        assert shown[z].lv == lv and shown[z].logits.std() > 0
        assert np.allclose(shown[z].logits, expected, atol=1e-3)


def test_a_turned_window_answers_as_an_upright_one_does_on_the_turned_slice(segmenter, volume) -> None:
    rows, cols = SHAPE
    turned_volume = np.ascontiguousarray(volume[:, ::-1, ::-1])
    window = Window(2, 12, 10, 76, 74, 32, is_turned=True)
    mirrored = Window(2, rows - 76, cols - 74, rows - 12, cols - 10, 32)
    prompt = Prompt(Box(2, *BOXES[1]), ((36.0, 45.0, True),))
    row_min, col_min, row_max, col_max = BOXES[1]
    same = Prompt(Box(2, rows - row_max, cols - col_max, rows - row_min, cols - col_min), ((54.0, 35.0, True),))
    answers = []
    for data, one, asked in ((volume, window, prompt), (turned_volume, mirrored, same)):
        (embedding,) = segmenter.embed([crop_context(data, one, 1)])
        answers.append(one.paste(segmenter.masks(embedding, one, [asked])[0], SHAPE)[2])
    assert answers[0].std() > 0
    assert np.allclose(answers[0], answers[1][::-1, ::-1], atol=1e-3)


def test_a_prompt_is_answered_in_windows_of_several_sizes_that_hold_it(segmenter) -> None:
    lv = Box(1, 20, 20, 60, 60)
    inside, beyond = Box(1, 30, 30, 40, 40, lesion_id=1), Box(1, 0, 30, 75, 40, lesion_id=1)
    windows = segmenter.windows(Prompt(inside, lv=lv), SHAPE)
    assert windows[0] == replace(segmenter.window(Prompt(inside, lv=lv), SHAPE), is_turned=True)
    assert len({window.row_max - window.row_min for window in windows}) == 3
    assert segmenter.windows(Prompt(inside), SHAPE) == [segmenter.window(Prompt(inside), SHAPE)]
    assert segmenter.windows(Prompt(beyond, lv=lv), SHAPE) == [segmenter.window(Prompt(beyond, lv=lv), SHAPE)]


@pytest.mark.weights
def test_the_bundled_weights_in_bfloat16_draw_the_same_masks() -> None:
    """What a GPU from compute capability 8 on does, here on the CPU: mask DSC against float32 at least 0.995."""
    from napari_scarseg.engines import load_segmenter
    from napari_scarseg.engines.pipeline import segment_prompts
    from napari_scarseg.phantom import make_phantom

    full = load_segmenter("bundled", Device.CPU)
    half = SmallSegmenter(full._network, full.info, full._locator, precision=torch.bfloat16)
    phantom = make_phantom(15)
    lvs = full.locate(phantom.stack.data, range(len(phantom.stack.data)))
    prompts = [
        Prompt(Box(z, row, col, row + 24, col + 24, lesion_id=1), lv=lv)
        for z, lv in lvs.items()
        for row, col in ((lv.row_min, lv.col_min), (lv.row_min, lv.col_max - 24))
    ]
    intersection = total = 0
    for one, other in zip(
        segment_prompts(phantom.stack.data, prompts, full),
        segment_prompts(phantom.stack.data, prompts, half),
        strict=True,
    ):
        a, b = one.logits > full.info.threshold_logit, other.logits > full.info.threshold_logit
        intersection += int((a & b).sum())
        total += int(a.sum() + b.sum())
    assert total > 200
    assert 2 * intersection / total >= 0.995
