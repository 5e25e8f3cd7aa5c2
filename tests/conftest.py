"""What holds for every test: one thread, no windows from matplotlib, no network, nothing slow unless asked for."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

# Before anything imports numpy, torch, matplotlib or napari. The tests of a machine share its cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

HAS_TORCH = find_spec("torch") is not None
HAS_NAPARI = find_spec("napari") is not None

# Parts that cannot be imported in an environment without these libraries.
collect_ignore = []
if not HAS_TORCH:
    collect_ignore += ["engines", "training", "evaluation"]
if not (HAS_NAPARI and HAS_TORCH and find_spec("pytestqt") is not None):
    collect_ignore += ["gui"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long suites unless asked for, and skip what this machine cannot run."""
    if "long" not in config.getoption("markexpr"):
        chosen = [item for item in items if item.get_closest_marker("long") is None]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long") is not None])
        items[:] = chosen
    if not HAS_TORCH:
        _skip(items, "weights", "the bundled networks need torch")
    if any(item.get_closest_marker("gpu") for item in items) and not _has_cuda():
        _skip(items, "gpu", "no CUDA device")


def _skip(items: list[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker) is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def _has_cuda() -> bool:
    if not HAS_TORCH:
        return False
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection and every name that is not this machine's own."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_foreign(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_foreign(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_foreign(socket.AF_INET, (host, 0))
        return getaddrinfo(host, *arguments, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield
    patch.undo()


def _refuse_foreign(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in (None, "", "localhost"):
        return
    try:
        is_own = ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_own = False
    if not is_own:
        raise RuntimeError(f"A test tried to reach {host}; tests use no network.")
