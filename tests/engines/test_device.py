"""Choosing the device."""

import pytest
import torch

from napari_scarseg.core.config import Device
from napari_scarseg.engines.device import memory_errors, resolve_device
from napari_scarseg.errors import DeviceError


def _machine(monkeypatch: pytest.MonkeyPatch, *, cuda: bool, mps: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_prefers_cuda_then_mps(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, chosen: str) -> None:
    _machine(monkeypatch, cuda=cuda, mps=mps)
    assert resolve_device(Device.AUTO).type == chosen


@pytest.mark.parametrize("device", [Device.CPU, Device.CUDA, Device.MPS])
def test_a_present_device_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch, device: Device) -> None:
    _machine(monkeypatch, cuda=True, mps=True)
    assert resolve_device(device).type == device.value


@pytest.mark.parametrize("built_for", [None, "12.8"])
def test_absent_cuda_says_what_to_do(monkeypatch: pytest.MonkeyPatch, built_for: str | None) -> None:
    _machine(monkeypatch, cuda=False, mps=True)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    with pytest.raises(DeviceError, match="choose auto or cpu") as caught:
        resolve_device(Device.CUDA)
    assert ("without CUDA" in str(caught.value)) is (built_for is None)


def test_absent_mps_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, cuda=True, mps=False)
    with pytest.raises(DeviceError, match="choose auto or cpu"):
        resolve_device(Device.MPS)


def test_running_out_of_memory_says_what_to_do() -> None:
    sentence = r"device cuda ran out of memory; .* choose the device cpu"
    with pytest.raises(DeviceError, match=sentence), memory_errors(torch.device("cuda")):
        raise torch.OutOfMemoryError
