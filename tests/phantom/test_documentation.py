"""The page about the phantom states the defaults that are in force."""

from dataclasses import fields
from pathlib import Path

import pytest

from napari_scarseg.phantom import AnatomyConfig, ImageKind, LogNormal, PhantomConfig, Range, ScarConfig, SignalConfig

PAGE = Path(__file__).parents[2] / "docs" / "science" / "phantom.md"
PARTS = (AnatomyConfig, ScarConfig, SignalConfig)


def as_text(value: object) -> str:
    match value:
        case Range():
            return f"{value.low:g} – {value.high:g}"
        case LogNormal():
            return f"log-normal, mean {value.mean:g}, SD {value.sd:g}"
        case ImageKind():
            return value.value
        case tuple():
            return ", ".join(f"{item:g}" for item in value)
        case _:
            return f"{value:g}"


@pytest.mark.parametrize("config", [PhantomConfig, *PARTS])
def test_the_page_lists_every_default(config):
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    for field in fields(config):
        value = getattr(config(), field.name)
        if not isinstance(value, PARTS):
            assert f"| `{field.name}` | {as_text(value)} |" in lines
