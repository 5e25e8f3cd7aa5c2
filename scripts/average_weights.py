"""The mean of two weights files of one network, tensor by tensor.

    python scripts/average_weights.py BEFORE.safetensors AFTER.safetensors OUT.safetensors

Halfway between a network and what a further training made of it (WiSE-FT; Wortsman et al., CVPR 2022,
arXiv:2109.01903): most of what was learnt for changed images, without what was lost on unchanged ones. The header is
that of AFTER, with the hashes of both files in its provenance. How dark windows are lifted is no part of the network:
it is AFTER's too.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from napari_scarseg.engines.weight_files import LoadedWeights, read_weights, save_weights


def average(before: LoadedWeights, after: LoadedWeights, out: Path) -> None:
    """Write the mean; what is counted and not measured (integers) is taken from `after`."""
    if before.header.architecture != after.header.architecture or _network(before) != _network(after):
        sys.exit("The two files hold different networks, which have no mean; give a network and what was made of it.")
    tensors = {
        name: (before.tensors[name] + tensor) / 2 if tensor.is_floating_point() else tensor
        for name, tensor in after.tensors.items()
    }
    provenance = {**after.header.provenance, "mean_of_sha256": [before.sha256, after.sha256]}
    save_weights(out, tensors, replace(after.header, provenance=provenance))


def _network(weights: LoadedWeights) -> dict[str, object]:
    return {name: value for name, value in weights.header.config.items() if name != "least_median"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("before", "after", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    average(read_weights(given.before), read_weights(given.after), given.out)


if __name__ == "__main__":
    main()
