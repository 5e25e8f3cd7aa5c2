"""The engine process with a clock: notes when the networks begin and end, for `nudges.py`.

    python benchmarks/timed_engine.py FILE

Serves the package's own networks as `napari_scarseg.engines.server` does, and writes a line to FILE for each pass:
what it was (locate, encode, decode), how many seconds it took, and how many seconds of processor time.
"""

import os
import sys
import time
from typing import IO, Any

from napari_scarseg import engines
from napari_scarseg.core.config import Device
from napari_scarseg.core.protocols import Detector, Segmenter
from napari_scarseg.engines.embedding_store import resolve_store
from napari_scarseg.engines.server import physical_cores, serve

_NAMES = {"locate": "locate", "embed": "encode", "masks": "decode", "masks_together": "decode"}


class TimedSegmenter:
    """A segmenter that notes how long each of its passes took."""

    def __init__(self, inner: Segmenter[Any], notes: IO[str]) -> None:
        self._inner = inner
        self._notes = notes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._timed(_NAMES[name], found) if name in _NAMES else found

    def _timed(self, name: str, call: Any) -> Any:
        def timed(*arguments: Any) -> Any:
            begun, cpu = time.perf_counter(), time.process_time()
            try:
                return call(*arguments)
            finally:
                self._notes.write(f"{name} {time.perf_counter() - begun} {time.process_time() - cpu}\n")

        return timed


class TimedEngines:
    """Where the networks come from, with the clock round the segmenter."""

    def __init__(self, notes: IO[str]) -> None:
        self._notes = notes

    def load_detector(self, name_or_path: str, device: Device) -> Detector:
        """As the package does."""
        return engines.load_detector(name_or_path, device)

    def load_segmenter(self, name_or_path: str, device: Device) -> Segmenter[Any]:
        """As the package does, with the clock."""
        return TimedSegmenter(engines.load_segmenter(name_or_path, device), self._notes)  # type: ignore[return-value]


def main() -> None:
    """Serve until the client goes."""
    os.environ.setdefault("OMP_NUM_THREADS", str(physical_cores()))
    with open(sys.argv[1], "a", buffering=1, encoding="ascii") as notes:
        serve(TimedEngines(notes), store=resolve_store())


if __name__ == "__main__":
    main()
