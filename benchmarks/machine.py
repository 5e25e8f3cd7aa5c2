"""What a benchmark ran on, for its table: processor, cores, load, GPU, and the versions that matter; and its clock."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path


def best_time(work: Callable[[], object], rounds: int) -> float:
    """Processor seconds of the fastest of several runs: one thread, whatever else the machine does."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def describe_machine() -> dict[str, object]:
    """Facts about this machine; the load says how much of it other programs took."""
    import numpy as np
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_1min": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "gpu": gpu,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def machine_line(machine: dict[str, object]) -> str:
    """The same in one line."""
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['torch_threads']} threads, load "
        f"{machine['load_1min']}, GPU {machine['gpu']}, torch {machine['torch']}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
