"""Which engine a window uses: the one that the environment names, else a process of this machine."""

from napari_scarseg.engines.client import EngineClient
from napari_scarseg.engines.remote import read_key, resolve_address


def open_client() -> EngineClient:
    """A client of the engine at `SCARSEG_ENGINE` (host:port, key file `SCARSEG_ENGINE_KEY`), else of this machine.

    Raises
    ------
    InputError
        If the environment's address or key file cannot be used.
    """
    address = resolve_address()
    if address is not None:
        read_key(address.key_file)
    return EngineClient(address=address)
