"""`scarseg models`: which weights there are, fetching, checking and converting them."""

from collections.abc import Generator
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from napari_scarseg.engines import engine_libraries
from napari_scarseg.engines.catalogue import (
    ResolvedWeights,
    Source,
    WeightsEntry,
    cache_folder,
    find_entry,
    list_entries,
    resolve_weights,
)
from napari_scarseg.engines.fetch import FetchProgress, fetch_weights, hash_file
from napari_scarseg.engines.weight_header import read_header
from napari_scarseg.errors import WeightsError

_ResultT = TypeVar("_ResultT")

app = typer.Typer(no_args_is_help=True, help="List, fetch, verify and convert network weights.")


@app.command("list")
def list_weights() -> None:
    """Show all weights known by name, and where the fetched ones lie."""
    table = Table(title="Network weights")
    for heading in ("name", "state", "size", "licence"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what it is")
    for entry in list_entries():
        size = entry.path.stat().st_size if entry.is_here else entry.size_bytes
        table.add_row(entry.name, _state(entry), "" if size is None else decimal(size), entry.licence, entry.about)
    console = Console()
    console.print(table)
    console.print("Fetched weights lie in:", str(cache_folder() / "weights"), soft_wrap=True, highlight=False)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of: scarseg models list.")],
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Folder of a mirror; the hash is checked all the same.")
    ] = None,
) -> None:
    """Download weights once, from their official address; goes on where it stopped."""
    entry = find_entry(name)
    path = _show_progress(f"Fetching {entry.name}", fetch_weights(entry, base_url=mirror))
    Console().print(f"{entry.name} is here: {path}", soft_wrap=True, highlight=False)


@app.command()
def verify(
    weights: Annotated[
        str | None, typer.Argument(metavar="[NAME|PATH]", help="Which; without it, all weights that are here.")
    ] = None,
) -> None:
    """Check that weights files are whole, and show what they are."""
    if weights is None:
        chosen = [ResolvedWeights(entry.name, entry.path, entry) for entry in list_entries() if entry.is_here]
    else:
        chosen = [resolve_weights(weights)]
    table = Table("name", "state", "network", "licence", "sha256", title="Verified weights")
    failures = []
    for found in chosen:
        sha256 = _show_progress(f"Checking {found.name}", hash_file(found.path))
        try:
            network, licence = _check(found, sha256)
            table.add_row(found.name, "good", network, licence, sha256)
        except WeightsError as error:
            failures.append(f"{found.name}: {error}")
            table.add_row(found.name, "bad", "", "", sha256)
    # Wide enough for a whole hash, also in a pipe.
    console = Console()
    console.width = max(console.width, 140)
    console.print(table)
    if failures:
        raise WeightsError(" ".join(failures))


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="An ultralytics .pt or a Segment Anything .pth.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DEST", help="The .safetensors file to write.")],
    classes: Annotated[
        str | None, typer.Option(metavar="scar,lv", help="Names of a detector's classes, in the order of its outputs.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights, where the checkpoint names none.")
    ] = None,
    half: Annotated[bool, typer.Option("--half/--single", help="Store half or single precision.")] = True,
) -> None:
    """Convert a checkpoint to safetensors, without running anything it brings."""
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    with engine_libraries():
        from napari_scarseg.engines.convert import convert_weights

        header = convert_weights(source, output, classes=names, licence=licence, half=half)
    console = Console()
    console.print(f"Wrote {output.name}: {header.architecture}, licence {header.licence}.", highlight=False)
    console.print(
        f"Slices reach this network with the scaling {header.scaling}; if it was trained with another, train it again.",
        soft_wrap=True,
        highlight=False,
    )


def _state(entry: WeightsEntry) -> str:
    if entry.source is Source.BUNDLED:
        return "bundled" if entry.is_here else "missing"
    return "fetched" if entry.is_here else "not fetched"


def _check(found: ResolvedWeights, sha256: str) -> tuple[str, str]:
    """Network and licence of a whole file; WeightsError for any other."""
    entry = found.entry
    known = {known.sha256: known for known in list_entries() if known.sha256 is not None}
    if entry is not None and entry.sha256 is not None and sha256 != entry.sha256:
        raise WeightsError("its hash is not the official one; delete the file and fetch it again.")
    if sha256 in known:
        return known[sha256].about, known[sha256].licence
    # Tells a pickle, a damaged file and a foreign one apart without torch, before torch reads the tensors.
    header = read_header(found.path)
    with engine_libraries():
        from napari_scarseg.engines.weight_files import read_weights

        read_weights(found.path)
    return header.architecture, header.licence


def _show_progress(title: str, steps: Generator[FetchProgress, None, _ResultT]) -> _ResultT:
    """Run a generator to its end behind a bar on stderr (none in a pipe); Ctrl+C closes it."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        try:
            while True:
                step = next(steps)
                bar.update(task, completed=step.done_bytes, total=step.total_bytes)
        except StopIteration as end:
            return end.value
        finally:
            steps.close()
