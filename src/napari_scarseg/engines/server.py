"""The engine process: runs the networks, away from the window.

`python -m napari_scarseg.engines.server` serves the package's own networks; `serve` serves any factory of them. One
thread listens, so that a cancel is heard at any time; the main thread works. The process ends when its client's does:
its standard input ends, its connection ends, or it has another parent. An unexpected error ends it too, with a
traceback on standard error, and the client tells the user; errors with a sentence go to the client as they are.
"""

import json
import os
import queue
import sys
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import closing, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.protocols import Detector, EngineInfo, Prompt, Segmenter
from napari_scarseg.engines.cache import EmbeddingCache
from napari_scarseg.engines.messages import (
    Answer,
    CancelJob,
    CloseStack,
    DescribeRequest,
    DetectEvent,
    DetectRequest,
    Failed,
    Finished,
    Job,
    OpenStack,
    Order,
    Ping,
    Pong,
    Reply,
    Request,
    SegmentEvent,
    SegmentRequest,
    StackOpened,
)
from napari_scarseg.engines.pipeline import detect_slices, segment_prompts
from napari_scarseg.engines.shared_volume import AttachedVolume
from napari_scarseg.errors import ScarSegError

_PARENT_POLL_S = 1.0
# Networks kept of each kind: enough to go back and forth between two, not enough to fill the memory with ten.
_KEPT_NETWORKS = 2
_WARM_UP_PLANE_PX = 128

Network = TypeVar("Network")


class EngineFactory(Protocol):
    """Where the networks come from; the module `napari_scarseg.engines` is one."""

    def load_detector(self, name_or_path: str, device: Device) -> Detector:
        """Load a detector by name or path."""
        ...

    def load_segmenter(self, name_or_path: str, device: Device) -> Segmenter[Any]:
        """Load a segmenter by name or path."""
        ...


class _LoadedNetworks:
    """Networks by configuration, loaded when first asked for; the last few of each kind stay."""

    def __init__(self, factory: EngineFactory) -> None:
        self._factory = factory
        self._detectors: OrderedDict[tuple[object, ...], Detector] = OrderedDict()
        self._segmenters: OrderedDict[tuple[object, ...], Segmenter[Any]] = OrderedDict()

    def detector(self, config: DetectConfig) -> Detector:
        key = (config.detector, config.device, _file_version(config.detector))
        if key not in self._detectors:
            _keep(self._detectors, key, self._factory.load_detector(config.detector, config.device))
        self._detectors.move_to_end(key)
        return self._detectors[key]

    def segmenter(self, config: SegmentConfig) -> Segmenter[Any]:
        key = (config.segmenter, config.device, _file_version(config.segmenter))
        if key not in self._segmenters:
            _keep(self._segmenters, key, self._factory.load_segmenter(config.segmenter, config.device))
        self._segmenters.move_to_end(key)
        return self._segmenters[key]


class _Desk:
    """The jobs that wait, the one being done, and the line to the client. Shared by the two threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.waiting: queue.SimpleQueue[Job | CloseStack] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current: int | None = None
        self._cancelled: set[int] = set()

    def send(self, reply: Reply) -> None:
        """Send one reply; ends the process when nobody is there to read it."""
        with self._lock:
            self._send(reply)

    def begin(self, number: int) -> bool:
        """Whether a job should be done; False when it was cancelled (and answered) while it waited."""
        with self._lock:
            if number in self._cancelled:
                self._cancelled.discard(number)
                return False
            self._current = number
            return True

    def is_cancelled(self, number: int) -> bool:
        with self._lock:
            return number in self._cancelled

    def end(self, reply: Finished | Failed) -> None:
        """Answer the job being done for the last time."""
        with self._lock:
            self._current = None
            self._cancelled.discard(reply.number)
            self._send(reply)

    def cancel(self, number: int) -> None:
        """Note that a job is not wanted; one that has not begun is over with that."""
        with self._lock:
            self._cancelled.add(number)
            if self._current != number:
                self._send(Finished(number))

    def _send(self, reply: Reply) -> None:
        try:
            self.connection.send(reply)
        except OSError:
            _leave()


class _Volumes:
    """The attached stacks by key.

    The listening thread adds and removes, the working thread takes: the client closes no stack that a job works on.
    """

    def __init__(self) -> None:
        self._attached: dict[str, AttachedVolume] = {}

    def open(self, order: OpenStack) -> None:
        # Opened twice when the client was cancelled before it heard of the first: the name may be gone by now.
        if order.volume.key not in self._attached:
            self._attached[order.volume.key] = AttachedVolume(order.volume)

    def get(self, key: str) -> AttachedVolume:
        return self._attached[key]

    def close(self, key: str) -> None:
        volume = self._attached.pop(key, None)
        if volume is not None:
            volume.close()


def serve(factory: EngineFactory, *, warm_up: bool = True) -> None:
    """Serve one client until it goes; never returns.

    Reads from standard input one line of JSON: `key` (hexadecimal) and `address` (where to listen, or null for a port
    of the loopback), and writes to standard output one line of JSON, the address. Whatever else is printed goes to
    standard error.

    Parameters
    ----------
    factory : EngineFactory
    warm_up : bool
        Load the bundled networks and run each once before the first job, so that the first click is as fast as others.
    """
    introduction = json.loads(sys.stdin.readline())
    threading.excepthook = _end_on_error
    threading.Thread(target=_end_with_stdin, name="scarseg-parent", daemon=True).start()
    answer = _take_stdout()
    address = introduction["address"] or ("127.0.0.1", 0)
    listener = Listener(address, authkey=bytes.fromhex(introduction["key"]))
    with os.fdopen(answer, "w") as stream:
        stream.write(json.dumps(listener.address) + "\n")
    networks = _LoadedNetworks(factory)
    volumes = _Volumes()
    desks: queue.SimpleQueue[_Desk] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(listener, desks, volumes), name="scarseg-listen", daemon=True).start()
    if warm_up:
        _warm_up(networks)
    _work(desks.get(), networks, volumes)


def _listen(listener: Listener, desks: "queue.SimpleQueue[_Desk]", volumes: _Volumes) -> None:
    """Take the client's orders; cancels and volumes at once, jobs for the working thread."""
    desk = _Desk(_accept_client(listener))
    # The client removes the socket's folder as soon as it is connected.
    with suppress(OSError):
        listener.close()
    desks.put(desk)
    parent = os.getppid()
    while True:
        try:
            if not desk.connection.poll(_PARENT_POLL_S):
                if os.getppid() != parent:
                    _leave()
                continue
            order: Order = desk.connection.recv()
        except (OSError, EOFError):
            _leave()
        match order:
            case OpenStack():
                volumes.open(order)
                desk.send(StackOpened(order.volume.key))
            case Ping():
                desk.send(Pong())
            case CancelJob():
                desk.cancel(order.number)
            case CloseStack():
                volumes.close(order.key)
                desk.waiting.put(order)
            case Job():
                desk.waiting.put(order)


def _accept_client(listener: Listener) -> Connection:
    while True:
        try:
            return listener.accept()
        except AuthenticationError:
            continue


def _work(desk: _Desk, networks: _LoadedNetworks, volumes: _Volumes) -> None:
    """Do one job after the other."""
    cache = EmbeddingCache()
    while True:
        order = desk.waiting.get()
        if isinstance(order, CloseStack):
            cache.forget_stack(order.key)
        elif desk.begin(order.number):
            desk.end(_do_job(order, desk, networks, volumes, cache))


def _do_job(
    job: Job, desk: _Desk, networks: _LoadedNetworks, volumes: _Volumes, cache: EmbeddingCache
) -> Finished | Failed:
    """Send the answers of one job as they come, and return how it ended."""
    try:
        with closing(_answer(job.request, networks, volumes, cache)) as contents:
            for content in contents:
                if desk.is_cancelled(job.number):
                    break
                desk.send(Answer(job.number, content))
    except ScarSegError as error:
        return Failed(job.number, error)
    return Finished(job.number)


def _answer(
    request: Request, networks: _LoadedNetworks, volumes: _Volumes, cache: EmbeddingCache
) -> Generator[DetectEvent | SegmentEvent | EngineInfo, None, None]:
    match request:
        case DetectRequest():
            detector = networks.detector(request.config)
            data = volumes.get(request.key).data
            for done, detections in enumerate(detect_slices(data, detector, request.slices), start=1):
                yield DetectEvent(detections, done, len(request.slices), detector.info)
        case SegmentRequest():
            segmenter = networks.segmenter(request.config)
            data = volumes.get(request.key).data
            masks = segment_prompts(data, request.prompts, segmenter, cache, stack_sha256=request.key)
            for done, mask in enumerate(masks, start=1):
                yield SegmentEvent(mask, done, len(request.prompts), segmenter.info)
        case DescribeRequest(config=DetectConfig() as config):
            yield networks.detector(config).info
        case DescribeRequest(config=SegmentConfig() as config):
            yield networks.segmenter(config).info


def _warm_up(networks: _LoadedNetworks) -> None:
    """Load the bundled networks and run each on a ramp. What goes wrong is told when somebody asks for them."""
    side = _WARM_UP_PLANE_PX
    data = np.linspace(0, 1, side * side, dtype=np.float32).reshape(1, side, side)
    middle = Box(0, side / 4, side / 4, side / 2, side / 2, lesion_id=1)
    try:
        list(detect_slices(data, networks.detector(DetectConfig()), [0]))
        list(segment_prompts(data, [Prompt(middle)], networks.segmenter(SegmentConfig())))
    except ScarSegError as error:
        sys.stderr.write(f"{error}\n")


def _keep(networks: "OrderedDict[tuple[object, ...], Network]", key: tuple[object, ...], network: Network) -> None:
    networks[key] = network
    while len(networks) > _KEPT_NETWORKS:
        networks.popitem(last=False)


def _file_version(name_or_path: str) -> tuple[int, int] | None:
    """Time and size of a weights file, so that a changed one is loaded again; None for a name."""
    try:
        status = Path(name_or_path).stat()
    except (OSError, ValueError):
        return None
    return (status.st_mtime_ns, status.st_size)


def _take_stdout() -> int:
    """Keep standard output for the answer; whatever else prints goes to standard error."""
    sys.stdout.flush()
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _end_with_stdin() -> None:
    """End the process when standard input does: the client is gone, or wants it so."""
    sys.stdin.read()
    _leave()


def _end_on_error(arguments: threading.ExceptHookArgs) -> None:
    """An error in the listening thread leaves nobody to talk to: report it and end."""
    sys.excepthook(arguments.exc_type, arguments.exc_value or arguments.exc_type(), arguments.exc_traceback)
    sys.stderr.flush()
    os._exit(1)


def _leave() -> NoReturn:
    os._exit(0)


def physical_cores() -> int:
    """Physical cores that this process may use, at least one: a second thread on a core only slows networks down."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        import psutil
    except ModuleNotFoundError:
        return allowed
    return max(min(psutil.cpu_count(logical=False) or allowed, allowed), 1)


def main() -> None:
    """Serve the package's own networks."""
    # Before the first import of torch, which reads it once; a user's own choice stands.
    os.environ.setdefault("OMP_NUM_THREADS", str(physical_cores()))
    from napari_scarseg import engines

    serve(engines)


if __name__ == "__main__":
    main()
