"""How much longer napari takes to start where the plugin is installed.

    QT_API=pyqt6 python scripts/display.py python benchmarks/startup.py [--repeats N] [--json FILE]

A process opens a napari window, lets it draw, and ends: with the plugin's manifest known to napari, and with it hidden
(`importlib.metadata` does not list this package, as where it is not installed). The two take turns. Each
figure is the median of the repeats: wall and processor time of the whole process. Limit: 1.02 (processor time).

The process also says which of our modules it loaded: opening napari should load none of them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

LIMIT = 1.02

_PROGRAM = """
import importlib.metadata, sys, time

found = importlib.metadata.distributions
hidden = "napari_scarseg-" if sys.argv[1] == "without" else "no such distribution"


def others(**context):
    for distribution in found(**context):
        if not distribution._path.name.startswith(hidden):
            yield distribution


importlib.metadata.distributions = others
start = time.perf_counter(), time.process_time()
import napari
from napari.qt import get_qapp
from npe2 import PluginManager

viewer = napari.Viewer()
for _ in range(5):
    get_qapp().processEvents()
taken = time.perf_counter() - start[0], time.process_time() - start[1]
known = "napari-scarseg" in PluginManager.instance()._manifests
ours = sorted(name for name in sys.modules if name.startswith("napari_scarseg"))
viewer.close()
print("RESULT", *taken, known, ",".join(ours) or "-", flush=True)
"""


def start_once(which: str) -> tuple[float, float, bool, str]:
    """Wall and processor seconds of one start, whether the plugin was known, and what of it was loaded."""
    environment = {**os.environ, "NAPARI_CONFIG": ""}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, which], capture_output=True, text=True, check=True, env=environment
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    _, wall, cpu, known, ours = line.split()
    return float(wall), float(cpu), known == "True", ours


def main() -> int:
    """Take turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
    loaded = ""
    for turn in range(options.repeats + 1):
        for which in ("with", "without") if turn % 2 else ("without", "with"):
            wall, cpu, known, ours = start_once(which)
            if known != (which == "with"):
                raise SystemExit(f"napari knew the plugin: {known}, in a start {which} it.")
            if which == "with":
                loaded = ours
            # The first start reads every file from disk.
            if turn:
                times[which].append((wall, cpu))
    result: dict[str, object] = {"loaded": loaded}
    for number, clock in enumerate(("wall", "cpu")):
        ours_s, theirs_s = (statistics.median(pair[number] for pair in times[which]) for which in ("with", "without"))
        ratios = [a[number] / b[number] for a, b in zip(times["with"], times["without"], strict=True)]
        quartiles = statistics.quantiles(ratios, n=4)
        result[clock] = {"with_s": ours_s, "without_s": theirs_s, "ratio": ours_s / theirs_s, "quartiles": quartiles}
        print(
            f"{clock:5} with {ours_s:.3f} s, without {theirs_s:.3f} s, ratio {ours_s / theirs_s:.3f} "
            f"(pairs: {quartiles[0]:.3f} to {quartiles[2]:.3f})"
        )
    print(f"modules of the plugin loaded: {loaded}")
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(result["cpu"]["ratio"] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
