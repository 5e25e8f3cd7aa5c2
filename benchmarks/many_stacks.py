"""`scarseg segment` on many stacks side by side, against two processes that know nothing of each other.

    python benchmarks/many_stacks.py [--stacks N] [--workers 2] [--rounds N] [--json FILE]

The same phantom stacks (tiny crops round the heart, none like another) with the bundled weights. Once one command with
two dask workers does all of them; once two commands, one process and thread each, do one half each at the same time.
Both begin with nothing done. Loading libraries and networks is part of both. Limit: the one command takes at most 1.1
times as long. The results are compared too.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from machine import describe_machine, machine_line

from napari_scarseg.io.write_image import write_stack_nifti
from napari_scarseg.phantom import make_phantom

LIMIT = 1.1
_COMMAND = (sys.executable, "-m", "napari_scarseg.cli.main", "segment", "--device", "cpu")


def write_stacks(folder: Path, count: int) -> list[Path]:
    """Stacks of two slices of 96 × 96 px round the heart."""
    hearts = [make_phantom(seed).stack for seed in range(4)]
    paths = []
    for number in range(count):
        heart = hearts[number % 4]
        data = np.ascontiguousarray(heart.data[2:4, 80:176, 80:176])
        # Other voxels in each: what is done is known by its contents.
        data[0, 0, 0] = number
        path = folder / f"s{number:04}.nii.gz"
        write_stack_nifti(path, replace(heart, data=data))
        paths.append(path)
    return paths


def run_side_by_side(stacks: Path, out: Path, workers: int) -> float:
    """Seconds of one command with so many workers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    command = [*_COMMAND, str(stacks), "-o", str(out), "--workers", str(workers)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def run_apart(paths: list[Path], out: Path, processes: int) -> float:
    """Seconds until the last of so many commands, each with its share, is done."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    running = []
    for number in range(processes):
        share = [str(path) for path in paths[number::processes]]
        command = [*_COMMAND, *share, "-o", str(out), "--workers", "1"]
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
    if any(process.wait() for process in running):
        raise SystemExit("A process failed.")
    return time.perf_counter() - start


def differing(one: Path, other: Path) -> list[str]:
    """Labels and measures that are not the same byte by byte, and files that only one folder has."""
    names = {path.name for path in one.iterdir()} ^ {path.name for path in other.iterdir()}
    for path in one.iterdir():
        if path.name.endswith(("_scar.nii.gz", "_measures.csv")) and path.name not in names:
            names |= {path.name} if path.read_bytes() != (other / path.name).read_bytes() else set()
    return sorted(names)


def main() -> int:
    """Take turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    machine = describe_machine()
    print(machine_line(machine))
    times: dict[str, list[float]] = {"side_by_side_s": [], "apart_s": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_stacks(folder / "stacks", options.stacks)
        for _ in range(options.rounds):
            for out in ("one", "two"):
                shutil.rmtree(folder / out, ignore_errors=True)
            times["apart_s"].append(run_apart(paths, folder / "two", options.workers))
            times["side_by_side_s"].append(run_side_by_side(folder / "stacks", folder / "one", options.workers))
        different = differing(folder / "one", folder / "two")
    ratio = statistics.median(times["side_by_side_s"]) / statistics.median(times["apart_s"])
    result = {"machine": machine, "stacks": options.stacks, **times, "ratio": ratio, "different_files": different}
    for title, values in times.items():
        print(
            f"{title:16}{statistics.median(values):9.1f} s, {options.stacks / statistics.median(values):7.2f} stacks/s"
        )
    print(f"ratio {ratio:.3f} (limit {LIMIT}); files that differ: {len(different)}")
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(ratio > LIMIT or bool(different))


if __name__ == "__main__":
    sys.exit(main())
