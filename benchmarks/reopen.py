"""How soon the first mask comes when a stack is opened again, with and without embeddings on disk.

    python benchmarks/reopen.py [SEGMENTER]

Prints milliseconds from opening the stack to the first mask of twelve boxes, in an engine process whose networks are
loaded, for each of a few processes: the first has an empty store, the others find what it kept.
"""

import os
import sys
import tempfile
import time

import numpy as np

from napari_scarseg.core.box import Box
from napari_scarseg.core.case import Phase
from napari_scarseg.core.config import SegmentConfig
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.engines.client import EngineClient
from napari_scarseg.phantom import make_phantom

_REOPENINGS = 5


def time_first_mask(config: SegmentConfig) -> tuple[float, float]:
    """Milliseconds to the first and to the last mask, in a new engine process with loaded networks."""
    stack = make_phantom(15, Phase.ACUTE).stack
    _, rows, cols = stack.shape
    boxes = [
        Box(z, rows / 2 - 20, cols / 2 - 20, rows / 2 + 10, cols / 2 + 10, lesion_id=z + 1)
        for z in range(stack.shape[0])
    ]
    client = EngineClient()
    try:
        client.describe(config)
        start = time.perf_counter()
        key = client.open_stack(stack.data)
        events = client.segment(key, [Prompt(box) for box in boxes], config)
        next(events)
        first = time.perf_counter()
        list(events)
        last = time.perf_counter()
        # The embeddings are written when nobody waits.
        client.describe(config)
        time.sleep(2)
        return 1000 * (first - start), 1000 * (last - start)
    finally:
        client.close()


def main() -> None:
    """Measure and print."""
    config = SegmentConfig(segmenter=sys.argv[1]) if len(sys.argv) > 1 else SegmentConfig()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SCARSEG_CACHE_DIR"] = folder
        times = np.array([time_first_mask(config) for _ in range(1 + _REOPENINGS)])
    again = np.median(times[1:], axis=0)
    sys.stdout.write(
        f"opened first: first mask {times[0, 0]:.0f} ms, all {times[0, 1]:.0f} ms\n"
        f"opened again: first mask {again[0]:.0f} ms, all {again[1]:.0f} ms (median of {_REOPENINGS}, "
        f"slowest first mask {times[1:, 0].max():.0f} ms)\n"
    )


if __name__ == "__main__":
    main()
