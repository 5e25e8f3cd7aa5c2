"""Average the segmenter's weights over two ends of one training, tensor by tensor.

    python scripts/average_weights.py FIRST.safetensors SECOND.safetensors OUT.safetensors

The second run began with the first one's weights (`initial_weights`), so both lie in one basin of the loss, where a
mean tends to generalise better than either (Izmailov et al., Averaging Weights Leads to Wider Optima, UAI 2018). The
header is the second's, and says with which file it was averaged; both have to be trained on the same stacks.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from napari_scarseg.engines.weight_files import read_weights, save_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    first, second = read_weights(given.first), read_weights(given.second)
    if first.header.config != second.header.config or first.tensors.keys() != second.tensors.keys():
        sys.exit("The two files are of different networks; average two runs of the same configuration.")
    mean = {name: _mean(first.tensors[name], tensor) for name, tensor in second.tensors.items()}
    provenance = {**second.header.provenance, "averaged_with_sha256": first.sha256}
    save_weights(given.out, mean, replace(second.header, provenance=provenance))


def _mean(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """In double precision; counters are the second's."""
    if not other.is_floating_point():
        return other
    return ((one.double() + other.double()) / 2).to(other.dtype)


if __name__ == "__main__":
    main()
