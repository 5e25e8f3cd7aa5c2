"""How long reading takes, against the libraries underneath.

    python benchmarks/reading.py [--repeats N] [--tiff-bytes N] [--json FILE]

DICOM: twelve classic slices of 256 × 256 with the attributes that a scanner writes, `read_stack` on the folder against
`pydicom.dcmread` and `pixel_array` on each file. Limit: 1.3.

TIFF: one uncompressed stack of 1 GB in a temporary folder, `read_stack` against `tifffile.imread`; and both followed by
the sum of all values, because a large file is mapped into memory and only read where it is looked at. Limit: 1.1.

The files are in the page cache, and each figure is the median of the repeats, taken in turn. `read_stack` also checks
every value (finite, not constant) and finds geometry; the libraries do not.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import tifffile
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_scarseg.core.spacing import Spacing, SpacingOrigin
from napari_scarseg.core.stack import Stack
from napari_scarseg.io import read_stack
from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom

DICOM_LIMIT, TIFF_LIMIT = 1.3, 1.1
SLICES, SIZE_PX = 12, 256


def write_series(folder: Path) -> None:
    """Twelve slices, each with a hundred further attributes, half of them private, as scanners write them."""
    data = np.random.default_rng(0).integers(0, 4096, (SLICES, SIZE_PX, SIZE_PX)).astype(np.uint16)
    spacing = Spacing(10.0, 1.4, 1.4, SpacingOrigin.HEADER)
    stack = Stack(data, spacing, "bench", np.diag([1.4, 1.4, 10.0, 1.0]))
    write_stack_dicom(folder, stack, SyntheticSeries("BENCH", "bench", 8.0))
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        block = dataset.private_block(0x0019, "BENCH HEADER", create=True)
        for element in range(50):
            block.add_new(element, "DS", [f"{element}.25", f"{element}.5"])
        block.add_new(60, "OB", bytes(40_000))
        items = []
        for number in range(25):
            item = Dataset()
            item.CodeValue, item.CodeMeaning, item.CodingSchemeDesignator = str(number), "a meaning", "99BENCH"
            items.append(item)
        dataset.RequestAttributesSequence = Sequence(items)
        dataset.save_as(path)


def compare(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median seconds of both, in turn, after one turn that is not counted."""
    times: dict[str, list[float]] = {"ours_s": [], "theirs_s": []}
    for turn in range(repeats + 1):
        for name, call in (("theirs_s", theirs), ("ours_s", ours)):
            start = time.perf_counter()
            call()
            if turn:
                times[name].append(time.perf_counter() - start)
    result = {name: statistics.median(values) for name, values in times.items()}
    result["ratio"] = result["ours_s"] / result["theirs_s"]
    return result


def time_dicom(folder: Path, repeats: int) -> dict[str, float]:
    """The series in `folder`, read by us and by pydicom."""
    paths = sorted(folder.iterdir())
    return compare(
        lambda: read_stack(folder), lambda: np.stack([pydicom.dcmread(path).pixel_array for path in paths]), repeats
    )


def time_tiff(path: Path, repeats: int) -> dict[str, dict[str, float]]:
    """A stack, read by us and by tifffile; then also summed."""
    return {
        "tiff": compare(lambda: read_stack(path).data, lambda: tifffile.imread(path), repeats),
        "tiff and sum": compare(lambda: read_stack(path).data.sum(), lambda: tifffile.imread(path).sum(), repeats),
    }


def write_tiff(path: Path, size_bytes: int) -> None:
    """An uncompressed stack of 16-bit noise."""
    plane = np.random.default_rng(0).integers(0, 4096, (1024, 1024)).astype(np.uint16)
    slices = size_bytes // plane.nbytes
    with tifffile.TiffWriter(path, bigtiff=size_bytes > 3 * 2**30) as writer:
        planes = (plane for _ in range(slices))
        writer.write(planes, shape=(slices, *plane.shape), dtype=plane.dtype, photometric="minisblack")


def main() -> int:
    """Print the figures; 1 where one is over its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--tiff-bytes", type=int, default=2**30)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(folder / "series")
        results = {"dicom": time_dicom(folder / "series", 5 * options.repeats)}
        write_tiff(folder / "stack.tif", options.tiff_bytes)
        results |= time_tiff(folder / "stack.tif", options.repeats)
    limits = {"dicom": DICOM_LIMIT, "tiff": TIFF_LIMIT, "tiff and sum": TIFF_LIMIT}
    for what, figures in results.items():
        verdict = "within" if figures["ratio"] <= limits[what] else "OVER"
        sys.stdout.write(
            f"{what}: {1e3 * figures['ours_s']:.1f} ms against {1e3 * figures['theirs_s']:.1f} ms, ratio "
            f"{figures['ratio']:.2f}, {verdict} the limit of {limits[what]}\n"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2), encoding="utf-8")
    return int(any(figures["ratio"] > limits[what] for what, figures in results.items()))


if __name__ == "__main__":
    raise SystemExit(main())
