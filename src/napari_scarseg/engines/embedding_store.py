"""Embeddings, and where the LV is, on disk, so that a stack opened again is ready at once.

One safetensors file for each in the user's cache folder, named by a hash of everything that it depends on: nothing of
the patient is in a name, and no file can run code. The folder has a bound; what was not used longest goes first. A file
that is damaged, or of another version, counts as missing.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

from napari_scarseg.engines.cache import EmbeddingKey
from napari_scarseg.engines.catalogue import cache_folder
from napari_scarseg.engines.embedding_codec import UnknownEmbedding, read_embedding, write_embedding
from napari_scarseg.engines.located import LvKey

LIMIT_VARIABLE = "SCARSEG_EMBEDDING_CACHE_MB"
DEFAULT_LIMIT_MB = 2048

# Changes with the form of the files; older ones are then never asked for, and go as the least used.
_VERSION = 1
_SUFFIX = ".safetensors"
_OFF_FILE = "no-embedding-cache"


class EmbeddingStore:
    """A bounded folder of embeddings and LVs. Several processes may use it at once.

    Parameters
    ----------
    folder : Path
        Made on first need, readable by the user alone.
    limit_bytes : int
        Bound on all its files together.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._size_bytes: int | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(size for _, _, size in self._files())

    def load(self, key: EmbeddingKey | LvKey) -> object | None:
        """What was kept under `key`, on the key's device; None where there is none."""
        path = self._path(key)
        try:
            embedding = read_embedding(path, key.device)
        except FileNotFoundError:
            return None
        except (OSError, UnknownEmbedding):
            with suppress(OSError):
                path.unlink()
            return None
        # It was used just now.
        with suppress(OSError):
            os.utime(path)
        return embedding

    def save(self, key: EmbeddingKey | LvKey, embedding: object) -> None:
        """Keep an embedding, if it can be written; the least recently used ones go until all fit."""
        path = self._path(key)
        temporary = path.with_name(f".{secrets.token_hex(6)}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_embedding(temporary, embedding)
            size = temporary.stat().st_size
            os.replace(temporary, path)
        except (OSError, UnknownEmbedding):
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            return
        self._size_bytes = self.size_bytes if self._size_bytes is None else self._size_bytes + size
        if self._size_bytes > self._limit_bytes:
            self._shrink()

    def empty(self) -> int:
        """Remove every file; returns how many there were."""
        files = list(self._files())
        for path, _, _ in files:
            with suppress(OSError):
                path.unlink()
        self._size_bytes = 0
        return len(files)

    def _path(self, key: EmbeddingKey | LvKey) -> Path:
        parts: tuple[object, ...]
        if isinstance(key, LvKey):
            parts = (_VERSION, "lv", key.stack_sha256, key.weights_sha256, key.device, key.slice)
        else:
            window = key.window
            parts = (
                _VERSION, key.stack_sha256, key.weights_sha256, key.device, key.scaling_id, key.precision,
                window.slice, window.row_min, window.col_min, window.row_max, window.col_max, window.size,
                window.is_turned,
            )  # fmt: skip
        return self._folder / (hashlib.sha256(repr(parts).encode()).hexdigest() + _SUFFIX)

    def _files(self) -> Iterator[tuple[Path, int, int]]:
        """(path, time of use in ns, bytes) of every file, unfinished ones of crashed processes among them."""
        with suppress(OSError):
            for entry in os.scandir(self._folder):
                if entry.name.endswith((_SUFFIX, ".part")):
                    with suppress(OSError):
                        status = entry.stat()
                        yield Path(entry.path), status.st_mtime_ns, status.st_size

    def _shrink(self) -> None:
        """Go a little below the bound, so that not every file asks for it again."""
        files = sorted(self._files(), key=lambda file: file[1])
        total = sum(size for _, _, size in files)
        for path, _, size in files:
            if total <= 0.9 * self._limit_bytes:
                break
            with suppress(OSError):
                path.unlink()
                total -= size
        self._size_bytes = total


def embeddings_folder() -> Path:
    """Where embeddings are kept: in the cache folder, beside fetched weights."""
    return cache_folder() / "embeddings"


def resolve_store(environment: Mapping[str, str] = os.environ) -> EmbeddingStore | None:
    """The user's store; None where it was switched off.

    Its bound is SCARSEG_EMBEDDING_CACHE_MB in megabytes (2048 by default); 0 switches it off, as `scarseg cache --off`
    does for good.
    """
    try:
        limit_mb = int(environment.get(LIMIT_VARIABLE, DEFAULT_LIMIT_MB))
    except ValueError:
        limit_mb = DEFAULT_LIMIT_MB
    if limit_mb <= 0 or not is_switched_on():
        return None
    return EmbeddingStore(embeddings_folder(), limit_mb * 10**6)


def is_switched_on() -> bool:
    """Whether embeddings are kept on disk."""
    return not _off_file().exists()


def switch(on: bool) -> None:
    """Keep embeddings on disk from now on, or no more; engine processes hear of it at their next start."""
    if on:
        _off_file().unlink(missing_ok=True)
    else:
        _off_file().parent.mkdir(parents=True, exist_ok=True)
        _off_file().touch()


def _off_file() -> Path:
    return platformdirs.user_config_path("napari-scarseg") / _OFF_FILE
