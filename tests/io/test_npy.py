"""npy and npz: numbers only, never a pickle."""

import mmap
import pickle

import numpy as np
import pytest

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.errors import InputError
from napari_scarseg.io import read_stack


def base_of(array):
    """What an array's memory belongs to at last."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", ">i2", "f4", "f8"])
def test_npy(tmp_path, volume, order, dtype):
    data = np.asarray(volume % 200, dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", data)
    stack = read_stack(tmp_path / "a.npy")
    np.testing.assert_array_equal(stack.data, data)
    assert stack.data.dtype.isnative
    assert stack.spacing == Spacing.unknown()
    assert (stack.stem, stack.findings, stack.affine_ras) == ("a", (), None)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, volume, save):
    save(tmp_path / "a.npz", image=volume)
    np.testing.assert_array_equal(read_stack(tmp_path / "a.npz").data, volume)


def test_npz_with_several_arrays_is_a_choice(tmp_path, volume):
    np.savez(tmp_path / "a.npz", image=volume, label=volume % 2, list=np.arange(3))
    with pytest.raises(InputError, match=r"2 stacks to choose from: image \(array, 5 slices of 8 × 7.*label"):
        read_stack(tmp_path / "a.npz")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.npz", series="label").data, volume % 2)


def test_four_axes_are_a_choice_of_volumes(tmp_path, volume):
    np.save(tmp_path / "a.npy", np.stack([volume, volume + 500]))
    with pytest.raises(InputError, match="2 stacks to choose from"):
        read_stack(tmp_path / "a.npy")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.npy", series="2").data, volume + 500)


def test_large_files_are_mapped(tmp_path, volume, monkeypatch):
    monkeypatch.setattr("napari_scarseg.io.npy.LAZY_BYTES", 16)
    np.save(tmp_path / "a.npy", np.stack([volume, volume + 500]))
    stack = read_stack(tmp_path / "a.npy", series="2")
    np.testing.assert_array_equal(stack.data, volume + 500)
    assert isinstance(base_of(stack.data), mmap.mmap)


def test_one_plane_is_one_slice(tmp_path, volume):
    np.save(tmp_path / "a.npy", volume[0])
    assert read_stack(tmp_path / "a.npy").shape == (1, 8, 7)


@pytest.mark.parametrize("shape", [(7,), ()])
def test_fewer_than_two_axes_are_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(InputError, match=r"axes|empty"):
        read_stack(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(0,), (0, 4, 4), (3, 0, 4)])
def test_empty_is_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.ones(shape))
    with pytest.raises(InputError, match="empty"):
        read_stack(tmp_path / "a.npy")


class Hostile:
    """Its pickle would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_pickles_are_never_opened(tmp_path, save):
    trap = tmp_path / "trap"
    path = tmp_path / ("a.npy" if save is np.save else "a.npz")
    save(path, np.array([[[Hostile(trap)]]], dtype=object))
    with pytest.raises(InputError, match="pickle"):
        read_stack(path)
    assert not trap.exists()


def test_bare_pickle(tmp_path):
    trap = tmp_path / "trap"
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Hostile(trap)))
    with pytest.raises(InputError, match=r"Python pickle, which can run programs and is never opened"):
        read_stack(tmp_path / "a.npy")
    assert not trap.exists()


@pytest.mark.parametrize("dtype", ["c8", "U3", "M8[s]", [("a", "f4")]])
def test_other_types_are_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4), dtype))
    with pytest.raises(InputError, match="intensities are real numbers"):
        read_stack(tmp_path / "a.npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_is_refused(tmp_path, volume, bad):
    data = volume.astype(np.float32)
    data[3, 2, 1] = bad
    np.save(tmp_path / "a.npy", data)
    with pytest.raises(InputError, match=r"1 values that are not finite \(NaN or infinity\), the first on slice 3"):
        read_stack(tmp_path / "a.npy")


def test_constant_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((3, 4, 5), 7))
    with pytest.raises(InputError, match="Every slice of the image is constant"):
        read_stack(tmp_path / "a.npy")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_truncated(tmp_path, volume, ending, share):
    path = tmp_path / f"a.{ending}"
    (np.save if ending == "npy" else np.savez_compressed)(path, volume)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(InputError):
        read_stack(path)


def test_absurd_size_is_refused_before_anything_is_allocated(tmp_path, volume):
    path = tmp_path / "a.npy"
    np.save(path, volume)
    path.write_bytes(_reshape(path.read_bytes()))
    with pytest.raises(InputError, match="GiB"):
        read_stack(path)


def _reshape(raw: bytes) -> bytes:
    """The same header, as long as before, with another shape in it."""
    wanted = b"'shape': (99999, 99999, 9), }"
    start = raw.index(b"'shape': ")
    end = raw.index(b"\n", start)
    return raw[:start] + wanted.ljust(end - start) + raw[end:]


def test_user_spacing_overrides_and_is_marked(tmp_path, volume):
    np.save(tmp_path / "a.npy", volume)
    given = Spacing(10.0, 1.4, 1.4, SpacingOrigin.USER)
    assert read_stack(tmp_path / "a.npy", spacing=given).spacing == given
    header = Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER)
    assert read_stack(tmp_path / "a.npy", spacing=header).spacing == given
