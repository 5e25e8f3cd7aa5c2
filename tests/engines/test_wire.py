"""Messages cross as they are, and nothing but messages does."""

import json
import pickle
import struct
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from napari_scarseg.core.box import Box, BoxOrigin, Review
from napari_scarseg.core.config import DetectConfig, Device, SegmentConfig
from napari_scarseg.core.masks import BoxMask
from napari_scarseg.core.protocols import EngineInfo, Prompt
from napari_scarseg.engines import messages
from napari_scarseg.engines.pipeline import SliceDetections
from napari_scarseg.engines.wire import WireError, decode, encode
from napari_scarseg.errors import DeviceError, InputError, WeightsError

INFO = EngineInfo("lge", "a" * 64, "cpu", "CC", 0.25, "A note.")
BOX = Box(3, 1.5, 2, 9, 12.25, score=0.5, origin=BoxOrigin.DETECTOR, lesion_id=7, review=Review.CHECK)
DETECTIONS = SliceDetections(3, (BOX, Box(3, 0, 0, 1, 1)), BOX)
MASK = BoxMask("id", 7, 3, 1, 2, np.arange(12, dtype=np.float32).reshape(3, 4) / 7)
EMPTY = BoxMask("id", 7, 3, 0, 0, np.zeros((0, 0), np.float32))
VOXELS = np.arange(24, dtype=">i2").reshape(2, 3, 4)[:, ::-1]

MESSAGES = [
    messages.OpenStack(messages.VolumeHandle("k", (2, 3, 4), "<i2", None, VOXELS)),
    messages.OpenStack(messages.VolumeHandle("k", (2, 3, 4), "<i2", "psm_1")),
    messages.CloseStack("k"),
    messages.Job(4, messages.DetectRequest("k", (2, 0, 1), DetectConfig("bundled", 0.25, Device.CUDA))),
    messages.Job(
        5, messages.SegmentRequest("k", (Prompt(BOX, ((1.0, 2.5, True),), BOX), Prompt(BOX)), SegmentConfig())
    ),
    messages.Job(6, messages.DescribeRequest(SegmentConfig("sam-vit-b", -0.5))),
    messages.CancelJob(6),
    messages.Ping(),
    messages.Pong(),
    messages.StackOpened("k"),
    messages.Answer(4, messages.DetectEvent(DETECTIONS, 1, 3, INFO)),
    messages.Answer(5, messages.SegmentEvent(MASK, 1, 2, INFO)),
    messages.Answer(5, messages.SegmentEvent(EMPTY, 2, 2, INFO)),
    messages.Answer(6, INFO),
    messages.Finished(6),
]


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, item.name), getattr(other, item.name)) for item in fields(one)
        )
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message) -> None:
    assert same(decode(encode(message)), message)


@pytest.mark.parametrize("kind", [InputError, DeviceError, WeightsError])
def test_an_error_keeps_its_class_and_its_sentence(kind) -> None:
    failed = decode(encode(messages.Failed(3, kind("Choose another one."))))
    assert (failed.number, type(failed.error), str(failed.error)) == (3, kind, "Choose another one.")


def test_an_error_of_torchs_side_comes_as_its_nearest_known_class() -> None:
    torch_side = type("OutOfMemory", (DeviceError,), {})("No memory.")
    assert type(decode(encode(messages.Failed(3, torch_side))).error) is DeviceError


def test_what_is_no_message_does_not_cross() -> None:
    for value in (object(), {"a": 1}, [1], b"bytes", np.array([object()])):
        with pytest.raises((TypeError, WireError)):
            decode(encode(messages.StackOpened(value)))


class _Hostile:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


def _framed(head: object, rest: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + rest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        pickle.dumps(_Hostile()),
        struct.pack("<I", 2**31) + b"{}",
        _framed({"value": "Path", "fields": {"x": 1}}),
        _framed({"value": "__class__", "fields": {}}),
        _framed({"value": "Ping", "fields": {"unknown": 1}}),
        _framed({"value": "Finished", "fields": {}}),
        _framed({"enum": "Device", "value": "toaster"}),
        _framed({"error": "SystemExit", "text": "0"}),
        _framed({"value": "StackOpened", "fields": {"key": {"array": "O", "shape": [1]}}}, bytes(8)),
        _framed({"value": "StackOpened", "fields": {"key": {"array": "<i2,<i2", "shape": [1]}}}, bytes(4)),
        _framed({"value": "StackOpened", "fields": {"key": {"array": "<f8", "shape": [2**40, 2**40]}}}),
        _framed({"value": "StackOpened", "fields": {"key": {"array": "<f8", "shape": [-1, -1]}}}, bytes(8)),
        _framed({"value": "StackOpened", "fields": {"key": {"array": "<f8", "shape": [4]}}}, bytes(16)),
        _framed({"value": "Ping", "fields": {}}, b"more"),
        _framed({"value": "Box", "fields": {"slice": -1, "row_min": 0, "col_min": 0, "row_max": 1, "col_max": 1}}),
        struct.pack("<I", 200_000) + b"[" * 200_000,
    ],
)
def test_bytes_that_are_no_message_are_refused(data) -> None:
    with pytest.raises(WireError):
        decode(data)


def test_any_damage_to_a_message_is_refused_or_gives_values() -> None:
    rng = np.random.default_rng(0)
    whole = encode(MESSAGES[4])
    for _ in range(300):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        try:
            decode(bytes(data))
        except WireError:
            continue
