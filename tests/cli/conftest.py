"""The command line called as a program, in this process, with networks that are arithmetic."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nibabel as nib
import numpy as np
import pytest

from napari_scarseg.cli.main import main


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that an error is."""
        assert self.status == 1, self
        assert self.out == "", self
        (line,) = self.err.splitlines()
        assert "Traceback" not in line
        assert line.endswith("."), line
        return line


@pytest.fixture
def scarseg(monkeypatch, capfd) -> Callable[..., Result]:
    """Run `scarseg` with these arguments."""

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["scarseg", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        captured = capfd.readouterr()
        return Result(end.value.code or 0, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """FakeDetector, FakeSegmenter and FakeFactory of the engines' tests."""
    path = Path(__file__).parents[1] / "engines" / "fake_engine.py"
    spec = importlib.util.spec_from_file_location("fake_engine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_networks(fakes, monkeypatch) -> None:
    """`detect` and `segment` load the fakes."""
    from napari_scarseg.cli import detect, segment

    monkeypatch.setattr(detect, "load_detector", fakes.FakeFactory().load_detector)
    monkeypatch.setattr(segment, "PackageNetworks", fakes.FakeFactory)


@pytest.fixture
def heart() -> np.ndarray:
    """Four slices of 64 × 64, the first empty; one scar of 6 × 8 px on slices 1 and 2, another on slice 2."""
    data = np.zeros((4, 64, 64), dtype=np.uint8)
    data[1:, 16:48, 16:48] = 150
    data[1:3, 22:28, 24:32] = 250
    data[2, 36:42, 36:42] = 240
    return data


@pytest.fixture
def write_nifti() -> Callable[..., Path]:
    def write(path: Path, data: np.ndarray, zooms=(1.5, 1.5, 10.0)) -> Path:
        image = nib.Nifti1Image(np.ascontiguousarray(data.T), np.diag([-zooms[0], -zooms[1], zooms[2], 1.0]))
        image.header.set_xyzt_units("mm")
        nib.save(image, path)
        return path

    return write


@pytest.fixture
def heart_file(tmp_path, heart, write_nifti) -> Path:
    return write_nifti(tmp_path / "P001.nii.gz", heart)
