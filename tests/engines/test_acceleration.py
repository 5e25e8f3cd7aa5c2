"""How much at once, in which precision, and how arrays reach the device."""

import numpy as np
import pytest
import torch

from napari_scarseg.engines.acceleration import (
    CPU_BATCH,
    free_bytes,
    precision_of,
    resolve_batch,
    resolve_precision,
    running,
    to_device,
)

CPU = torch.device("cpu")
GIB = 2**30


def test_batches_follow_the_free_memory() -> None:
    sizes = [resolve_batch(free, GIB, 16) for free in (0, GIB, 4 * GIB, 8 * GIB, 80 * GIB)]
    assert sizes == [1, 1, 2, 4, 16]
    assert resolve_batch(80 * GIB, GIB // 4, 10**6) * GIB // 4 <= 40 * GIB, "half of it stays free"
    assert resolve_batch(None, GIB, 16) == CPU_BATCH
    assert resolve_batch(None, GIB, 1) == 1


def test_a_cpu_has_no_memory_of_its_own_and_computes_in_float32() -> None:
    assert free_bytes(CPU) is None
    assert resolve_precision(CPU) == torch.float32
    assert resolve_precision(torch.device("mps"), large=True) == torch.float32


@pytest.mark.parametrize("name", ["_is_amx_tile_supported", "_is_avx512_bf16_supported", None])
def test_a_large_network_is_in_half_precision_where_the_cpu_multiplies_it(monkeypatch, name) -> None:
    for one in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, one, lambda one=one: one == name)
    assert resolve_precision(CPU, large=True) == (torch.float32 if name is None else torch.bfloat16)
    assert resolve_precision(CPU) == torch.float32
    # Another torch may lack the questions.
    for one in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, one)
    assert resolve_precision(CPU, large=True) == torch.float32


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((9, 0), torch.bfloat16), ((8, 0), torch.bfloat16), ((7, 0), torch.float16), ((6, 1), torch.float32)],
)
def test_half_precision_follows_the_compute_capability(capability, expected) -> None:
    assert precision_of(capability) == expected


def test_products_are_computed_in_the_precision_asked_for() -> None:
    a = torch.full((4, 4), 1 / 3)
    with running(CPU, torch.bfloat16):
        assert (a @ a).dtype == torch.bfloat16
    with running(CPU):
        assert (a @ a).dtype == torch.float32
        assert torch.is_inference_mode_enabled()
    assert not torch.is_inference_mode_enabled()


def test_no_float64_reaches_a_device_and_images_come_with_channels_last() -> None:
    images = np.arange(48, dtype=np.float64).reshape(2, 3, 2, 4)
    there = to_device(images, CPU)
    assert there.dtype == torch.float32
    assert there.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(there.numpy(), images)
    assert to_device(np.arange(3, dtype=np.int64), CPU).dtype == torch.int64
    # A view with steps, as slices of a stack are.
    assert np.array_equal(to_device(images[:, ::2, ::-1], CPU).numpy(), images[:, ::2, ::-1])
