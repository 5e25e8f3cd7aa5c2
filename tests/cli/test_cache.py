"""`scarseg cache` shows, empties and switches what is kept on disk."""

import pytest

from napari_scarseg.engines import embedding_store


@pytest.fixture
def run(tmp_path, monkeypatch, scarseg):
    monkeypatch.setattr(embedding_store, "embeddings_folder", lambda: tmp_path / "embeddings")
    monkeypatch.setattr("napari_scarseg.cli.cache.embeddings_folder", lambda: tmp_path / "embeddings")
    monkeypatch.setattr(embedding_store, "_off_file", lambda: tmp_path / "config" / "off")
    return lambda *words: scarseg("cache", *words).out


def test_what_is_kept_can_be_emptied_and_switched_off(run, tmp_path):
    (tmp_path / "embeddings").mkdir()
    (tmp_path / "embeddings" / "0.safetensors").write_bytes(b"0" * 2_000_000)
    assert "kept on disk: 2.0 MB" in run()
    assert "1 embeddings deleted" in run("--empty")
    assert "not kept on disk: 0.0 MB" in run("--off")
    assert embedding_store.resolve_store({}) is None
    assert "are kept" in run("--on")
    assert embedding_store.resolve_store({}) is not None
