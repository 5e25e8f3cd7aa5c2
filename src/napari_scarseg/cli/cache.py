"""`scarseg cache`: what is kept on disk so that a stack opened again is ready at once."""

from typing import Annotated

import typer

from napari_scarseg.engines.embedding_store import (
    DEFAULT_LIMIT_MB,
    LIMIT_VARIABLE,
    EmbeddingStore,
    embeddings_folder,
    is_switched_on,
    resolve_store,
    switch,
)


def cache(
    empty: Annotated[bool, typer.Option("--empty", help="Delete all that is kept.")] = False,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Keep embeddings from now on, or no more.")] = None,
) -> None:
    """Say how much is kept on disk, empty it, or switch it off and on.

    The networks' view of each box (its embedding) is kept in the user's cache folder, so that a stack opened again is
    ready at once. File names are hashes; nothing in them names a patient.
    """
    if on is not None:
        switch(on)
    store = resolve_store() or EmbeddingStore(embeddings_folder(), 0)
    if empty:
        typer.echo(f"{store.empty()} embeddings deleted.")
    state = "kept" if is_switched_on() else "not kept"
    typer.echo(
        f"Embeddings are {state} on disk: {store.size_bytes / 10**6:.1f} MB now, bounded by {LIMIT_VARIABLE} "
        f"({DEFAULT_LIMIT_MB} MB by default)."
    )
