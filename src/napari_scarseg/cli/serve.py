"""`scarseg serve`: let napari on another machine use this machine's networks."""

import ipaddress
from pathlib import Path
from typing import Annotated

import typer

from napari_scarseg.engines.relay import EngineRelay
from napari_scarseg.engines.remote import ADDRESS_VARIABLE, DEFAULT_PORT, key_path, make_key, read_key


def serve(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes one that is free.")
    ] = DEFAULT_PORT,
    host: Annotated[
        str,
        typer.Option(help="Address to listen at; only this machine, and ssh tunnels to it, reach the default."),
    ] = "127.0.0.1",
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Key file; made where there is none. Mode 0600.")
    ] = None,
) -> None:
    """Serve the networks to napari elsewhere, which reaches them through an ssh tunnel. Ctrl+C ends it.

    Whoever has the key file can use this machine's networks, and nothing else; no file of this machine is sent.
    """
    path = key if key is not None else key_path()
    secret = read_key(path) if path.exists() else make_key(path)
    relay = EngineRelay(host, port, secret)
    try:
        typer.echo(f"Listening at {host}:{relay.port}; the key is in {path}.")
        typer.echo(f"On the other machine: {ADDRESS_VARIABLE}=127.0.0.1:{relay.port} napari")
        if not _is_loopback(host):
            typer.echo(
                "Other machines reach this address, and what they send is not encrypted; an ssh tunnel to 127.0.0.1 is "
                "safer.",
                err=True,
            )
        relay.serve()
    finally:
        relay.close()


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
