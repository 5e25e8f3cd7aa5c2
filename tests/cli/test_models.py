"""`scarseg models` on the command line."""

import hashlib
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer

import pytest
from typer.testing import CliRunner, Result

from napari_scarseg.cli.models import app
from napari_scarseg.core.intensity import SCALING_ID
from napari_scarseg.engines import catalogue
from napari_scarseg.errors import WeightsError

torch = pytest.importorskip("torch")

CONTENT = b"not really a network" * 1000


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(catalogue, "bundled_folder", lambda: tmp_path / "bundled")
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    entries = [replace(e, sha256=sha256) if e.name == "sam-vit-b" else e for e in catalogue.list_entries()]
    monkeypatch.setattr(catalogue, "_ENTRIES", tuple(entries))


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, WeightsError):
        raise result.exception
    return result


def _save_weights(path: Path) -> None:
    from napari_scarseg.engines.weight_files import WeightsHeader, save_weights

    path.parent.mkdir(exist_ok=True)
    save_weights(path, {"w": torch.ones(3)}, WeightsHeader("toy", {}, SCALING_ID, 0.0, "CC0-1.0", {}))


def test_list_shows_every_name_with_its_state(tmp_path: Path) -> None:
    _save_weights(tmp_path / "bundled" / "lge-segmenter.safetensors")
    result = _run("list")
    assert result.exit_code == 0
    rows = {line.split("│")[1].strip(): line for line in result.output.splitlines() if line.startswith("│")}
    assert set(rows) >= {entry.name for entry in catalogue.list_entries()}
    assert "bundled" in rows["lge-segmenter"] and "CC-BY-NC-SA-4.0" in rows["lge-segmenter"]
    assert "missing" in rows["lge-detector"]
    assert "not fetched" in rows["sam-vit-h"] and "2.6 GB" in rows["sam-vit-h"]
    assert str(tmp_path / "cache" / "weights") in result.output


def test_fetch_then_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "sam_vit_b_01ec64.pth").write_bytes(CONTENT)
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "mirror"))
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        result = _run("fetch", "sam-vit-b", "--mirror", f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()
    path = tmp_path / "cache" / "weights" / "sam_vit_b_01ec64.pth"
    assert result.exit_code == 0 and path.read_bytes() == CONTENT
    assert f"sam-vit-b is here: {path}" in result.output
    result = _run("verify", "sam-vit-b")
    assert "good" in result.output and hashlib.sha256(CONTENT).hexdigest() in result.output
    path.write_bytes(b"other")
    with pytest.raises(WeightsError, match="sam-vit-b: its hash is not the official one"):
        _run("verify")


def test_fetch_of_an_unknown_name_is_a_sentence() -> None:
    with pytest.raises(WeightsError, match="no weights called “sam”"):
        _run("fetch", "sam")


def test_verify_shows_what_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    _save_weights(path)
    result = _run("verify", str(path))
    assert result.exit_code == 0
    assert all(text in result.output for text in ("mine", "good", "toy", "CC0-1.0"))
    assert hashlib.sha256(path.read_bytes()).hexdigest() in result.output
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="mine: The weights file is damaged"):
        _run("verify", str(path))


def test_verify_of_a_pickle_points_to_convert(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    torch.save({"w": torch.ones(2)}, path)
    with pytest.raises(WeightsError, match="convert it safely with: scarseg models convert"):
        _run("verify", str(path))


def test_convert_names_what_it_wrote(tmp_path: Path) -> None:
    from napari_scarseg.engines.yolo import YoloConfig, build_yolo

    network = build_yolo(YoloConfig("yolo11n", ("scar", "lv"), 64))
    torch.save({"model": network, "train_args": {"imgsz": 128}}, tmp_path / "best.pt")
    destination = tmp_path / "best.safetensors"
    arguments = ["convert", str(tmp_path / "best.pt"), "-o", str(destination), "--classes", "scar, lv"]
    result = _run(*arguments, "--licence", "MIT")
    assert result.exit_code == 0, result.output
    assert "Wrote best.safetensors: yolo11n, licence MIT." in result.output
    assert SCALING_ID in result.output and destination.is_file()


def test_wrong_usage_is_status_2() -> None:
    assert _run("convert").exit_code == 2
    assert _run("fetch").exit_code == 2
