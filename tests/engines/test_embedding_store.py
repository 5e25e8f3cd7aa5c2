"""What a network has seen of a stack is found again after the process ended, and only that."""

import stat
import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from napari_scarseg.core.box import Box
from napari_scarseg.core.protocols import Prompt
from napari_scarseg.core.windows import Window
from napari_scarseg.engines import embedding_codec
from napari_scarseg.engines.cache import EmbeddingCache, EmbeddingKey
from napari_scarseg.engines.embedding_store import EmbeddingStore, resolve_store
from napari_scarseg.engines.pipeline import segment_prompts
from napari_scarseg.engines.small_sam import Embedding

KEY = EmbeddingKey("stack", Window(0, 0, 0, 8, 8, 8), "weights", "cpu", "scaling")


@pytest.fixture
def store(tmp_path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "embeddings", 10**6)


def numbered(n: int) -> EmbeddingKey:
    return replace(KEY, window=replace(KEY.window, slice=n))


def test_the_small_network_s_embedding_comes_back_bit_for_bit(store):
    parts = [torch.randn(1, 8, 6, 6).to(memory_format=torch.channels_last).half() for _ in Embedding._fields]
    store.save(KEY, Embedding(*parts))
    back = EmbeddingStore(store._folder, 10**6).load(KEY)
    assert isinstance(back, Embedding)
    for mine, its in zip(back, parts, strict=True):
        assert torch.equal(mine, its) and mine.dtype == its.dtype and mine.stride() == its.stride()


def test_an_embedding_in_another_precision_is_another(store):
    store.save(KEY, np.ones(3, np.float32))
    assert store.load(replace(KEY, precision="bfloat16")) is None
    assert store.load(replace(KEY, precision="float32")) is not None


def test_any_nesting_of_tensors_and_arrays_comes_back(store):
    value = {"coarse": torch.arange(6).reshape(2, 3), "rest": [np.eye(2, dtype=np.float32), (torch.tensor(1.5),)]}
    store.save(KEY, value)
    back = store.load(KEY)
    assert torch.equal(back["coarse"], value["coarse"]) and torch.equal(back["rest"][1][0], torch.tensor(1.5))
    np.testing.assert_array_equal(back["rest"][0], np.eye(2))
    assert isinstance(back["rest"], list) and isinstance(back["rest"][1], tuple)


class Foreign(NamedTuple):
    part: torch.Tensor


@dataclass
class Other:
    part: torch.Tensor


@pytest.mark.parametrize(
    "value", [Foreign(torch.zeros(2)), Other(torch.zeros(2)), object(), "text", torch.zeros(2, dtype=torch.bfloat16)]
)
def test_what_has_no_form_is_not_kept(store, value):
    store.save(KEY, value)
    assert store.load(KEY) is None and store.size_bytes == 0


def test_no_class_is_made_that_is_not_loaded_and_ours(store, monkeypatch):
    monkeypatch.setattr(embedding_codec, "_HOME", "")
    store.save(KEY, Foreign(torch.zeros(2)))
    monkeypatch.undo()
    assert store.load(KEY) is None
    store.save(KEY, Embedding(*(torch.zeros(1) for _ in Embedding._fields)))
    monkeypatch.delitem(sys.modules, "napari_scarseg.engines.small_sam")
    assert store.load(KEY) is None


def test_every_part_of_the_key_counts_and_none_is_in_a_name(store):
    store.save(KEY, np.zeros(4))
    others = [
        replace(KEY, stack_sha256="other"),
        replace(KEY, window=replace(KEY.window, row_min=1.0)),
        replace(KEY, weights_sha256="other"),
        replace(KEY, scaling_id="other"),
    ]
    assert [store.load(other) for other in others] == [None] * 4
    (path,) = store._folder.iterdir()
    assert "stack" not in path.name and len(path.stem) == 64
    if sys.platform != "win32":
        assert stat.S_IMODE(store._folder.stat().st_mode) == 0o700


def test_a_damaged_file_counts_as_missing_and_goes(store):
    store.save(KEY, np.zeros(400))
    (path,) = store._folder.iterdir()
    content = path.read_bytes()
    for damaged in (b"", content[:100], content[:-50], b"\x80" * len(content)):
        path.write_bytes(damaged)
        assert store.load(KEY) is None and not path.exists()


def test_the_folder_keeps_its_bound_and_the_most_recently_used(tmp_path):
    store = EmbeddingStore(tmp_path, 10 * 4200)
    for n in range(9):
        store.save(numbered(n), np.zeros(1000, np.float32))
    assert store.load(numbered(0)) is not None
    for n in range(9, 14):
        store.save(numbered(n), np.zeros(1000, np.float32))
        assert store.size_bytes <= 10 * 4200
    assert store.load(numbered(0)) is not None and store.load(numbered(1)) is None
    (tmp_path / ".0123.part").write_bytes(b"left over")
    assert store.empty() > 0 and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    store = EmbeddingStore(tmp_path / "file", 10**6)
    store.save(KEY, np.zeros(4))
    assert store.load(KEY) is None and store.size_bytes == 0


def test_a_new_process_decodes_without_encoding(store, fakes):
    data = np.random.default_rng(0).integers(0, 255, (3, 64, 64)).astype(np.uint8)
    prompts = [Prompt(Box(z, 10, 10, 30, 30, lesion_id=z + 1)) for z in range(3)]
    first, second = fakes.FakeSegmenter(), fakes.FakeSegmenter()
    cache = EmbeddingCache(store=store)
    answers = list(segment_prompts(data, prompts, first, cache))
    assert store.size_bytes == 0, "no answer waits for the disk"
    cache.store_waiting(lambda: True)
    assert store.size_bytes == 0, "nor does the next job"
    cache.store_waiting()
    again = list(segment_prompts(data, prompts, second, EmbeddingCache(store=store)))
    assert sum(first.embedded) == 3 and second.embedded == []
    for mine, its in zip(again, answers, strict=True):
        np.testing.assert_array_equal(mine.logits, its.logits)


def test_what_waits_for_the_disk_is_bounded_as_well(store):
    cache = EmbeddingCache(limit_bytes=1000, store=store)
    for n in range(4):
        cache.put(numbered(n), np.zeros(100, np.float32))
    assert store.load(numbered(0)) is not None and store.load(numbered(3)) is None
    assert cache.get(numbered(0)) is not None and cache.get(numbered(3)) is not None


def test_the_bound_is_the_users_and_zero_switches_off(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_scarseg.engines.embedding_store._off_file", lambda: tmp_path / "off")
    assert resolve_store({"SCARSEG_EMBEDDING_CACHE_MB": "0"}) is None
    assert resolve_store({"SCARSEG_EMBEDDING_CACHE_MB": "7"})._limit_bytes == 7 * 10**6
    assert resolve_store({"SCARSEG_EMBEDDING_CACHE_MB": "many"})._limit_bytes == 2048 * 10**6
