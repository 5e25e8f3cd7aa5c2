"""Fakes of the networks, and clients whose engine process serves them."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from napari_scarseg.engines.client import EngineClient

_FAKE_ENGINE = Path(__file__).with_name("fake_engine.py")


@pytest.fixture(scope="session")
def fakes() -> ModuleType:
    """The module `fake_engine.py`: FakeDetector, FakeSegmenter, FakeFactory."""
    spec = importlib.util.spec_from_file_location("fake_engine", _FAKE_ENGINE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake_command() -> list[str]:
    """What starts an engine process that serves the fakes."""
    return [sys.executable, str(_FAKE_ENGINE)]


@pytest.fixture
def make_client(fake_command: list[str]) -> Iterator[Callable[..., EngineClient]]:
    """Make clients of the fake engine process; closed after the test."""
    clients = []

    def make(*arguments: str) -> EngineClient:
        clients.append(EngineClient([*fake_command, *arguments]))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def client(fake_command: list[str]) -> Iterator[EngineClient]:
    """One client for a whole file, as in a window: what a test does to its process, the next one must survive."""
    client = EngineClient(fake_command)
    yield client
    client.close()


@pytest.fixture
def heart() -> np.ndarray:
    """Six slices of 64 × 64: the first and last constant, the others with an LV (150) and a 6 × 8 px scar (250)."""
    data = np.zeros((6, 64, 64), dtype=np.uint8)
    data[1:5, 20:44, 20:44] = 150
    data[1:5, 22:28, 24:32] = 250
    return data
