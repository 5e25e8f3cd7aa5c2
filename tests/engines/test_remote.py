"""An engine on another machine, here on the loopback: the same answers, and nobody comes in without the key."""

import contextlib
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.engines import messages
from napari_scarseg.engines.choice import open_client
from napari_scarseg.engines.client import Cancelled, EngineClient, EngineDied
from napari_scarseg.engines.networks import NamedNetworks
from napari_scarseg.engines.relay import EngineRelay
from napari_scarseg.engines.remote import EngineAddress, make_key, read_key, resolve_address
from napari_scarseg.errors import InputError, WeightsError

SCAR = Box(1, 22, 24, 28, 32, lesion_id=1)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    make_key(tmp_path / "engine.key")
    return tmp_path / "engine.key"


@pytest.fixture
def relay(fake_command, key_file) -> Iterator[EngineRelay]:
    """`scarseg serve` with the fakes, at a free port."""
    relay = EngineRelay("127.0.0.1", 0, read_key(key_file), fake_command)
    thread = threading.Thread(target=relay.serve, daemon=True)
    thread.start()
    yield relay
    relay.close()
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def client(relay, key_file) -> Iterator[EngineClient]:
    client = EngineClient(address=EngineAddress("127.0.0.1", relay.port, key_file))
    yield client
    client.close()


def wait_until(condition: Callable[[], bool], limit_s: float = 60.0) -> bool:
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_answers_are_those_of_an_engine_here(client, make_client, heart) -> None:
    here = make_client()
    for engine in (here, client):
        engine.key = engine.open_stack(heart)
    ours, theirs = (list(engine.detect(engine.key, [3, 1, 0])) for engine in (here, client))
    assert [event.detections.slice for event in theirs] == [3, 1, 0]
    for one, other in zip(ours, theirs, strict=True):
        assert [box.corners for box in one.detections.scars] == [box.corners for box in other.detections.scars]
    prompts = [Prompt(SCAR), Prompt(Box(2, 22, 24, 28, 32, lesion_id=2))]
    ours, theirs = (list(engine.segment(engine.key, prompts)) for engine in (here, client))
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.mask.logits, other.mask.logits)
    assert theirs[0].info.note == "Computed on another machine." and ours[0].info.note == ""
    assert client.describe(SegmentConfig()).note == "Computed on another machine."
    assert client.pid is None


def test_errors_come_with_their_class(client, heart) -> None:
    key = client.open_stack(heart)
    with pytest.raises(WeightsError, match="There are no weights none"):
        list(client.detect(key, [0], DetectConfig("none")))
    assert list(client.detect(key, [1])), "and the engine goes on"


def test_cancel_is_heard_within_a_second_and_the_next_call_works(client, heart) -> None:
    key = client.open_stack(heart)
    list(client.detect(key, [1]))
    threading.Timer(0.3, client.cancel).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        list(client.detect(key, [1, 2], DetectConfig("stuck")))
    assert time.monotonic() - start < 30, "a stuck network takes a minute"
    assert len(list(client.detect(key, [1, 2]))) == 2


def test_an_engine_that_dies_is_told_and_the_relay_lives(client, relay, heart) -> None:
    key = client.open_stack(heart)
    with pytest.raises(EngineDied, match=r"^The connection to the engine at 127.0.0.1:\d+ was lost; your layers are"):
        list(client.detect(key, [1], DetectConfig("exit")))
    assert len(list(client.detect(key, [1, 2]))) == 2


def test_a_client_that_goes_takes_its_process_along(client, relay, heart) -> None:
    list(client.detect(client.open_stack(heart), [1]))
    (engine,) = relay._engines
    process = psutil.Process(engine.pid)
    client.close()
    assert wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert wait_until(lambda: not relay._engines)


def test_two_clients_have_an_engine_each(client, relay, key_file, heart) -> None:
    other = EngineClient(address=EngineAddress("127.0.0.1", relay.port, key_file))
    with contextlib.closing(other):
        assert list(client.detect(client.open_stack(heart), [1]))
        assert list(other.detect(other.open_stack(heart), [1]))
        assert len(relay._engines) == 2


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_refused_on_both_sides(relay, tmp_path, heart) -> None:
    make_key(tmp_path / "other.key")
    client = EngineClient(address=EngineAddress("127.0.0.1", relay.port, tmp_path / "other.key"))
    with pytest.raises(EngineDied, match="has another key; copy the key file"):
        list(client.detect(client.open_stack(heart), [1]))
    client.close()
    with pytest.raises((AuthenticationError, EOFError, OSError)):
        Client(("127.0.0.1", relay.port), authkey=b"guess")


def test_a_server_without_the_key_learns_nothing(key_file, heart) -> None:
    """Who listens in the engine's place is challenged before a voxel is sent."""
    listener = Listener(("127.0.0.1", 0))
    received = []

    def pretend() -> None:
        with listener.accept() as visitor:
            visitor.send_bytes(b"#CHALLENGE#" + bytes(20))
            with contextlib.suppress(EOFError, OSError):
                received.append(visitor.recv_bytes())
                visitor.send_bytes(b"#WELCOME#")
                received.append(visitor.recv_bytes())
                visitor.send_bytes(pickle.dumps("guess"))
                received.append(visitor.recv_bytes())
                received.append(visitor.recv_bytes())

    thread = threading.Thread(target=pretend, daemon=True)
    thread.start()
    client = EngineClient(address=EngineAddress("127.0.0.1", listener.address[1], key_file))
    with pytest.raises(EngineDied):
        list(client.detect(client.open_stack(heart), [1]))
    client.close()
    thread.join(10)
    listener.close()
    assert received and all(len(message) < 200 for message in received)


class _Hostile:
    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self):
        return (os.mkdir, (self.target,))


def test_pickles_of_either_side_are_not_opened(relay, key_file, tmp_path, heart) -> None:
    target = tmp_path / "owned"
    hostile = Client(("127.0.0.1", relay.port), authkey=read_key(key_file))
    hostile.send(_Hostile(target))
    with pytest.raises((EOFError, OSError)):
        # The engine process of this client ends; there is nothing to say.
        hostile.recv_bytes()
    listener = Listener(("127.0.0.1", 0), authkey=read_key(key_file))

    def answer_with_pickle() -> None:
        with listener.accept() as visitor, contextlib.suppress(EOFError, OSError):
            visitor.recv_bytes()
            visitor.send(_Hostile(target))
            visitor.recv_bytes()

    threading.Thread(target=answer_with_pickle, daemon=True).start()
    client = EngineClient(address=EngineAddress("127.0.0.1", listener.address[1], key_file))
    with pytest.raises(EngineDied, match="was lost"):
        list(client.detect(client.open_stack(heart), [1]))
    client.close()
    listener.close()
    assert not target.exists()


def test_a_visitor_who_says_nothing_keeps_nobody_waiting(relay, client, heart) -> None:
    with socket.create_connection(("127.0.0.1", relay.port)):
        assert list(client.detect(client.open_stack(heart), [1]))


def test_a_client_elsewhere_cannot_name_this_machines_files(fakes) -> None:
    networks = NamedNetworks(fakes.FakeFactory())
    assert networks.load_segmenter("bundled", Device.CPU).info.name == "bundled"
    for name in ("/etc/passwd", "../weights.safetensors", "C:\\w", "weights.safetensors", ""):
        with pytest.raises(WeightsError, match="by their name alone"):
            networks.load_detector(name, Device.CPU)


def test_a_key_file_is_its_owners_alone(tmp_path) -> None:
    path = tmp_path / "folder" / "engine.key"
    key = make_key(path)
    assert read_key(path) == key and len(key) == 32
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)
        with pytest.raises(InputError, match="Others can read the key file 'engine.key'"):
            read_key(path)
        path.chmod(0o600)
    with pytest.raises(InputError, match="cannot be written"):
        make_key(path)
    path.write_text("not a key\n")
    with pytest.raises(InputError, match="does not hold a key"):
        read_key(path)
    with pytest.raises(InputError, match="no readable key file 'none.key'"):
        read_key(tmp_path / "none.key")


def test_the_environment_names_the_engine(monkeypatch, tmp_path, key_file) -> None:
    monkeypatch.delenv("SCARSEG_ENGINE", raising=False)
    assert resolve_address() is None
    monkeypatch.setenv("SCARSEG_ENGINE_KEY", str(key_file))
    monkeypatch.setenv("SCARSEG_ENGINE", "127.0.0.1:7000")
    assert resolve_address() == EngineAddress("127.0.0.1", 7000, key_file)
    monkeypatch.setenv("SCARSEG_ENGINE", "workstation")
    assert str(resolve_address()) == "workstation:7531"
    monkeypatch.setenv("SCARSEG_ENGINE", "host:many")
    with pytest.raises(InputError, match="no host and port"):
        resolve_address()
    monkeypatch.setenv("SCARSEG_ENGINE", "127.0.0.1:9")
    client = open_client()
    with pytest.raises(EngineDied, match="No engine answers at 127.0.0.1:9"):
        client.describe(SegmentConfig())
    client.close()
    monkeypatch.setenv("SCARSEG_ENGINE_KEY", str(tmp_path / "none"))
    with pytest.raises(InputError, match="no readable key file"):
        open_client()


def test_memory_of_this_machine_is_not_opened_for_a_client_elsewhere() -> None:
    from napari_scarseg.engines.server import _Volumes
    from napari_scarseg.engines.wire import WireError

    order = messages.OpenStack(messages.VolumeHandle("k", (1, 2, 2), "<i2", "psm_of_another_program"))
    with pytest.raises(WireError):
        _Volumes(shares_memory=False).open(order)
