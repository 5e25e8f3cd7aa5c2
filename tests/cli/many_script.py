"""`scarseg` with networks that are arithmetic and slow, as a program: run as a script with the command's arguments."""

import importlib.util
import sys
from pathlib import Path

import cloudpickle

from napari_scarseg.cli import segment
from napari_scarseg.cli.main import main

if __name__ == "__main__":
    path = Path(__file__).parents[1] / "engines" / "fake_engine.py"
    spec = importlib.util.spec_from_file_location("fake_engine", path)
    fakes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fakes)
    # The fakes' module has no name that a worker could import.
    sys.modules["fake_engine"] = fakes
    cloudpickle.register_pickle_by_value(fakes)
    segment.PackageNetworks = fakes.FakeFactory
    main()
