"""The guards of the test run itself."""

import os
import socket
import urllib.request
from importlib.util import find_spec

import pytest


def test_no_connection_leaves_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(RuntimeError, match=r"reach 192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))


def test_no_name_is_looked_up() -> None:
    with pytest.raises(RuntimeError, match=r"reach example\.org"):
        urllib.request.urlopen("http://example.org/")


def test_this_machine_itself_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.skipif("SCARSEG_CORE_ENV" not in os.environ, reason="only in the environment of `tox -e core`")
@pytest.mark.parametrize("library", ["napari", "qtpy", "PyQt6", "PySide6", "magicgui", "torch", "ultralytics", "cv2"])
def test_core_environment_lacks(library: str) -> None:
    assert find_spec(library) is None, f"{library} is installed, so this run proves nothing about doing without it"
