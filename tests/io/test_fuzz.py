"""Damaged files of every format: a sentence or a stack, in bounded time, and never another exception."""

import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import psutil
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from pydicom.fileset import FileSet
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from napari_scarseg.core.stack import Stack
from napari_scarseg.errors import ScarSegError
from napari_scarseg.io import read_boxes, read_labels, read_stack

MAX_SECONDS = 10
MAX_BYTES = 2 * 2**30
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
    image = sitk.GetImageFromArray(data)
    image.SetSpacing((1.4, 1.4, 10.0))
    for name, compress in (("q.nrrd", False), ("r.nrrd", True), ("s.mha", False), ("t.mha", True)):
        sitk.WriteImage(image, str(source / name), useCompression=compress)
        files[name] = (source / name).read_bytes()
    paths = write_dicom(data)
    files["n.dcm"] = paths[0].read_bytes()
    for name, syntax in (
        ("o.dcm", RLELossless),
        ("p.dcm", JPEG2000Lossless),
        ("u.dcm", DeflatedExplicitVRLittleEndian),
    ):
        large = pydicom.dcmread(write_dicom(np.tile(data, (1, 4, 4)).astype(np.uint16), folder=f"of {name}")[0])
        if syntax.is_encapsulated:
            large.compress(syntax)
        else:
            large.file_meta.TransferSyntaxUID = syntax
        large.save_as(source / name)
        files[name] = (source / name).read_bytes()
    with zipfile.ZipFile(source / "v.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths[:2]:
            archive.write(path, path.name)
    files["v.zip"] = (source / "v.zip").read_bytes()
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
            assert psutil.Process().memory_info().rss < MAX_BYTES, f"round {number} of {name}"
            path.unlink()


def test_seeded_sample(corpus, tmp_path, capfd):
    before = sorted(tmp_path.rglob("*"))
    _fuzz(corpus, tmp_path, rounds=8, seed=20240611)
    # ITK's reader of MetaImage says what is missing on the terminal; it quotes nothing of the file.
    words = ("MetaImage", "MetaObject", "ideal =", "DimSize", "ElementType", "Uncompress", "TransformMatrix")
    said = [line for line in capfd.readouterr().err.splitlines() if not line.strip().startswith(words)]
    assert not said, "decoders print nothing"
    assert sorted(tmp_path.rglob("*")) == before, "nothing written"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand(corpus, tmp_path):
    before = sorted(tmp_path.parent.rglob("*"))
    _fuzz(corpus, tmp_path, rounds=10_000 // len(corpus) + 1, seed=7)
    assert sorted(tmp_path.parent.rglob("*")) == before, "nothing written"


def test_zip_bombs(tmp_path, write_dicom):
    plane = write_dicom(np.zeros((1, 8, 8), np.int16))[0].read_bytes()
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"IM{number}", plane + bytes(30 * 2**20))
    start = time.monotonic()
    with pytest.raises(ScarSegError, match="inflate beyond all reason"):
        read_stack(tmp_path / "bomb.zip")
    assert time.monotonic() - start < MAX_SECONDS


@pytest.mark.long
def test_deflated_bomb(tmp_path, write_dicom):
    path = write_dicom(np.arange(64, dtype=np.int16).reshape(1, 8, 8))[0]
    dataset = pydicom.dcmread(path)
    dataset.add_new(0x7FE10010, "OB", bytes(520 * 2**20))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path)
    del dataset
    assert path.stat().st_size < 2**20
    with pytest.raises(ScarSegError, match="inflates to more than is accepted"):
        read_stack(path)


def test_paths_out_of_archives_and_directories_are_not_followed(tmp_path, write_dicom, volume):
    paths = write_dicom(volume, StudyDate="20200101", StudyTime="12", StudyID="1", StudyInstanceUID="1.2.3")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, path in enumerate(paths):
            archive.write(path, f"../../out/{number:03d}")
    before = sorted(tmp_path.parent.rglob("*"))
    np.testing.assert_array_equal(read_stack(tmp_path / "a.zip").data, volume)
    assert sorted(tmp_path.parent.rglob("*")) == before, "nothing is unpacked"
    files = FileSet()
    files.add(paths[0])
    files.write(tmp_path / "disc")
    directory = pydicom.dcmread(tmp_path / "disc" / "DICOMDIR")
    for record in directory.DirectoryRecordSequence:
        if "ReferencedFileID" in record:
            record.ReferencedFileID = ["..", "series", paths[0].name]
    directory.save_as(tmp_path / "disc" / "DICOMDIR")
    with pytest.raises(ScarSegError, match="not beside it"):
        read_stack(tmp_path / "disc" / "DICOMDIR")


def test_boxes(tmp_path):
    raw = b"slice,row_min,col_min,row_max,col_max,score,origin,box_id,lesion_id\n3,1,2,3,4,0.5,detector,aa,1\n"
    rng = np.random.default_rng(5)
    for _ in range(300):
        (tmp_path / "a.csv").write_bytes(mutate(raw, rng))
        try:
            read_boxes(tmp_path / "a.csv")
        except ScarSegError as error:
            assert "\n" not in str(error)
