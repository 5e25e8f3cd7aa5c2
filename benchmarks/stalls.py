"""How long the window is deaf: a timer that ticks in it, and a thread that looks where the window's thread is."""

import sys
import threading
import time

from qtpy.QtCore import QTimer

TICK_MS = 20
SAMPLE_S = 0.005


class Stalls:
    """Ticks in the window until stopped. Made on the window's thread."""

    def __init__(self) -> None:
        self._gaps: list[tuple[float, float, float]] = []
        self._ours = 0
        self._seen = 0
        self._last = (time.perf_counter(), time.thread_time())
        self._window = threading.get_ident()
        self._stop = threading.Event()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(TICK_MS)
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """Longest gap, its processor time, and the longest part of any gap that was ours, ms."""
        self._timer.stop()
        self._stop.set()
        self._thread.join()
        return {
            "longest_gap_ms": 1e3 * max(gap for gap, _, _ in self._gaps),
            "longest_gap_cpu_ms": 1e3 * max(cpu for _, cpu, _ in self._gaps),
            "longest_own_cpu_ms": 1e3 * max(cpu * share for _, cpu, share in self._gaps),
        }

    def _tick(self) -> None:
        now = (time.perf_counter(), time.thread_time())
        share = self._ours / self._seen if self._seen else 0.0
        self._gaps.append((now[0] - self._last[0], now[1] - self._last[1], share))
        self._last, self._ours, self._seen = now, 0, 0

    def _look(self) -> None:
        while not self._stop.wait(SAMPLE_S):
            # Names of files alone, innermost first: to read the lines as well would slow what is measured.
            frame, files = sys._current_frames().get(self._window), []
            while frame is not None:
                files.append(frame.f_code.co_filename)
                frame = frame.f_back
            lines = [name for name in files if any(part in name for part in ("napari", "vispy", "qtpy"))]
            if lines and "benchmarks" not in files[0]:
                self._seen += 1
                self._ours += "napari_scarseg" in lines[0]
