"""The embedding cache keeps what fits and gives back nothing that belongs to something else."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_scarseg.core.windows import Window
from napari_scarseg.engines.cache import EmbeddingCache, EmbeddingKey, embedding_bytes

KEY = EmbeddingKey("stack", Window(0, 0, 0, 8, 8, 8), "weights", "cpu", "scaling")


def numbered(n: int) -> EmbeddingKey:
    return replace(KEY, window=replace(KEY.window, slice=n))


def test_every_part_of_the_key_counts():
    cache = EmbeddingCache()
    cache.put(KEY, np.zeros(4))
    others = [
        replace(KEY, stack_sha256="other"),
        replace(KEY, window=replace(KEY.window, row_min=1.0)),
        replace(KEY, weights_sha256="other"),
        replace(KEY, device="cuda"),
        replace(KEY, scaling_id="other"),
    ]
    assert cache.get(KEY) is not None
    assert [cache.get(other) for other in others] == [None] * 5


def test_the_least_recently_used_goes_first():
    cache = EmbeddingCache(limit_bytes=200)
    first, second, third = (np.zeros(80, np.uint8) for _ in range(3))
    cache.put(numbered(1), first)
    cache.put(numbered(2), second)
    assert cache.get(numbered(1)) is first
    cache.put(numbered(3), third)
    assert cache.get(numbered(2)) is None
    assert cache.get(numbered(1)) is first
    assert cache.get(numbered(3)) is third
    assert cache.size_bytes == 160


def test_an_embedding_beyond_the_bound_is_not_kept_and_drives_nothing_out():
    cache = EmbeddingCache(limit_bytes=100)
    cache.put(numbered(1), np.zeros(60, np.uint8))
    cache.put(numbered(2), np.zeros(101, np.uint8))
    assert cache.get(numbered(1)) is not None
    assert cache.get(numbered(2)) is None


def test_replacing_counts_the_bytes_once():
    cache = EmbeddingCache()
    cache.put(KEY, np.zeros(60, np.uint8))
    cache.put(KEY, np.zeros(10, np.uint8))
    assert (cache.size_bytes, len(cache)) == (10, 1)


def test_forgetting_a_stack_leaves_the_others():
    cache = EmbeddingCache()
    cache.put(KEY, np.zeros(60, np.uint8))
    cache.put(replace(KEY, stack_sha256="other"), np.zeros(7, np.uint8))
    cache.forget_stack("stack")
    assert (cache.size_bytes, len(cache)) == (7, 1)


def test_bytes_of_nested_embeddings():
    @dataclass
    class Pyramid:
        levels: list
        name: str

    assert embedding_bytes(Pyramid([np.zeros(3, np.float32), {"fine": np.zeros(5, np.uint8)}], "x")) == 17


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 90)), max_size=40), st.integers(0, 150))
def test_the_bound_always_holds_and_the_count_is_true(puts, limit):
    cache = EmbeddingCache(limit)
    kept = {}
    for number, size in puts:
        cache.put(numbered(number), np.zeros(size, np.uint8))
        kept[number] = size
        assert cache.size_bytes <= limit
    held = {number: cache.get(numbered(number)) for number in kept}
    assert cache.size_bytes == sum(embedding.nbytes for embedding in held.values() if embedding is not None)
    assert all(embedding.nbytes == kept[number] for number, embedding in held.items() if embedding is not None)
