"""Out of memory: less at once, then, on automatic choice alone, the CPU; and it is said."""

import numpy as np
import pytest
import torch

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import Device
from napari_scarseg.core.protocols import Asked, EngineInfo, Prompt
from napari_scarseg.core.windows import Window
from napari_scarseg.engines.device import OutOfMemory
from napari_scarseg.engines.loading import goes_on_without_memory
from napari_scarseg.errors import DeviceError

WINDOW = Window(0, 0, 0, 8, 8, 8)
CROPS = [np.full((1, 8, 8), n, np.float32) for n in range(16)]


class Small:
    """A network whose device has room for so many items."""

    def __init__(self, device: str, room: int, tried: list[tuple[str, int]]) -> None:
        self._device, self._room, self._tried = device, room, tried

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("small", "0" * 64, self._device, "none")

    def take(self, count: int) -> None:
        self._tried.append((self._device, count))
        if count > self._room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")


class Detector(Small):
    def detect(self, volume, slices):
        self.take(len(slices))
        return [[z] for z in slices]


class Segmenter(Small):
    context = 0

    def embed(self, crops):
        self.take(len(crops))
        return [(torch.full((1,), float(crop[0, 0, 0])),) for crop in crops]

    def masks(self, embedding, window, prompts):
        self.take(len(prompts))
        return np.stack([np.full((2, 2), embedding[0].item() + prompt.box.slice) for prompt in prompts])


@pytest.fixture
def tried() -> list[tuple[str, int]]:
    return []


def loaded(kind, tried, room, device):
    """A network as the package's loaders give it: the GPU has room for so many, the CPU for all."""

    @goes_on_without_memory
    def load(name: str, where: Device) -> Small:
        return kind("cpu", 99, tried) if where is Device.CPU else kind("cuda", room, tried)

    return load("small", device)


def test_a_smaller_batch_is_tried_and_remembered(tried):
    segmenter = loaded(Segmenter, tried, 5, Device.CUDA)
    assert [embedding[0].item() for embedding in segmenter.embed(CROPS)] == list(range(16))
    assert tried == [("cuda", 16), ("cuda", 8), ("cuda", 4), ("cuda", 4), ("cuda", 4), ("cuda", 4)]
    tried.clear()
    segmenter.embed(CROPS[:6])
    assert tried == [("cuda", 4), ("cuda", 2)]
    assert segmenter.info.device == "cuda" and segmenter.info.note == ""


def test_automatic_choice_goes_on_on_the_cpu_and_says_so(tried):
    segmenter = loaded(Segmenter, tried, 0, Device.AUTO)
    assert len(segmenter.embed(CROPS)) == 16
    assert segmenter.info.device == "cpu"
    assert segmenter.info.note == "The cuda device ran out of memory; the CPU does the rest."
    tried.clear()
    prompts = [Prompt(Box(z, 0, 0, 4, 4)) for z in range(3)]
    assert segmenter.masks((torch.ones(1),), WINDOW, prompts)[:, 0, 0].tolist() == [1, 2, 3]
    assert tried == [("cpu", 3)]


def test_masks_are_tried_again_with_fewer_prompts(tried):
    segmenter = loaded(Segmenter, tried, 2, Device.AUTO)
    prompts = [Prompt(Box(z, 0, 0, 4, 4)) for z in range(5)]
    assert segmenter.masks((torch.ones(1),), WINDOW, prompts).shape == (5, 2, 2)
    assert {device for device, _ in tried} == {"cuda"}


def test_a_device_that_was_asked_for_is_not_left(tried):
    segmenter = loaded(Segmenter, tried, 0, Device.CUDA)
    with pytest.raises(OutOfMemory, match="choose the device cpu") as caught:
        segmenter.embed(CROPS)
    assert isinstance(caught.value, DeviceError)
    assert {device for device, _ in tried} == {"cuda"}


def test_the_detector_does_the_same(tried):
    detector = loaded(Detector, tried, 0, Device.AUTO)
    assert detector.detect(np.zeros((6, 4, 4)), range(6)) == [[z] for z in range(6)]
    assert detector.info.device == "cpu" and detector.info.note


def test_on_the_cpu_nothing_stands_between(tried):
    assert type(loaded(Segmenter, tried, 1, Device.CPU)) is Segmenter


def test_what_else_a_network_can_do_is_done_by_it(tried):
    assert loaded(Segmenter, tried, 1, Device.AUTO).context == 0


class Together(Segmenter):
    """Answers windows together, as many as there is room for."""

    def masks_together(self, asked):
        self.take(len(asked))
        return [
            np.stack([np.full((2, 2), one.embedding[0].item() + p.box.slice) for p in one.prompts]) for one in asked
        ]


@pytest.mark.parametrize("kind", [Segmenter, Together])
def test_windows_answered_together_are_halved_too(tried, kind):
    segmenter = loaded(kind, tried, 3, Device.CUDA)
    prompts = [[Prompt(Box(0, 0, 0, 4, 4)), Prompt(Box(1, 0, 0, 4, 4))], [Prompt(Box(2, 0, 0, 4, 4))]] * 4
    asked = [Asked((torch.full((1,), float(n)),), WINDOW, some) for n, some in enumerate(prompts)]
    answers = segmenter.masks_together(asked)
    assert [answer[:, 0, 0].tolist() for answer in answers] == [
        [n + prompt.box.slice for prompt in some] for n, some in enumerate(prompts)
    ]
    if kind is Together:
        assert tried[:3] == [("cuda", 8), ("cuda", 4), ("cuda", 2)]


def test_the_next_batch_is_no_larger_than_memory_allowed(tried):
    segmenter = loaded(Segmenter, tried, 5, Device.CUDA)
    assert segmenter.batch == 16
    segmenter.embed(CROPS)
    assert segmenter.batch == 4
