"""The scripts that calibrate the segmenter: what they fit, and what they write."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.calibration import Calibration
from napari_scarseg.core.intensity import SCALING_ID

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("segment_anything")

SCRIPTS = Path(__file__).parents[2] / "scripts"


def _script(name: str):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def fitting():
    return _script("fit_scores")


@pytest.fixture(scope="module")
def choosing(fitting):
    return _script("choose_confidence")


def _slices(fitting, count: int = 24):
    """Slices whose scar is drawn from probabilities that the network overstates twofold in log odds."""
    from napari_scarseg.engines.looks import OUTSIDE_LOGIT, SliceScar

    rng = np.random.default_rng(5)
    slices = []
    row, col = 0, 0
    for n in range(count):
        log_odds = np.full((48, 48), -6.0, np.float32)
        row, col = rng.integers(8, 28, 2) if n % 4 == 0 else (row, col)
        log_odds[row : row + 12, col : col + 12] = rng.normal(rng.uniform(-4, 2.5), 1.0, (12, 12))
        scar = rng.random((48, 48)) < 1 / (1 + np.exp(-log_odds))
        logits = 2 * log_odds
        logits[:4] = OUTSIDE_LOGIT
        scar[:4] = False
        shown = SliceScar(Box(n % 4, 4, 4, 44, 44), logits.astype(np.float32))
        beside = [slices[-1].shown] if n % 4 else []
        plane, logits = np.random.default_rng(n).normal(100, 10, scar.shape) + 20 * scar, logits.astype(np.float32)
        slices.append(fitting.Slice(n % 3, f"P{n // 4}", plane, scar, shown, beside, [(0, 0, logits)]))
    return slices


def test_a_network_that_is_twice_too_sure_is_cooled(fitting) -> None:
    calibration, score = fitting.fit_calibration(_slices(fitting), fitting.prompted_mask)
    assert calibration.temperature >= 1.5
    assert abs(calibration.bias) <= 0.25
    assert score > 0.5


def test_scores_tell_scar_from_noise(fitting) -> None:
    slices = _slices(fitting)
    calibration = Calibration(2.0, 0.0)
    weighed = fitting.weigh(slices, calibration)
    model = fitting.fit_scores(slices, weighed, calibration)
    scores = [
        (model.score(c.evidence), bool((s.scar & c.mask).any()))
        for s, some in zip(slices, weighed, strict=True)
        for c in some
    ]
    assert {is_scar for _, is_scar in scores} == {True, False}
    assert np.mean([p for p, is_scar in scores if is_scar]) > np.mean([p for p, is_scar in scores if not is_scar]) + 0.2
    summary = fitting.summarise(list(fitting.kept_masks(slices, weighed, model)))
    assert summary["infarcts"] == 6
    assert 0.3 < summary["slice_dsc"] < 1


def _kind(fitting, finds: list[tuple[bool, float]]):
    """A slice per patient with one component of this score, scar or not; where it is not, there is none."""
    from napari_scarseg.engines.proposals import Component, Evidence

    mask = np.zeros((20, 20), bool)
    mask[5:9, 5:9] = True
    slices = [fitting.Slice(n % 2, f"P{n}", mask, mask & is_scar, None, [], []) for n, (is_scar, _) in enumerate(finds)]
    log_odds = [np.log(score / (1 - score)) for _, score in finds]
    evidence = [Evidence(0, float(one), 0, 0, 0, 0) for one in log_odds]
    return slices, [[Component(Box(0, 5, 5, 9, 9), mask, one)] for one in evidence]


def test_the_confidence_chosen_keeps_scar_and_leaves_normal_patients_alone(fitting, choosing) -> None:
    from napari_scarseg.engines.proposals import Evidence, ScoreModel

    model = ScoreModel(Calibration(1.0, 0.0), 0.0, Evidence(0, 1, 0, 0, 0, 0))
    clear = _kind(fitting, [(True, 0.8), (True, 0.55), (False, 0.45), (False, 0.3)])
    assert 0.45 < choosing.choose([clear], model) <= 0.55
    doubtful = _kind(fitting, [(True, 0.8), (True, 0.4), (False, 0.45), (False, 0.3)])
    assert 0.45 < choosing.choose([doubtful], model) <= 0.8  # a normal patient in two is too many
    shifted = _kind(fitting, [(True, 0.8), (True, 0.5), (False, 0.45), (False, 0.3)])
    assert 0.45 < choosing.choose([clear, shifted], model) <= 0.5
    hopeless = _kind(fitting, [(True, 0.5), (False, 0.95)])
    with pytest.raises(SystemExit, match="too many normal patients"):
        choosing.choose([hopeless], model)
    assert [item.patient for item in choosing.take(clear, [1])[0]] == ["P1", "P3"]


def test_a_calibration_is_written_and_the_tensors_stay(tmp_path: Path) -> None:
    from napari_scarseg.engines.weight_files import WeightsHeader, read_weights, save_weights

    trained, out = tmp_path / "trained.safetensors", tmp_path / "out.safetensors"
    save_weights(trained, {"w": torch.linspace(0, 1, 5)}, WeightsHeader("toy", {}, SCALING_ID, -0.5, "CC0-1.0", {}))
    command = [sys.executable, str(SCRIPTS / "calibrate_weights.py"), str(trained), str(out)]
    subprocess.run([*command, "--temperature", "1.5", "--bias", "-0.25"], check=True, timeout=120)
    before, after = read_weights(trained), read_weights(out)
    assert (after.header.threshold_logit, after.header.calibration) == (0.0, Calibration(1.5, -0.25))
    assert torch.equal(before.tensors["w"], after.tensors["w"])
    assert (before.header.threshold_logit, before.header.calibration) == (-0.5, None)
    refused = subprocess.run(
        [*command, "--temperature", "0", "--bias", "0"], capture_output=True, text=True, timeout=120
    )
    assert refused.returncode == 1 and "above 0" in refused.stderr


def test_the_mean_of_two_weights_files_lies_between_them(tmp_path: Path) -> None:
    from napari_scarseg.engines.weight_files import WeightsHeader, read_weights, save_weights

    paths = [tmp_path / f"{name}.safetensors" for name in ("before", "after", "other", "out")]
    before, after, other, out = paths
    header = WeightsHeader("toy", {"width": 5}, SCALING_ID, -0.5, "CC0-1.0", {"step": 4})
    save_weights(before, {"w": torch.linspace(0, 1, 5), "seen": torch.tensor(3)}, header)
    later = replace(header, config={"width": 5, "least_median": 0.4}, provenance={"step": 5})
    save_weights(after, {"w": torch.linspace(1, 0, 5), "seen": torch.tensor(9)}, later)
    save_weights(other, {"w": torch.zeros(5), "seen": torch.tensor(9)}, replace(later, config={"width": 6}))
    command = [sys.executable, str(SCRIPTS / "average_weights.py")]
    subprocess.run([*command, str(before), str(after), str(out)], check=True, timeout=120)
    mean = read_weights(out)
    assert torch.equal(mean.tensors["w"], torch.full((5,), 0.5)) and mean.tensors["seen"] == 9
    hashes = [read_weights(path).sha256 for path in (before, after)]
    assert mean.header.config == later.config
    assert mean.header.provenance == {"step": 5, "mean_of_sha256": hashes}
    out.unlink()
    refused = subprocess.run([*command, *map(str, (before, other, out))], capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1 and "different networks" in refused.stderr and not out.exists()
