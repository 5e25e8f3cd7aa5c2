"""What is written beside every result."""

from importlib import metadata

import numpy as np

from napari_scarseg.core import provenance
from napari_scarseg.core.provenance import library_versions, make_provenance


def test_versions_are_read_once_and_belong_to_whoever_asks(monkeypatch):
    versions = library_versions()
    assert versions["numpy"] == np.__version__
    versions["numpy"] = "changed"
    monkeypatch.setattr(metadata, "version", lambda name: "read again")
    assert library_versions()["numpy"] == np.__version__
    assert make_provenance("test")["versions"] == library_versions()
    provenance._read_versions.cache_clear()
    monkeypatch.undo()
    assert library_versions()["numpy"] == np.__version__
