"""Names for DICOM series that say nothing about the patient."""

import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import platformdirs

SALT_VARIABLE = "SCARSEG_SALT"
_SALT_BYTES = 32
_KEY_DIGITS = 12


def case_key(identifier: str, salt: bytes) -> str:
    """Short name made of `identifier` (a series' UID) and a secret salt; equal for equal input.

    Examples
    --------
    >>> case_key("1.2.3", b"secret")
    'case-ea258fdc2040'
    """
    return "case-" + hashlib.blake2b(identifier.encode(), key=salt[:64]).hexdigest()[:_KEY_DIGITS]


def resolve_salt(environment: Mapping[str, str] = os.environ) -> bytes:
    """The salt of this user on this machine, made on first use.

    The variable SCARSEG_SALT overrides it, so that several machines give a series the same name. Where the user's
    folder cannot be written, the salt is empty: a UID is still not to be guessed from its hash.
    """
    if given := environment.get(SALT_VARIABLE):
        return hashlib.sha256(given.encode()).digest()
    return _stored_salt(platformdirs.user_data_path("napari-scarseg") / "case-salt")


def _stored_salt(path: Path) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Exclusive: of two processes that start together, one makes the salt and the other reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_hex(_SALT_BYTES).encode())
        finally:
            os.close(descriptor)
    except OSError:
        # It exists already, or nothing can be written there.
        pass
    try:
        return bytes.fromhex(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return b""
