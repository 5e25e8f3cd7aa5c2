"""Weights on disk and back."""

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_scarseg.core.calibration import Calibration
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.engines.weight_files import WeightsHeader, read_header, read_weights, save_weights
from napari_scarseg.errors import WeightsError

HEADER = WeightsHeader("toy", {"width": 3}, SCALING_ID, -0.25, "CC0-1.0", {"data": "phantoms", "dsc": 0.5})


def _tensors() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.linspace(-2, 2, 12).reshape(3, 4).T, "count": torch.tensor(7), "mask": torch.ones(2) > 0}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "toy.safetensors"
    save_weights(path, _tensors(), HEADER)
    return path


def test_half_precision_on_disk_is_single_in_memory(weights: Path) -> None:
    loaded = read_weights(weights)
    expected = _tensors()
    assert loaded.header == HEADER
    assert loaded.sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert {name: tensor.dtype for name, tensor in loaded.tensors.items()} == {
        "a.weight": torch.float32, "count": torch.int64, "mask": torch.bool,
    }  # fmt: skip
    assert torch.equal(loaded.tensors["a.weight"], expected["a.weight"].half().float())
    assert torch.equal(loaded.tensors["count"], expected["count"])


def test_a_calibration_comes_back_and_an_older_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_weights(path, _tensors(), replace(HEADER, calibration=Calibration(1.5, -0.25)))
    loaded = read_weights(path)
    assert loaded.header.calibration == Calibration(1.5, -0.25)
    assert loaded.engine_info("toy", torch.device("cpu")).calibration == Calibration(1.5, -0.25)
    older = {key: text for key, text in HEADER.as_metadata().items() if key != "calibration"}
    assert WeightsHeader.from_metadata(older) == HEADER


@pytest.mark.parametrize("value", ["3", "{}", '{"temperature": 0, "bias": 0}', '{"temperature": 1, "bias": "NaN"}'])
def test_a_calibration_that_cannot_be_is_refused(value: str) -> None:
    with pytest.raises(WeightsError, match="damaged: its field “calibration”"):
        WeightsHeader.from_metadata({**HEADER.as_metadata(), "calibration": value})


def test_single_precision_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    values = {"w": torch.tensor([1 / 3, 1e-30, 3e38])}
    save_weights(path, values, HEADER, half=False)
    assert torch.equal(read_weights(path).tensors["w"], values["w"])


def test_a_tensor_too_large_for_half_stays_single(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_weights(path, {"variance": torch.tensor([1e6])}, HEADER)
    assert read_weights(path).tensors["variance"].item() == 1e6


def test_shared_tensors_are_stored_apart(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    shared = torch.ones(3)
    save_weights(path, {"a": shared, "b": shared[:2]}, HEADER)
    assert {k: tuple(v.shape) for k, v in read_weights(path).tensors.items()} == {"a": (3,), "b": (2,)}


def test_nothing_is_left_behind_when_a_tensor_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="tensor w holds values that are not finite"):
        save_weights(tmp_path / "toy.safetensors", {"w": torch.tensor([float("nan")])}, HEADER)
    assert list(tmp_path.iterdir()) == []


def test_loads_into_its_network_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_weights(path, torch.nn.Linear(3, 2).state_dict(), HEADER, half=False)
    loaded = read_weights(path)
    network = torch.nn.Linear(3, 2)
    loaded.load_into(network)
    assert torch.equal(network.weight, loaded.tensors["weight"])
    for wrong in (torch.nn.Linear(4, 2), torch.nn.Linear(3, 2, bias=False), torch.nn.Sequential(network)):
        with pytest.raises(WeightsError, match="do not fit the network toy"):
            loaded.load_into(wrong)


def test_architecture_and_info(weights: Path) -> None:
    loaded = read_weights(weights)
    loaded.check_architecture("other", "toy")
    with pytest.raises(WeightsError, match="belong to the network toy, but yolo11n or sam is needed"):
        loaded.check_architecture("yolo11n", "sam")
    info = loaded.engine_info("my weights", torch.device("cpu"))
    assert info.as_dict() == {
        "name": "my weights", "weights_sha256": loaded.sha256, "device": "cpu", "licence": "CC0-1.0",
        "threshold_logit": -0.25, "note": "", "calibration": None, "precision": "float32",
    }  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_checkpoint_is_sent_to_convert(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "best.pt"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match="scarseg models convert SOURCE"):
        read_weights(path)


def test_a_header_whose_length_looks_like_a_pickle_is_read(tmp_path: Path) -> None:
    # safetensors pads headers to multiples of 8 bytes, so one length in 32 begins with the byte 0x80.
    lengths = set()
    for characters in range(0, 256, 8):
        path = tmp_path / f"{characters}.safetensors"
        header = replace(HEADER, provenance={"data": "x" * characters})
        save_weights(path, _tensors(), header)
        lengths.add(path.read_bytes()[0])
        assert read_weights(path).header == header
    assert 0x80 in lengths


def test_a_pickle_named_safetensors_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    path.write_bytes(pickle.dumps({"w": [1.0]}))
    with pytest.raises(WeightsError, match="can run code when it is opened"):
        read_weights(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", b"\x08\x00\x00\x00\x00\x00\x00\x00", (1 << 62).to_bytes(8, "little") + b"{}", b"plain text file\n"],
)
def test_foreign_and_absurd_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a safetensors file, or it is cut short"):
        read_weights(path)


def test_a_header_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write((11_000_000).to_bytes(8, "little"))
        file.truncate(12_000_000)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        read_weights(path)


@pytest.mark.parametrize(
    "change", [lambda raw: raw[:-1], lambda raw: raw + b"\0", lambda raw: raw[:8] + b"x" + raw[9:]]
)
def test_damage_is_noticed(weights: Path, change: Callable[[bytes], bytes]) -> None:
    weights.write_bytes(change(weights.read_bytes()))
    with pytest.raises(WeightsError, match="weights file is damaged"):
        read_weights(weights)


def test_damage_inside_the_tensor_table_is_noticed(tmp_path: Path) -> None:
    """The length adds up, but the shape does not fit the bytes: only the safetensors decoder sees it."""
    path = tmp_path / "toy.safetensors"
    entries = {"__metadata__": HEADER.as_metadata(), "w": {"dtype": "F32", "shape": [5], "data_offsets": [0, 8]}}
    raw = json.dumps(entries).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(8))
    with pytest.raises(WeightsError, match="tensors cannot be read"):
        read_weights(path)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"weights file none\.safetensors cannot be read .*scarseg models list"):
        read_weights(tmp_path / "none.safetensors")


def test_a_file_without_our_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"w": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match="does not say what network"):
        read_weights(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("architecture", '""'), ("config", "[]"), ("threshold_logit", "NaN"), ("threshold_logit", "true"),
     ("licence", "not json"), ("provenance", "null"), ("scaling", "1")],
)  # fmt: skip
def test_a_wrong_field_is_named(tmp_path: Path, field: str, value: str) -> None:
    path = tmp_path / "toy.safetensors"
    save_file({"w": torch.ones(2)}, path, metadata={**HEADER.as_metadata(), field: value})
    with pytest.raises(WeightsError, match=f"damaged: its field “{field}”"):
        read_weights(path)


def test_another_scaling_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_weights(path, _tensors(), replace(HEADER, scaling="z-score"))
    with pytest.raises(WeightsError, match="expect the intensity scaling z-score"):
        read_weights(path)


def test_the_header_alone_needs_no_torch(weights: Path) -> None:
    assert read_header(weights) == HEADER
