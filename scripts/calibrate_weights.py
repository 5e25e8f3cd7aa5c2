"""Write a calibration and a threshold into the header of the segmenter's weights.

    python scripts/calibrate_weights.py TRAINED.safetensors OUT.safetensors --temperature T --bias B

T and B are what scripts/fit_scores.py prints as `prompted`. With a calibration every mask is cut where its expected
Dice is highest, and its logits are moved so that this is at 0, which becomes the threshold. The tensors stay as they
are.
"""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

from napari_scarseg.core.calibration import Calibration
from napari_scarseg.engines.weight_files import read_weights, save_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--bias", type=float, required=True)
    given = parser.parse_args()
    if not (0 < given.temperature < math.inf and math.isfinite(given.bias)):
        sys.exit("The temperature has to be above 0, and both numbers finite.")
    weights = read_weights(given.trained)
    calibration = Calibration(given.temperature, given.bias)
    save_weights(given.out, weights.tensors, replace(weights.header, threshold_logit=0.0, calibration=calibration))


if __name__ == "__main__":
    main()
