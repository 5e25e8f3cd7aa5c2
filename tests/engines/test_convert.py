"""Converting checkpoints; a hostile one is refused and does nothing."""

import copy
import functools
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_scarseg.core.config import Device
from napari_scarseg.engines import convert as convert_module
from napari_scarseg.engines.convert import convert_weights
from napari_scarseg.engines.official_sam import load_official_sam
from napari_scarseg.engines.safe_checkpoint import Inert, read_checkpoint
from napari_scarseg.engines.sam_network import SamConfig, SamNetwork
from napari_scarseg.engines.ultralytics_guard import prepare_ultralytics
from napari_scarseg.engines.weight_files import read_weights
from napari_scarseg.engines.yolo import YoloConfig, build_yolo, load_yolo
from napari_scarseg.errors import WeightsError

SMALL = SamConfig(embed_dim=32, depth=2, num_heads=2, global_attn_indexes=(1,), image_size=64)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@functools.cache
def _built() -> torch.nn.Module:
    return build_yolo(YoloConfig("yolo11n", ("scar", "lv"), 64))


def _yolo(names: dict[int, str]) -> torch.nn.Module:
    network = copy.deepcopy(_built())
    network.names = names
    return network


def _save_as_ultralytics(path: Path, network: torch.nn.Module, **more: Any) -> None:
    """A checkpoint as ultralytics' trainer writes it after stripping: half precision, settings beside."""
    checkpoint = {"epoch": -1, "ema": None, "model": network.half(), "optimizer": None, "date": "2025-01-01",
                  "version": "8.4.0", "license": "AGPL-3.0 (https://ultralytics.com/license)",
                  "train_args": {"imgsz": 250, "model": "yolo11n.yaml"}, "train_metrics": {"fitness": np.float64(0.5)},
                  "save_dir": path.parent}  # fmt: skip
    torch.save({**checkpoint, **more}, path)


# --- ultralytics ------------------------------------------------------------------------------------------------------


def test_an_ultralytics_checkpoint_becomes_a_detector(tmp_path: Path) -> None:
    source, destination = tmp_path / "best.pt", tmp_path / "best.safetensors"
    network = _yolo({0: "scar", 1: "lv"})
    _save_as_ultralytics(source, network)
    header = convert_weights(source, destination)
    assert (header.architecture, header.config) == ("yolo11n", {"classes": ["scar", "lv"], "imgsz": 256})
    assert header.licence == "AGPL-3.0"
    assert header.provenance["date"] == "2025-01-01" and len(header.provenance["source_sha256"]) == 64
    loaded = read_weights(destination)
    assert loaded.header == header
    assert loaded.tensors.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.tensors[name], tensor.float() if tensor.is_floating_point() else tensor)
    load_yolo(destination, "best", Device.CPU).detect(np.random.default_rng(0).random((1, 50, 70)), [0])


def test_the_averaged_network_is_taken(tmp_path: Path) -> None:
    source, destination = tmp_path / "last.pt", tmp_path / "last.safetensors"
    averaged = _yolo({0: "scar", 1: "lv"}).half()
    torch.nn.init.normal_(averaged.model[0].conv.weight)
    _save_as_ultralytics(source, _yolo({0: "scar", 1: "lv"}), ema=averaged)
    convert_weights(source, destination)
    name = "model.0.conv.weight"
    assert torch.equal(read_weights(destination).tensors[name], averaged.state_dict()[name].float())


def test_classes_are_named_by_the_user_where_they_are_others(tmp_path: Path) -> None:
    source, destination = tmp_path / "best.pt", tmp_path / "best.safetensors"
    _save_as_ultralytics(source, _yolo({0: "heart", 1: "fibrosis"}))
    with pytest.raises(WeightsError, match=r"classes are heart, fibrosis, but .* --classes scar,lv"):
        convert_weights(source, destination)
    with pytest.raises(WeightsError, match="has 2 classes, but 1 names were given"):
        convert_weights(source, destination, classes=["scar"])
    assert not destination.exists()
    assert convert_weights(source, destination, classes=["lv", "scar"], licence="MIT").licence == "MIT"
    assert read_weights(destination).header.config["classes"] == ["lv", "scar"]


def test_networks_that_cannot_run_here_are_refused(tmp_path: Path) -> None:
    source, destination = tmp_path / "best.pt", tmp_path / "best.safetensors"
    network = _yolo({0: "scar", 1: "lv"})
    network.yaml = {**network.yaml, "yaml_file": "yolo26n.yaml"}
    _save_as_ultralytics(source, network)
    with pytest.raises(WeightsError, match="yolo26n is not a detector this program can run"):
        convert_weights(source, destination)
    network = _yolo({0: "scar", 1: "lv"})
    del network.model[-1]
    _save_as_ultralytics(source, network)
    with pytest.raises(WeightsError, match="do not fit the network yolo11n"):
        convert_weights(source, destination)
    assert not destination.exists()


# --- Segment Anything -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap", [lambda t: t, lambda t: {"model": {f"module.{k}": v for k, v in t.items()}, "epoch": 3}]
)
def test_a_fine_tuned_sam_becomes_a_segmenter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Any) -> None:
    monkeypatch.setattr(convert_module, "_SAM_SIZES", {SMALL.embed_dim: SMALL})
    source, destination = tmp_path / "tuned.pth", tmp_path / "tuned.safetensors"
    torch.manual_seed(2)
    network = SamNetwork(SMALL)
    torch.save(wrap(network.state_dict()), source)
    header = convert_weights(source, destination, half=False)
    assert (header.architecture, header.licence) == ("official-sam", "unknown")
    assert SamConfig.from_dict(header.config) == SMALL
    segmenter = load_official_sam(destination, "tuned", Device.CPU)
    loaded = segmenter._network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in network.state_dict().items())


def test_a_sam_of_another_size_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "odd.pth"
    torch.save(SamNetwork(SMALL).state_dict(), source)
    with pytest.raises(WeightsError, match="none of the official sizes"):
        convert_weights(source, tmp_path / "odd.safetensors")


# --- hostile and damaged files ----------------------------------------------------------------------------------------


class _Call:
    """Unpickles to the result of a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("function", [os.system, exec, eval, print, open])
@pytest.mark.parametrize("hidden", ["alone", "model", "names"])
def test_a_hostile_checkpoint_is_refused_and_nothing_runs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], function: Any, hidden: str
) -> None:
    trace = tmp_path / "trace"
    command = {os.system: f"touch {trace}", open: str(trace)}.get(function, f"open({str(trace)!r}, 'w')")
    call = _Call(function, *([command, "w"] if function is open else [command]))
    content: Any = {"alone": call, "model": {"model": call}}.get(hidden)
    if content is None:
        network = torch.nn.Linear(1, 1)
        network.names = call
        content = {"model": network}
    source = tmp_path / "evil.pt"
    torch.save(content, source)
    with pytest.raises(WeightsError, match=r"asks for .* so it was not opened; do not trust the file"):
        convert_weights(source, tmp_path / "evil.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pt"]
    assert str(trace) not in "".join(capfd.readouterr())


def test_what_ultralytics_would_construct_is_not_constructed(tmp_path: Path) -> None:
    """Its model parser evaluates text of the model file; an allowed class must therefore never be called."""
    prepare_ultralytics()
    from ultralytics.nn.tasks import DetectionModel

    trace = tmp_path / "trace"
    evil = {"nc": 1, "scales": {}, "activation": f"open({str(trace)!r}, 'w')", "backbone": [], "head": []}
    source = tmp_path / "evil.pt"
    torch.save({"model": _Call(DetectionModel, evil)}, source)
    with pytest.raises(WeightsError):
        convert_weights(source, tmp_path / "evil.safetensors")
    assert not trace.exists()
    assert isinstance(read_checkpoint(source)["model"], Inert)


def test_classes_that_others_trust_are_not_constructed(tmp_path: Path) -> None:
    """Ultralytics puts classes on torch's process-wide list of trusted ones."""
    source = tmp_path / "layer.pt"
    torch.save({"model": torch.nn.Linear(2, 2)}, source)
    before = set(torch.serialization.get_safe_globals())
    torch.serialization.add_safe_globals([torch.nn.Linear])
    try:
        assert isinstance(read_checkpoint(source)["model"], Inert)
        assert torch.nn.Linear in torch.serialization.get_safe_globals()
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(list(before))


def test_nothing_is_opened_where_safe_loading_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "fine.pth"
    torch.save({"w": torch.ones(1)}, source)
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda *given, **named: load(*given, **{**named, "weights_only": False}))
    with pytest.raises(WeightsError, match="safe loading is switched off"):
        read_checkpoint(source)


def test_nothing_is_opened_by_an_old_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "fine.pth"
    torch.save({"w": torch.ones(1)}, source)
    monkeypatch.delattr(torch.serialization, "get_unsafe_globals_in_checkpoint")
    with pytest.raises(WeightsError, match=r"needs torch 2\.6 or later"):
        read_checkpoint(source)


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    source = tmp_path / "evil.pt"
    source.write_bytes(pickle.dumps(_Call(os.system, f"touch {trace}")))
    with pytest.raises(WeightsError, match="not a checkpoint in torch's format"):
        convert_weights(source, tmp_path / "evil.safetensors")
    assert not trace.exists()


def test_damaged_and_foreign_files_are_sentences(tmp_path: Path) -> None:
    destination = tmp_path / "out.safetensors"
    with pytest.raises(WeightsError, match=r"no file gone\.pt to convert"):
        convert_weights(tmp_path / "gone.pt", destination)
    archive = tmp_path / "archive.pt"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="damaged or not a checkpoint"):
        convert_weights(archive, destination)
    numbers = tmp_path / "numbers.pt"
    torch.save({"w": torch.ones(2)}, numbers)
    with pytest.raises(WeightsError, match="neither an ultralytics detector nor Segment Anything"):
        convert_weights(numbers, destination)
    with pytest.raises(WeightsError, match=r"must be called \*\.safetensors"):
        convert_weights(numbers, tmp_path / "out.pt")
    assert not destination.exists()
