"""Fetching from a server on this machine."""

import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer

import pytest

from napari_scarseg.engines.catalogue import WeightsEntry, find_entry
from napari_scarseg.engines.fetch import FetchProgress, fetch_weights
from napari_scarseg.errors import WeightsError

CONTENT = bytes(range(256)) * 20_000  # 5.1 MB, several chunks


@dataclass
class Server:
    """What the server sends, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    honours_ranges: bool = True
    shifts_ranges: bool = False
    status: int = 200
    cut_after: int | None = None
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if state.status != 200:
                self.send_error(state.status)
                return
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and state.honours_ranges else 0
            if start >= len(state.content):
                self.send_error(416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                first = start - 1 if state.shifts_ranges else start
                self.send_header("Content-Range", f"bytes {first}-{len(state.content) - 1}/{len(state.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: state.cut_after])

        def log_message(self, *_: object) -> None:
            pass

    # Not http.server's own class: that one asks the network for this machine's name.
    httpd = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}/files/"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsEntry:
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return replace(find_entry("sam-vit-b"), sha256=sha256, size_bytes=len(CONTENT))


def _partial(entry: WeightsEntry) -> Path:
    return entry.path.with_name(f"{entry.file}.part")


def test_fetches_with_progress_and_leaves_only_the_file(server: Server, entry: WeightsEntry) -> None:
    steps = list(fetch_weights(entry, base_url=server.url))
    assert entry.path.read_bytes() == CONTENT
    assert [path.name for path in entry.path.parent.iterdir()] == [entry.file]
    assert steps[0] == FetchProgress(0, len(CONTENT))
    assert steps[-1] == FetchProgress(len(CONTENT), len(CONTENT))
    assert len(steps) > 3 and [s.done_bytes for s in steps] == sorted(s.done_bytes for s in steps)


def test_goes_on_where_it_was_stopped(server: Server, entry: WeightsEntry) -> None:
    steps = fetch_weights(entry, base_url=server.url)
    while next(steps).done_bytes < 2_000_000:
        pass
    steps.close()
    kept = _partial(entry).stat().st_size
    assert 2_000_000 <= kept < len(CONTENT) and not entry.is_here
    first = next(iter(again := fetch_weights(entry, base_url=server.url)))
    assert first == FetchProgress(kept, len(CONTENT))
    list(again)
    assert server.asked == [None, f"bytes={kept}-"]
    assert entry.path.read_bytes() == CONTENT and not _partial(entry).exists()


def test_starts_anew_where_the_server_knows_no_ranges(server: Server, entry: WeightsEntry) -> None:
    _partial(entry).parent.mkdir(parents=True)
    _partial(entry).write_bytes(b"x" * 1000)
    server.honours_ranges = False
    list(fetch_weights(entry, base_url=server.url))
    assert entry.path.read_bytes() == CONTENT


def test_a_complete_partial_file_is_only_checked(server: Server, entry: WeightsEntry) -> None:
    _partial(entry).parent.mkdir(parents=True)
    _partial(entry).write_bytes(CONTENT)
    list(fetch_weights(entry, base_url=server.url))
    assert server.asked == [f"bytes={len(CONTENT)}-"]
    assert entry.path.read_bytes() == CONTENT


def test_a_wrong_file_is_deleted(server: Server, entry: WeightsEntry) -> None:
    server.content = CONTENT[::-1]
    with pytest.raises(WeightsError, match=r"not the official file .* deleted"):
        list(fetch_weights(entry, base_url=server.url))
    assert list(entry.path.parent.iterdir()) == []


def test_a_cut_connection_keeps_what_arrived(server: Server, entry: WeightsEntry) -> None:
    server.cut_after = 3_000_000
    with pytest.raises(
        WeightsError, match="connection failed; check the network, and run scarseg models fetch sam-vit-b"
    ):
        list(fetch_weights(entry, base_url=server.url))
    assert not entry.is_here
    server.cut_after = None
    list(fetch_weights(entry, base_url=server.url))
    assert server.asked[0] is None and str(server.asked[1]).startswith("bytes=")
    assert entry.path.read_bytes() == CONTENT


def test_another_part_than_asked_for_is_not_glued_on(server: Server, entry: WeightsEntry) -> None:
    _partial(entry).parent.mkdir(parents=True)
    _partial(entry).write_bytes(CONTENT[:1000])
    server.shifts_ranges = True
    with pytest.raises(WeightsError, match="connection failed"):
        list(fetch_weights(entry, base_url=server.url))
    assert _partial(entry).read_bytes() == CONTENT[:1000]


def test_a_server_that_sends_too_much_is_left(server: Server, entry: WeightsEntry) -> None:
    server.content = CONTENT * 4
    with pytest.raises(WeightsError):
        for step in fetch_weights(entry, base_url=server.url):
            assert step.done_bytes <= 2 * len(CONTENT) + 2_000_000
    assert not entry.is_here


def test_refusals_and_silence_are_sentences(server: Server, entry: WeightsEntry) -> None:
    server.status = 404
    with pytest.raises(WeightsError, match=r"refused to send sam-vit-b \(HTTP 404\)"):
        list(fetch_weights(entry, base_url=server.url))
    with pytest.raises(WeightsError, match="connection failed"):
        list(fetch_weights(entry, base_url="http://127.0.0.1:9"))
    with pytest.raises(WeightsError, match="not a web address"):
        list(fetch_weights(entry, base_url="file:///etc"))


def test_what_is_there_is_checked_and_not_fetched(server: Server, entry: WeightsEntry) -> None:
    entry.path.parent.mkdir(parents=True)
    entry.path.write_bytes(CONTENT)
    list(fetch_weights(entry, base_url=server.url))
    assert server.asked == []
    entry.path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="in the cache is damaged"):
        list(fetch_weights(entry, base_url=server.url))


def test_bundled_weights_are_not_fetched() -> None:
    with pytest.raises(WeightsError, match="come with the package"):
        list(fetch_weights(find_entry("lge-segmenter")))


def test_a_cache_that_cannot_be_written_is_a_sentence(
    server: Server, entry: WeightsEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCARSEG_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=r"could not be stored .* SCARSEG_CACHE_DIR"):
        list(fetch_weights(entry, base_url=server.url))
