"""Fetching weights over the network: only when asked, resumable, checked, and whole or not at all.

pooch, which the package uses nowhere else, downloads with a progress bar but starts anew after every interruption;
SAM ViT-H has 2.6 GB.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_scarseg.engines.catalogue import WeightsEntry
from napari_scarseg.errors import WeightsError

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_SIZE_LIMIT_BYTES = 4_000_000_000


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a download is. `total_bytes` is None where the server does not say."""

    done_bytes: int
    total_bytes: int | None


def fetch_weights(entry: WeightsEntry, *, base_url: str | None = None) -> Generator[FetchProgress, None, Path]:
    """Download weights into the cache; the only function of the package that opens a connection.

    Closing the generator stops the download; what has arrived is kept beside the file, and the next call goes on from
    there. A file that is there already is checked, not fetched.

    Parameters
    ----------
    entry : WeightsEntry
        One with an address.
    base_url : str, optional
        Folder of a mirror, in place of the official one. The hash is checked all the same.

    Yields
    ------
    FetchProgress

    Returns
    -------
    Path
        The finished file.

    Raises
    ------
    WeightsError
        If the entry has no address, the server cannot be reached, the disk is full, or the hash is wrong.
    """
    if entry.url is None or entry.sha256 is None:
        raise WeightsError(f"The weights {entry.name} come with the package; there is nothing to fetch.")
    if entry.is_here:
        yield from _check_existing(entry, entry.sha256)
        return entry.path
    url = entry.url if base_url is None else f"{base_url.rstrip('/')}/{entry.file}"
    if not url.startswith(("https://", "http://")):
        raise WeightsError("The mirror's address is not a web address; give it as https://host/folder.")
    partial = entry.path.with_name(f"{entry.file}.part")
    with _sentences(entry):
        partial.parent.mkdir(parents=True, exist_ok=True)
        yield from _download(url, partial, limit_bytes=2 * (entry.size_bytes or _SIZE_LIMIT_BYTES))
        _check_hash(entry, partial, entry.sha256)
        os.replace(partial, entry.path)
    return entry.path


def hash_file(path: Path) -> Generator[FetchProgress, None, str]:
    """Hash a file in steps; returns its sha256."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            yield FetchProgress(done, total)
    return digest.hexdigest()


def _check_existing(entry: WeightsEntry, sha256: str) -> Generator[FetchProgress, None, None]:
    """A file that is there must be the right one."""
    found = yield from hash_file(entry.path)
    if found != sha256:
        raise WeightsError(
            f"The file of {entry.name} in the cache is damaged (its hash is wrong); delete {entry.file} in the folder "
            "that scarseg models list shows, and fetch it again."
        )


def _download(url: str, partial: Path, *, limit_bytes: int) -> Generator[FetchProgress, None, None]:
    """Append to `partial` from `url` until it is complete; a server that never ends is left at `limit_bytes`."""
    done = partial.stat().st_size if partial.exists() else 0
    with closing(_open_at(url, done)) as response:
        if response.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            # Everything has arrived already (or is wrong, which the hash tells).
            return
        if not _continues_at(response, done):
            done = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with partial.open("ab" if done else "wb") as file:
            yield FetchProgress(done, total)
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
                done += len(chunk)
                yield FetchProgress(done, total)
                if done > limit_bytes:
                    break
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise ConnectionError("the connection ended early")


def _open_at(url: str, offset: int) -> Any:
    """Response to a request for everything from byte `offset` on; 416 is an answer, not an error."""
    request = urllib.request.Request(url, headers={"User-Agent": "napari-scarseg"})
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            return error
        raise


def _continues_at(response: Any, offset: int) -> bool:
    """Whether the server goes on from byte `offset`; otherwise it sends everything anew."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return False
    if not str(response.headers.get("Content-Range", "")).startswith(f"bytes {offset}-"):
        raise ConnectionError("the server sent another part than was asked for")
    return True


def _check_hash(entry: WeightsEntry, partial: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with partial.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        partial.unlink()
        raise WeightsError(
            f"What arrived for {entry.name} is not the official file (its hash is wrong), so it was deleted; fetch it "
            "again, or ask whoever runs your proxy or mirror."
        )


@contextmanager
def _sentences(entry: WeightsEntry) -> Iterator[None]:
    """Network and disk errors in words for a person."""
    again = f"run scarseg models fetch {entry.name} again later: it goes on where it stopped"
    try:
        yield
    except urllib.error.HTTPError as cause:
        raise WeightsError(
            f"The server refused to send {entry.name} (HTTP {cause.code}); {again}, or name a mirror with --mirror."
        ) from cause
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as cause:
        raise WeightsError(
            f"The weights {entry.name} could not be fetched, because the connection failed; check the network, and "
            f"{again}."
        ) from cause
    except OSError as cause:
        raise WeightsError(
            f"The weights {entry.name} could not be stored ({cause.strerror or 'unknown cause'}); make room in the "
            "cache folder, or choose another with the variable SCARSEG_CACHE_DIR."
        ) from cause
