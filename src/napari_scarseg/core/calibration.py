"""Where to cut a map of logits: at the highest expected Dice, or a little above.

One threshold for all masks is a compromise: where the network is sure, 0.5 is best, and where it is not, a lower one.
If the probabilities are right, the cut that maximises the expected Dice can be computed for every mask (Lipton et al.,
Optimal thresholding of classifiers to maximize F1 measure, ECML 2014; it lies at half of the Dice that it reaches).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]

# A map on which hardly anything is likely has a cut all the same; below this probability (0.05) it would be noise.
LOWEST_CUT = -3.0
# Masks of the highest expected Dice are too large: a missed pixel costs more than an added one. The top is flat:
# cut 0.125 higher in log odds, out-of-fold masks of EMIDEC with true boxes lost 6 points of size and 0.001 of DSC.
SIZE_STEP = 0.1
# A detector's box may hold no scar at all, or more than the scar: what lies in it is less sure than in a person's.
FOUND_SIZE_STEP = 0.3


@dataclass(frozen=True, slots=True)
class Calibration:
    """From a network's logits to log odds that can be believed: logit / temperature + bias (Platt scaling).

    Parameters
    ----------
    temperature : float
        Above 0; above 1 where the network is surer than it should be.
    bias : float
    """

    temperature: float
    bias: float

    def log_odds(self, logits: Logits) -> Logits:
        """Log odds of any shape."""
        return np.asarray(logits / np.float32(self.temperature) + np.float32(self.bias), dtype=np.float32)


def best_cut(log_odds: Logits) -> float:
    """Log odds above which pixels belong to the mask of the highest expected Dice; at least `LOWEST_CUT`.

    Parameters
    ----------
    log_odds : ndarray of float32, any shape
        Of all pixels that may belong to the mask.
    """
    if not log_odds.size:
        return 0.0
    falling = np.sort(log_odds, axis=None)[::-1].astype(np.float64)
    probs = 1 / (1 + np.exp(-np.clip(falling, -30, 30)))
    shared = np.cumsum(probs)
    # The expectation of a ratio by the ratio of expectations: close for masks of more than a few pixels.
    expected = 2 * shared / (np.arange(1, len(probs) + 1) + shared[-1])
    last = int(np.argmax(expected))
    after = falling[last + 1] if last + 1 < len(falling) else falling[last] - 1
    return max(float(falling[last] + after) / 2, LOWEST_CUT)


def centre_logits(
    logits: Logits, calibration: Calibration, threshold_logit: float, size_step: float = SIZE_STEP
) -> Logits:
    """Calibrated log odds, moved so that `size_step` above their best cut lies at `threshold_logit`.

    `logits` are those of all pixels that may belong to one mask, of any shape.
    """
    log_odds = calibration.log_odds(logits)
    return np.asarray(log_odds + np.float32(threshold_logit - best_cut(log_odds) - size_step), dtype=np.float32)
