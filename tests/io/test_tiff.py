"""TIFF, OME-TIFF and ImageJ: planes in order, and the voxel size where the metadata give one."""

import mmap

import numpy as np
import pytest
import tifffile

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_stack


def base_of(array):
    """What an array's memory belongs to at last."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


def ome(**sizes: object) -> dict[str, object]:
    return {"axes": "ZYX", **sizes}


def write(path, data, **options):
    tifffile.imwrite(path, data, **options)
    return path


@pytest.mark.parametrize("unit", ["mm", "µm", "nm", "cm", "m"])
def test_ome_sizes_in_every_unit(tmp_path, volume, unit):
    per_mm = {"mm": 1, "µm": 1e3, "nm": 1e6, "cm": 0.1, "m": 1e-3}[unit]
    sizes = {f"PhysicalSize{a}": v * per_mm for a, v in zip("ZYX", (10, 1.5, 1.4), strict=True)}
    units = {f"PhysicalSize{a}Unit": unit for a in "ZYX"}
    stack = read_stack(write(tmp_path / "a.ome.tif", volume, ome=True, metadata=ome(**sizes, **units)))
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.spacing.origin is SpacingOrigin.HEADER
    assert (stack.spacing.z_mm, stack.spacing.y_mm, stack.spacing.x_mm) == pytest.approx((10, 1.5, 1.4))
    assert stack.stem == "a"
    assert stack.affine_ras is None


def test_ome_without_unit_is_micrometres(tmp_path, volume):
    sizes = {"PhysicalSizeX": 1400, "PhysicalSizeY": 1500, "PhysicalSizeZ": 10000}
    spacing = read_stack(write(tmp_path / "a.ome.tif", volume, ome=True, metadata=ome(**sizes))).spacing
    assert (spacing.z_mm, spacing.y_mm, spacing.x_mm) == pytest.approx((10, 1.5, 1.4))


def test_ome_without_z(tmp_path, volume):
    sizes = {"PhysicalSizeX": 1.4, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 1.5, "PhysicalSizeYUnit": "mm"}
    spacing = read_stack(write(tmp_path / "a.ome.tif", volume, ome=True, metadata=ome(**sizes))).spacing
    assert spacing == Spacing(None, 1.5, 1.4, SpacingOrigin.HEADER)


def test_ome_in_pixels_is_unknown_with_a_finding(tmp_path, volume):
    sizes = {"PhysicalSizeX": 1.4, "PhysicalSizeXUnit": "pixel", "PhysicalSizeY": 1.5, "PhysicalSizeYUnit": "pixel"}
    stack = read_stack(write(tmp_path / "a.ome.tif", volume, ome=True, metadata=ome(**sizes)))
    assert stack.spacing == Spacing.unknown()
    assert "The OME PhysicalSizeX is not a usable length; it was ignored." in stack.findings


def imagej(path, data, resolution=(1 / 1.4, 1 / 1.5), **metadata):
    return write(path, data, imagej=True, resolution=resolution, metadata={"axes": "ZYX", **metadata})


@pytest.mark.parametrize(("unit", "per_mm"), [("mm", 1), ("cm", 0.1), ("um", 1e3), ("micron", 1e3), ("\\u00B5m", 1e3)])
def test_imagej_spacing(tmp_path, volume, unit, per_mm):
    resolution = (1 / (1.4 * per_mm), 1 / (1.5 * per_mm))
    path = imagej(tmp_path / "a.tif", volume, resolution, spacing=10.0 * per_mm, unit=unit)
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, volume)
    assert (stack.spacing.z_mm, stack.spacing.y_mm, stack.spacing.x_mm) == pytest.approx((10, 1.5, 1.4), rel=1e-5)


def test_imagej_without_unit_is_unknown(tmp_path, volume):
    assert read_stack(imagej(tmp_path / "a.tif", volume, spacing=10.0)).spacing == Spacing.unknown()


def test_imagej_without_spacing_leaves_z_open(tmp_path, volume):
    stack = read_stack(imagej(tmp_path / "a.tif", volume, unit="mm"))
    assert stack.spacing.z_mm is None
    assert stack.spacing.x_mm == pytest.approx(1.4)
    assert any("no distance between slices" in finding for finding in stack.findings)


def test_plain_tiff_is_unknown_even_with_a_printing_resolution(tmp_path, volume):
    path = write(tmp_path / "a.tif", volume, resolution=(300, 300), resolutionunit="INCH")
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.spacing == Spacing.unknown()


def test_channels_that_are_slices(tmp_path, volume):
    """tifffile's ImageJ mode calls the planes of a 3-axis array channels."""
    stack = read_stack(write(tmp_path / "a.tif", volume, imagej=True))
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.findings == ("The file calls its planes channels; they were read as slices.",)


def test_channels_and_slices_are_a_choice(tmp_path, volume):
    path = write(tmp_path / "a.tif", np.stack([volume, volume + 500], 1), imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(InputError, match=r"2 stacks to choose from: 1 \(stack, channel 1 of 2, 5 slices of 8 × 7"):
        read_stack(path)
    np.testing.assert_array_equal(read_stack(path, series="2").data, volume + 500)


def test_hyperstack_of_times_and_channels(tmp_path, volume):
    planes = np.stack([np.stack([volume + 100 * t + 50 * c for c in range(2)], 1) for t in range(3)])
    metadata = {"axes": "TZCYX", "PhysicalSizeX": 1.4, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 1.4}
    path = write(tmp_path / "a.ome.tif", planes, ome=True, metadata={**metadata, "PhysicalSizeYUnit": "mm"})
    with pytest.raises(InputError, match=r"6 \(stack, time point 3 of 3, channel 2 of 2"):
        read_stack(path)
    stack = read_stack(path, series="4")
    np.testing.assert_array_equal(stack.data, volume + 100 + 50)
    assert stack.spacing.x_mm == 1.4


def test_several_ome_images_are_a_choice(tmp_path, volume):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(volume, metadata={"axes": "ZYX"}, photometric="minisblack")
        writer.write(volume[:3] + 7, metadata={"axes": "ZYX"}, photometric="minisblack")
    np.testing.assert_array_equal(read_stack(path, series="1").data, volume)
    np.testing.assert_array_equal(read_stack(path, series="2").data, volume[:3] + 7)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_large_files_are_mapped(tmp_path, volume, monkeypatch, byteorder):
    monkeypatch.setattr("napari_scarseg.io.tiff_parts.LAZY_BYTES", 16)
    data = volume.astype(f"{byteorder}u2")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, byteorder=byteorder, photometric="minisblack", metadata={"axes": "ZYX"})
    stack = read_stack(path)
    np.testing.assert_array_equal(stack.data, volume)
    assert stack.data.dtype.isnative
    assert isinstance(base_of(stack.data), mmap.mmap) or byteorder == ">"


@pytest.mark.parametrize("metadata", [None, {}])
def test_pages_written_one_by_one(tmp_path, volume, metadata):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for plane in volume:
            writer.write(plane, metadata=metadata)
    np.testing.assert_array_equal(read_stack(path).data, volume)


def test_pages_of_different_sizes_are_a_choice(tmp_path, volume):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(volume[0], metadata=None)
        writer.write(volume[0, :5], metadata=None)
    with pytest.raises(InputError, match=r"2 \(image 2 of 2, 1 slice of 5 × 7"):
        read_stack(path)
    np.testing.assert_array_equal(read_stack(path, series="2").data, volume[:1, :5])


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd", "jpeg2000"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_compressions(tmp_path, volume, compression, bigtiff):
    data = volume.astype(np.uint16)
    stack = read_stack(write(tmp_path / "a.tif", data, compression=compression, bigtiff=bigtiff))
    np.testing.assert_array_equal(stack.data, data)


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i2", "f4", "f8", "f2"])
def test_types(tmp_path, volume, dtype):
    data = (volume % 200).astype(dtype)
    options = {"byteorder": ">"} if dtype.startswith(">") else {}
    stack = read_stack(write(tmp_path / "a.tif", data, **options))
    np.testing.assert_array_equal(stack.data, data)
    assert stack.data.dtype.isnative
    assert stack.data.dtype != np.float16


def test_equal_colours_are_grey(tmp_path, volume):
    grey = (volume % 200).astype(np.uint8)
    path = write(tmp_path / "a.tif", np.repeat(grey[..., None], 3, axis=-1), photometric="rgb")
    np.testing.assert_array_equal(read_stack(path).data, grey)


def test_colours_are_refused(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (4, 9, 8, 3)).astype(np.uint8)
    with pytest.raises(InputError, match=r"'a\.tif' is a colour image; export it in grey levels"):
        read_stack(write(tmp_path / "a.tif", colours, photometric="rgb"))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated(tmp_path, volume, share):
    path = write(tmp_path / "a.tif", volume.repeat(8, 1), imagej=True)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(InputError):
        read_stack(path)


def test_wrong_extension_is_read_right(tmp_path, volume):
    path = write(tmp_path / "a.tif", volume)
    path.rename(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.nii.gz").data, volume)


def test_absurd_size(tmp_path):
    path = write(tmp_path / "a.tif", np.zeros((8, 8), np.uint16), metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(2**31 - 1)
        tif.pages[0].tags["ImageLength"].overwrite(2**31 - 1)
    with pytest.raises(InputError, match="GiB"):
        read_stack(path)
