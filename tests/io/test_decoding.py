"""What happens around decoders: their noise stays inside, their exceptions become sentences."""

import logging
import warnings

import pytest

from napari_scarseg.errors import InputError
from napari_scarseg.io.decoding import GIB, check_declared_size, decoding


@pytest.mark.parametrize("name", ["tifffile", "pydicom.pixels.decoders.base", "nibabel.global"])
def test_what_decoders_log_is_kept(caplog, capfd, name):
    logger = logging.getLogger(name)
    with decoding("a.tif", "a TIFF file") as complaints:
        logger.error("page %d of Smith^John is lost", 3)
        logger.warning("odd")
        warnings.warn("Smith^John", stacklevel=1)
        logging.getLogger("somebody.else").error("heard")
    assert complaints == ["page 3 of Smith^John is lost"]
    assert [record.getMessage() for record in caplog.records] == ["heard"]
    logger.error("afterwards")
    assert caplog.records[-1].getMessage() == "afterwards"


@pytest.mark.parametrize(
    "error", [ValueError("Smith^John"), KeyError(1), RecursionError(), OSError(5, "io"), EOFError()]
)
def test_exceptions_become_a_sentence(error):
    with (
        pytest.raises(InputError, match=r"^'a\.tif' looks like a TIFF file but cannot be read") as caught,
        decoding("a.tif", "a TIFF file"),
    ):
        raise error
    assert caught.value.__cause__ is error
    assert "Smith" not in str(caught.value)


def test_memory_and_our_own_sentences():
    with pytest.raises(InputError, match="needs more memory than there is"), decoding("a", "b"):
        raise MemoryError
    with pytest.raises(InputError, match="^as it is$"), decoding("a", "b"):
        raise InputError("as it is")


def test_interrupts_pass():
    with pytest.raises(KeyboardInterrupt), decoding("a", "b"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((0, 4, 4), {}, "is empty"),
        ((), {}, "is empty"),
        ((-1, 4), {}, "impossible size"),
        ((2**40, 4), {}, "impossible size"),
        ((8 * GIB // 1024 + 1, 512), {}, r"8\.0 GiB of image data, more than the 8 GiB"),
        ((GIB // 1024 + 1, 512), {"compressed": True}, r"more than the 1 GiB"),
        ((10, 10), {"stored_bytes": 199}, "declares 200 bytes of image data and the file cannot hold them"),
        ((1000, 1000), {"stored_bytes": 1000, "compressed": True}, "cannot hold them"),
    ],
)
def test_sizes_that_cannot_be_true(shape, options, sentence):
    with pytest.raises(InputError, match=sentence):
        check_declared_size("a", shape, 2, **options)


def test_sizes_that_can():
    assert check_declared_size("a", (10, 10), 2, stored_bytes=200) == 200
    assert check_declared_size("a", (GIB // 1024, 512), 2, compressed=True) == GIB
