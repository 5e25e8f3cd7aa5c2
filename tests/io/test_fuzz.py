"""Damaged files of every format: a sentence or a stack, in bounded time, and never another exception."""

import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pytest
import tifffile

from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import ScarSegError
from napari_scarseg.io import read_boxes, read_labels, read_stack

MAX_SECONDS = 10
EDGES = (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80")


def mutate(raw: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one of the ways that files are damaged, or that a tester would think of."""
    content = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        # Headers come first, and that is where damage is most interesting.
        reach = len(content) if rng.random() < 0.4 else min(len(content), 400)
        place = int(rng.integers(0, max(reach, 1)))
        match rng.integers(0, 6):
            case 0:
                content[place : place + 1] = (
                    bytes([content[place] ^ (1 << int(rng.integers(0, 8)))]) if content else b""
                )
            case 1:
                content[place : place + 8] = rng.bytes(8)
            case 2:
                del content[place:]
            case 3:
                edge = EDGES[int(rng.integers(0, len(EDGES)))]
                content[place : place + len(edge)] = edge
            case 4:
                content[place:place] = rng.bytes(int(rng.integers(1, 40)))
            case _:
                del content[place : place + int(rng.integers(1, 40))]
        if not content:
            break
    return bytes(content)


@pytest.fixture
def corpus(tmp_path: Path, write_dicom: Callable[..., list[Path]]) -> dict[str, bytes]:
    """One small file of each format, by the name it has in the tests."""
    source = tmp_path / "source"
    source.mkdir()
    data = np.random.default_rng(3).integers(0, 3000, (4, 12, 11)).astype(np.int16)
    affine = np.diag([1.4, 1.4, 10, 1])
    for name in ("a.nii", "b.nii.gz"):
        nib.Nifti1Image(data.T, affine).to_filename(source / name)
    nib.Nifti2Image(data.T, affine).to_filename(source / "c.nii")
    ome = {"axes": "ZYX", "PhysicalSizeX": 1.4, "PhysicalSizeXUnit": "mm", "PhysicalSizeZ": 10}
    tifffile.imwrite(source / "d.ome.tif", data, ome=True, metadata=ome)
    tifffile.imwrite(source / "e.tif", data, imagej=True, metadata={"axes": "ZYX", "unit": "mm", "spacing": 8})
    tifffile.imwrite(source / "f.tif", data, compression="zlib", metadata=None)
    tifffile.imwrite(source / "g.tif", data.astype(np.uint16), compression="lzw", bigtiff=True)
    np.save(source / "h.npy", data)
    np.savez_compressed(source / "i.npz", image=data)
    for name in ("j.png", "k.jpg", "l.bmp"):
        iio.imwrite(source / name, (data[0] % 255).astype(np.uint8))
    iio.imwrite(source / "m.png", data[0].astype(np.uint16))
    files = {path.name: path.read_bytes() for path in sorted(source.iterdir())}
    files["n.dcm"] = write_dicom(data)[0].read_bytes()
    return files


def _read_all(path: Path) -> None:
    """Every reader: a result or a ScarSegError with one sentence."""
    for read in (read_stack, read_labels):
        try:
            result = read(path)
        except ScarSegError as error:
            assert str(error) and "\n" not in str(error)
        else:
            assert result.spacing is not None
            if isinstance(result, Stack):
                assert np.isfinite(result.data).all()


def _fuzz(corpus: dict[str, bytes], folder: Path, rounds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in range(rounds):
        for name, raw in corpus.items():
            path = folder / name
            path.write_bytes(mutate(raw, rng))
            start = time.monotonic()
            _read_all(path)
            seconds = time.monotonic() - start
            assert seconds < MAX_SECONDS, f"round {number} of {name} took {seconds:.1f} s"
            path.unlink()


def test_seeded_sample(corpus, tmp_path, capfd):
    _fuzz(corpus, tmp_path, rounds=12, seed=20240611)
    assert capfd.readouterr().err == "", "decoders print nothing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series", "source"], "nothing written"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand(corpus, tmp_path):
    _fuzz(corpus, tmp_path, rounds=10_000 // len(corpus) + 1, seed=7)


def test_boxes(tmp_path):
    raw = b"slice,row_min,col_min,row_max,col_max,score,origin,box_id,lesion_id\n3,1,2,3,4,0.5,detector,aa,1\n"
    rng = np.random.default_rng(5)
    for _ in range(300):
        (tmp_path / "a.csv").write_bytes(mutate(raw, rng))
        try:
            read_boxes(tmp_path / "a.csv")
        except ScarSegError as error:
            assert "\n" not in str(error)
