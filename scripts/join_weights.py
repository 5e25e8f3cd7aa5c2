"""Join trained networks of one configuration into one file, whose answer is the mean of theirs.

    python scripts/join_weights.py FIRST.safetensors SECOND.safetensors [MORE ...] OUT.safetensors

The networks are to be trained from different random starts, so that they err differently (Lakshminarayanan et al.,
Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles, NeurIPS 2017), and on the same stacks. The
header is the first's, and says with which files it was joined.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from napari_scarseg.engines.small_ensemble import join_members
from napari_scarseg.engines.weight_files import LoadedWeights, read_weights, save_weights

STACKS = "training_stacks_sha256"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("members", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    files = [read_weights(path) for path in given.members]
    first = files[0]
    if len(files) < 2:
        sys.exit("Name at least two files to join, and the one to write.")
    if any(one.header.config != first.header.config or one.tensors.keys() != first.tensors.keys() for one in files):
        sys.exit("The files are of different networks; join runs of the same configuration.")
    if any(_stacks(one) != _stacks(first) for one in files):
        sys.exit("The files were trained on different stacks; what is held out of one has to be held out of all.")
    others = [{name: value for name, value in one.header.provenance.items() if name != STACKS} for one in files[1:]]
    provenance = {**first.header.provenance, "joined_with": others}
    config = {**first.header.config, "members": len(files)}
    header = replace(first.header, config=config, provenance=provenance)
    save_weights(given.out, join_members([one.tensors for one in files]), header)


def _stacks(file: LoadedWeights) -> list[str]:
    return sorted(file.header.provenance.get(STACKS, ()))


if __name__ == "__main__":
    main()
