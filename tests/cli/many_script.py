"""`scarseg` with networks that are arithmetic and slow, as a program: run as a script with the command's arguments."""

import sys
from pathlib import Path

# Workers get this path too, and find the fakes by their name.
sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))

if __name__ == "__main__":
    import fake_engine

    from napari_scarseg.cli import segment
    from napari_scarseg.cli.main import main

    segment.PackageNetworks = fake_engine.FakeFactory
    main()
