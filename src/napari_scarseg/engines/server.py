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
from collections.abc import Generator
from contextlib import closing, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Listener

import numpy as np

from napari_scarseg.core.box import Box
from napari_scarseg.core.config import DetectConfig, SegmentConfig
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines.cache import EmbeddingCache, Store
from napari_scarseg.engines.desk import Desk, leave
from napari_scarseg.engines.embedding_store import resolve_store
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
    Request,
    SegmentEvent,
    SegmentRequest,
    StackOpened,
)
from napari_scarseg.engines.networks import EngineFactory, LoadedNetworks, NamedNetworks
from napari_scarseg.engines.pipeline import detect_slices, segment_prompts
from napari_scarseg.engines.process import REMOTE_FLAG
from napari_scarseg.engines.shared_volume import AttachedVolume
from napari_scarseg.engines.wire import Wire, WireError
from napari_scarseg.errors import ScarSegError

_PARENT_POLL_S = 1.0
_WARM_UP_PLANE_PX = 128


class _Volumes:
    """The attached stacks by key.

    The listening thread adds and removes, the working thread takes: the client closes no stack that a job works on.
    """

    def __init__(self, shares_memory: bool) -> None:
        self._shares_memory = shares_memory
        self._attached: dict[str, AttachedVolume] = {}

    def open(self, order: OpenStack) -> None:
        if not self._shares_memory and order.volume.values is None:
            raise WireError("A client on another machine named memory of this one.")
        # Opened twice when the client was cancelled before it heard of the first: the name may be gone by now.
        if order.volume.key not in self._attached:
            self._attached[order.volume.key] = AttachedVolume(order.volume)

    def get(self, key: str) -> AttachedVolume:
        return self._attached[key]

    def close(self, key: str) -> None:
        volume = self._attached.pop(key, None)
        if volume is not None:
            volume.close()


def serve(
    factory: EngineFactory, *, warm_up: bool = True, store: Store | None = None, shares_memory: bool = True
) -> None:
    """Serve one client until it goes; never returns.

    Reads from standard input one line of JSON: `key` (hexadecimal) and `address` (where to listen, or null for a port
    of the loopback), and writes to standard output one line of JSON, the address. Whatever else is printed goes to
    standard error.

    Parameters
    ----------
    factory : EngineFactory
    warm_up : bool
        Load the bundled networks and run each once before the first job, so that the first click is as fast as others.
    store : Store, optional
        Keeps embeddings beyond this process.
    shares_memory : bool
        Whether the client is a program of this machine; otherwise it has no business in this machine's memory.
    """
    introduction = json.loads(sys.stdin.readline())
    threading.excepthook = _end_on_error
    threading.Thread(target=_end_with_stdin, name="scarseg-parent", daemon=True).start()
    answer = _take_stdout()
    address = introduction["address"] or ("127.0.0.1", 0)
    listener = Listener(address, authkey=bytes.fromhex(introduction["key"]))
    with os.fdopen(answer, "w") as stream:
        stream.write(json.dumps(listener.address) + "\n")
    networks = LoadedNetworks(factory)
    volumes = _Volumes(shares_memory)
    desks: queue.SimpleQueue[Desk] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(listener, desks, volumes), name="scarseg-listen", daemon=True).start()
    if warm_up:
        _warm_up(networks)
    _work(desks.get(), networks, volumes, EmbeddingCache(store=store))


def _listen(listener: Listener, desks: "queue.SimpleQueue[Desk]", volumes: _Volumes) -> None:
    """Take the client's orders; cancels and volumes at once, jobs for the working thread."""
    desk = Desk(_accept_client(listener))
    # The client removes the socket's folder as soon as it is connected.
    with suppress(OSError):
        listener.close()
    desks.put(desk)
    parent = os.getppid()
    while True:
        try:
            if not desk.wire.poll(_PARENT_POLL_S):
                if os.getppid() != parent:
                    leave()
                continue
            order: Order = desk.wire.recv()
        except (OSError, EOFError):
            leave()
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


def _accept_client(listener: Listener) -> Wire:
    while True:
        try:
            return Wire(listener.accept())
        except AuthenticationError:
            continue


def _work(desk: Desk, networks: LoadedNetworks, volumes: _Volumes, cache: EmbeddingCache) -> None:
    """Do one job after the other; between them, while nobody waits, write embeddings to disk."""
    while True:
        cache.store_waiting(lambda: not desk.waiting.empty())
        order = desk.waiting.get()
        if isinstance(order, CloseStack):
            cache.forget_stack(order.key)
        elif desk.begin(order.number):
            desk.end(_do_job(order, desk, networks, volumes, cache))


def _do_job(
    job: Job, desk: Desk, networks: LoadedNetworks, volumes: _Volumes, cache: EmbeddingCache
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
    request: Request, networks: LoadedNetworks, volumes: _Volumes, cache: EmbeddingCache
) -> Generator[DetectEvent | SegmentEvent | EngineInfo, None, None]:
    match request:
        case DetectRequest():
            detector = networks.detector(request.config)
            data = volumes.get(request.key).data
            for done, detections in enumerate(detect_slices(data, detector, request.slices), start=1):
                cache.lvs.put(request.key, detections.slice, detector.info, detections.lv)
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


def _warm_up(networks: LoadedNetworks) -> None:
    """Load the bundled networks and run each on a ramp. What goes wrong is told when somebody asks for them."""
    side = _WARM_UP_PLANE_PX
    data = np.linspace(0, 1, side * side, dtype=np.float32).reshape(1, side, side)
    middle = Box(0, side / 4, side / 4, side / 2, side / 2, lesion_id=1)
    try:
        list(detect_slices(data, networks.detector(DetectConfig()), [0]))
        list(segment_prompts(data, [Prompt(middle)], networks.segmenter(SegmentConfig())))
    except ScarSegError as error:
        sys.stderr.write(f"{error}\n")


def _take_stdout() -> int:
    """Keep standard output for the answer; whatever else prints goes to standard error."""
    sys.stdout.flush()
    answer = os.dup(1)
    os.dup2(2, 1)
    return answer


def _end_with_stdin() -> None:
    """End the process when standard input does: the client is gone, or wants it so."""
    sys.stdin.read()
    leave()


def _end_on_error(arguments: threading.ExceptHookArgs) -> None:
    """An error in the listening thread leaves nobody to talk to: report it and end."""
    sys.excepthook(arguments.exc_type, arguments.exc_value or arguments.exc_type(), arguments.exc_traceback)
    sys.stderr.flush()
    os._exit(1)


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

    if REMOTE_FLAG in sys.argv[1:]:
        serve(NamedNetworks(engines), store=resolve_store(), shares_memory=False)
    serve(engines, store=resolve_store())


if __name__ == "__main__":
    main()
