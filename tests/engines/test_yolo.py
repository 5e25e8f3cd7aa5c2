"""The YOLO detector: geometry, weights round trip, and what importing ultralytics must not do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.config import Device
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.core.protocols import EngineInfo, Region
from napari_scarseg.engines.ultralytics_guard import kept_threads, prepare_ultralytics
from napari_scarseg.engines.weight_files import WeightsHeader, read_weights, save_weights
from napari_scarseg.engines.yolo import (
    MAX_PER_PLANE,
    Letterbox,
    YoloConfig,
    YoloDetector,
    build_yolo,
    export_yolo,
    load_yolo,
    plane_to_rgb8,
)
from napari_scarseg.errors import InputError, WeightsError

CONFIG = YoloConfig("yolo11n", ("scar", "lv"), 128)
HEADER = WeightsHeader("yolo11n", CONFIG.as_dict(), SCALING_ID, 0.0, "CC0-1.0", {"data": "none"})
INFO = EngineInfo("fake", "0" * 64, "cpu", "CC0-1.0")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    """Random weights with batch statistics that are not the initial ones."""
    torch.manual_seed(0)
    network = build_yolo(CONFIG)
    network.train()
    with torch.no_grad():
        network(torch.rand(2, 3, 128, 128))
    return network.eval()


class _FixedAnswer(torch.nn.Module):
    """Answers (B, 6, A) with given boxes: xyxy in the square, score, class."""

    def __init__(self, rows: list[tuple[float, float, float, float, float, int]]) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))
        answer = torch.zeros(6, max(len(rows), 1))
        for n, (x_min, y_min, x_max, y_max, score, number) in enumerate(rows):
            answer[:4, n] = torch.tensor([(x_min + x_max) / 2, (y_min + y_max) / 2, x_max - x_min, y_max - y_min])
            answer[4 + number, n] = score
        self.answer = answer
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, None]:
        self.seen.append(images)
        return self.answer.expand(len(images), -1, -1).clone(), None


def _planes(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 900, (count, height, width)).astype(np.int16)


# --- geometry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(128, 128), (64, 128), (128, 96), (200, 151), (33, 47), (1, 300), (257, 255)])
def test_the_letterbox_is_the_one_of_the_training(shape: tuple[int, int]) -> None:
    prepare_ultralytics()
    from ultralytics.data.augment import LetterBox

    image = np.random.default_rng(1).integers(0, 256, (*shape, 3)).astype(np.uint8)
    expected = LetterBox(128, auto=False, scaleup=True)(image=image)
    assert np.array_equal(Letterbox.fit(shape, 128).apply(image), expected)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(8, 600), st.integers(8, 600), st.floats(0, 0.8), st.floats(0, 0.8), st.floats(0.05, 0.2)
)  # fmt: skip
def test_edges_come_back_exactly(height: int, width: int, top: float, left: float, extent: float) -> None:
    letterbox = Letterbox.fit((height, width), 256)
    plane = np.array([top * height, left * width, (top + extent) * height, (left + extent) * width])
    rows = plane[[0, 2]] * letterbox.height / height + letterbox.top
    cols = plane[[1, 3]] * letterbox.width / width + letterbox.left
    assert letterbox.top >= 0 and letterbox.top + letterbox.height <= 256
    back = letterbox.corners_to_plane(np.array([[cols[0], rows[0], cols[1], rows[1]]]))
    assert back[0] == pytest.approx(plane, abs=1e-9)


def test_a_bright_rectangle_is_found_at_its_native_pixels() -> None:
    """What the network sees of a non-square plane maps back onto the pixels it came from."""
    plane = np.zeros((60, 120), dtype=np.float32)
    plane[10:30, 80:100] = 100
    square = Letterbox.fit((60, 120), 240).apply(plane_to_rgb8(plane))
    assert square.shape == (240, 240, 3)
    rows, cols = np.nonzero(square[..., 0] > 127)
    edges = np.array([[cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]], dtype=float)
    found = Letterbox.fit((60, 120), 240).corners_to_plane(edges)
    assert found[0] == pytest.approx([10, 80, 30, 100], abs=0.51)


def test_detections_are_in_native_pixels_clipped_and_best_first() -> None:
    # A plane of 64 × 128 fills columns 0–128 and rows 32–96 of the square.
    fake = _FixedAnswer([(10, 42, 30, 52, 0.4, 0), (60, 20, 140, 100, 0.9, 1), (5, 5, 25, 30, 0.8, 0)])
    found = YoloDetector(fake, CONFIG, INFO).detect(_planes(2, 64, 128), [0, 1])
    assert [len(plane) for plane in found] == [2, 2], "a box that lies in the padding is not on the plane"
    lv, scar = found[1]
    assert (lv.region, lv.score) == (Region.LV, pytest.approx(0.9))
    assert (lv.row_min, lv.col_min, lv.row_max, lv.col_max) == pytest.approx((0, 60, 64, 128), abs=1e-4)
    assert (scar.row_min, scar.col_min, scar.row_max, scar.col_max) == pytest.approx((10, 10, 20, 30), abs=1e-4)


def test_overlapping_boxes_are_suppressed_within_a_class_only() -> None:
    fake = _FixedAnswer([(10, 10, 50, 50, 0.5, 0), (11, 10, 51, 50, 0.7, 0), (10, 10, 50, 50, 0.6, 1)])
    (found,) = YoloDetector(fake, CONFIG, INFO).detect(_planes(1, 128, 128), [0])
    assert [(d.region, round(d.score, 2)) for d in found] == [(Region.SCAR, 0.7), (Region.LV, 0.6)]


def test_hardly_believed_and_surplus_boxes_are_dropped() -> None:
    rows = [(4.0 * n, 0.0, 4.0 * n + 3, 3.0, 0.009 if n % 2 else 0.5, 0) for n in range(30)]
    rows += [(4.0 * (n % 30), 4.0 + 4 * (n // 30), 4.0 * (n % 30) + 3, 7.0 + 4 * (n // 30), 0.3, 0) for n in range(90)]
    (found,) = YoloDetector(_FixedAnswer(rows), CONFIG, INFO).detect(_planes(1, 128, 128), [0])
    assert len(found) == MAX_PER_PLANE
    assert min(d.score for d in found) > 0.29


def test_constant_planes_and_unnamed_classes_give_nothing() -> None:
    fake = _FixedAnswer([(10, 10, 50, 50, 0.5, 0), (60, 60, 90, 90, 0.6, 1)])
    planes = _planes(3, 128, 128)
    planes[1] = 7
    found = YoloDetector(fake, YoloConfig("yolo11n", ("scar", "aorta"), 128), INFO).detect(planes, range(len(planes)))
    assert [[d.region for d in plane] for plane in found] == [[Region.SCAR], [], [Region.SCAR]]
    assert sum(len(batch) for batch in fake.seen) == 2


def test_the_network_sees_the_window_percentiles_as_bytes() -> None:
    fake = _FixedAnswer([])
    plane = np.linspace(-500, 1500, 128 * 128).reshape(1, 128, 128)
    YoloDetector(fake, CONFIG, INFO).detect(plane, [0])
    (image,) = fake.seen[0]
    assert (float(image.min()), float(image.max())) == (0.0, 1.0)
    assert torch.equal(image[0], image[2])
    assert torch.equal((image * 255).round() / 255, image)


def test_planes_must_be_a_stack() -> None:
    with pytest.raises(InputError, match=r"stack \(Z, Y, X\), not the shape \(128, 128\)"):
        YoloDetector(_FixedAnswer([]), CONFIG, INFO).detect(np.zeros((128, 128)), [0])


def test_no_planes_give_no_lists() -> None:
    assert YoloDetector(_FixedAnswer([]), CONFIG, INFO).detect(np.zeros((0, 64, 64)), []) == []


# --- weights ----------------------------------------------------------------------------------------------------------


def test_single_precision_round_trip_is_bit_exact(network: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "yolo.safetensors"
    export_yolo(network, path, HEADER, half=False)
    again = build_yolo(CONFIG).eval()
    read_weights(path).load_into(again)
    with torch.inference_mode():
        images = torch.rand(2, 3, 128, 128)
        assert torch.equal(again(images)[0], network(images)[0])


def test_half_precision_detects_the_same_within_tolerance(network: torch.nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "yolo.safetensors"
    export_yolo(network.state_dict(), path, HEADER)
    assert path.stat().st_size < 6_000_000
    detector = load_yolo(path, "mine", Device.CPU)
    image = Letterbox.fit((128, 128), 128).apply(plane_to_rgb8(_planes(1, 128, 128)[0]))
    with torch.inference_mode():
        expected = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0][0]
    found = detector._forward(image[None])[0]
    assert torch.allclose(found[:4], expected[:4], atol=0.5)
    assert torch.allclose(found[4:], expected[4:], atol=2e-3)
    assert detector.info.as_dict() == {
        "name": "mine", "weights_sha256": read_weights(path).sha256, "device": "cpu", "licence": "CC0-1.0",
        "threshold_logit": 0.0, "note": "", "calibration": None, "precision": "float32",
    }  # fmt: skip


def test_detecting_twice_or_in_another_batch_gives_the_same(network: torch.nn.Module) -> None:
    detector = YoloDetector(network, CONFIG, INFO)
    planes = _planes(20, 90, 70)
    together = detector.detect(planes, range(len(planes)))
    alone = [detector.detect(plane[None], [0])[0] for plane in planes[15:18]]
    for first, second in zip(together[15:18], alone, strict=True):
        assert [d.region for d in first] == [d.region for d in second]
        assert [d.score for d in first] == pytest.approx([d.score for d in second], abs=1e-4)


def test_export_refuses_other_tensors(network: torch.nn.Module, tmp_path: Path) -> None:
    tensors = dict(network.state_dict())
    tensors.popitem()
    with pytest.raises(WeightsError, match="do not fit the network yolo11n"):
        export_yolo(tensors, tmp_path / "yolo.safetensors", HEADER)
    assert list(tmp_path.iterdir()) == [tmp_path / "cache"]


@pytest.mark.parametrize(
    ("architecture", "config", "sentence"),
    [
        ("small-sam-1", {"classes": ["scar"], "imgsz": 256}, "small-sam-1 is not a detector"),
        ("../../evil", {"classes": ["scar"], "imgsz": 256}, "not a detector this program can run"),
        ("yolo11n", {"classes": ["lv"], "imgsz": 256}, "must be “scar”"),
        ("yolo11n", {"classes": ["scar", "scar"], "imgsz": 256}, "none may occur twice"),
        ("yolo11n", {"classes": "scar", "imgsz": 256}, "do not name their classes"),
        ("yolo11n", {"classes": ["scar"]}, "do not say their image size"),
        ("yolo11n", {"classes": ["scar"], "imgsz": 250}, "multiple of 32"),
    ],
)
def test_headers_that_describe_no_detector(
    tmp_path: Path, architecture: str, config: dict[str, object], sentence: str
) -> None:
    path = tmp_path / "odd.safetensors"
    header = WeightsHeader(architecture, config, SCALING_ID, 0.0, "CC0-1.0", {})
    save_weights(path, {"w": torch.ones(2)}, header)
    with pytest.raises(WeightsError, match=sentence):
        load_yolo(path, "odd", Device.CPU)


# --- the guard --------------------------------------------------------------------------------------------------------

_PROBE = """
import json, os, sys, socket
reached = []
def refuse(*arguments, **named):
    reached.append(str(arguments[0]))
    raise OSError("no network in this test")
socket.getaddrinfo = refuse
socket.socket.connect = refuse
import numpy, PIL.Image, torch
torch.set_num_threads(2)
before = (PIL.Image.open, torch.save, str(numpy.get_printoptions()), torch.get_num_threads(), dict(os.environ))
from napari_scarseg.engines.yolo import YoloConfig, YoloDetector, build_yolo
from napari_scarseg.core.protocols import EngineInfo
config = YoloConfig("yolo11n", ("scar", "lv"), 64)
detector = YoloDetector(build_yolo(config), config, EngineInfo("probe", "", "cpu", ""))
detector.detect(numpy.random.default_rng(0).random((1, 64, 64)), [0])
after = (PIL.Image.open, torch.save, str(numpy.get_printoptions()), torch.get_num_threads(), dict(os.environ))
from ultralytics.utils import SETTINGS
import cv2
print(json.dumps({
    "patched": [n for n in range(4) if before[n] != after[n]],
    "environment": sorted(k for k in after[4] if after[4].get(k) != before[4].get(k)),
    "switches": sorted(k for k, v in SETTINGS.items() if v is True),
    "settings": str(SETTINGS.file), "folders": [SETTINGS[k] for k in ("datasets_dir", "weights_dir", "runs_dir")],
    "reached": reached, "safe": __import__("ultralytics").utils.SAFE_LOAD,
}))
"""


def test_importing_and_detecting_leaves_no_trace(tmp_path: Path) -> None:
    home, work, cache = (tmp_path / name for name in ("home", "work", "cache"))
    home.mkdir()
    work.mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "ULTRALYTICS_", "QT_", "XDG_"))}
    environment |= {"HOME": str(home), "USERPROFILE": str(home), "SCARSEG_CACHE_DIR": str(cache)}
    for name in ("OMP_NUM_THREADS", "PYTEST_CURRENT_TEST"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", _PROBE], cwd=work, env=environment, capture_output=True, text=True, check=True
    )
    *chatter, answer = done.stdout.splitlines()
    seen = json.loads(answer)
    assert chatter == []
    assert seen["patched"] == []
    assert [name for name in seen["environment"] if not name.startswith(("YOLO_", "ULTRALYTICS_"))] == []
    assert seen["switches"] == []
    assert seen["reached"] == []
    assert seen["safe"] is True
    assert all(Path(path).is_relative_to(cache) for path in [seen["settings"], *seen["folders"]])
    assert list(work.iterdir()) == []
    assert [path for path in home.rglob("*") if "ltralytics" in path.name] == []


def test_a_users_own_ultralytics_settings_are_not_written(tmp_path: Path) -> None:
    """Ultralytics was imported first, by somebody else: their file keeps its bytes."""
    probe = (
        "import os\nfrom ultralytics.utils import SETTINGS\nbefore = open(SETTINGS.file, 'rb').read()\n"
        "from napari_scarseg.engines.ultralytics_guard import prepare_ultralytics\nprepare_ultralytics()\n"
        "assert SETTINGS['sync'] is False\nassert open(SETTINGS.file, 'rb').read() == before\n"
    )
    environment = dict(os.environ, YOLO_CONFIG_DIR=str(tmp_path), YOLO_OFFLINE="1")
    subprocess.run([sys.executable, "-c", probe], env=environment, check=True, capture_output=True)


def test_threads_are_kept() -> None:
    threads = torch.get_num_threads()
    with pytest.raises(KeyError), kept_threads():
        torch.set_num_threads(threads + 1)
        raise KeyError
    assert torch.get_num_threads() == threads
