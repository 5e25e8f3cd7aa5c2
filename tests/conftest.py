"""What holds for every test: one thread, no windows from matplotlib, no network, nothing slow unless asked for."""

import gzip
import ipaddress
import os
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest

# Before anything imports numpy, torch, matplotlib or napari. The tests of a machine share its cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("NAPARI_ENSURE_PLUGIN_MAIN_THREAD", "1")

HAS_TORCH = find_spec("torch") is not None
HAS_NAPARI = find_spec("napari") is not None

# Parts that cannot be imported in an environment without these libraries.
collect_ignore = []
if not HAS_TORCH:
    collect_ignore += ["engines", "training", "evaluation", "experiments"]
if not (HAS_NAPARI and HAS_TORCH and find_spec("pytestqt") is not None):
    collect_ignore += ["gui"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long suites unless asked for, and skip what this machine cannot run."""
    if "long" not in config.getoption("markexpr"):
        chosen = [item for item in items if item.get_closest_marker("long") is None]
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long") is not None])
        items[:] = chosen
    if not HAS_TORCH:
        _skip(items, "weights", "the bundled networks need torch")
    if any(item.get_closest_marker("gpu") for item in items) and not _has_cuda():
        _skip(items, "gpu", "no CUDA device")


def _skip(items: list[pytest.Item], marker: str, reason: str) -> None:
    for item in items:
        if item.get_closest_marker(marker) is not None:
            item.add_marker(pytest.mark.skip(reason=reason))


def _has_cuda() -> bool:
    if not HAS_TORCH:
        return False
    import torch

    return torch.cuda.is_available()


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection and every name that is not this machine's own."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_foreign(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_foreign(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        _refuse_foreign(socket.AF_INET, (host, 0))
        return getaddrinfo(host, *arguments, **options)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield
    patch.undo()


def _refuse_foreign(family: int, address: Any) -> None:
    if family not in (socket.AF_INET, socket.AF_INET6):
        return
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in (None, "", "localhost"):
        return
    try:
        is_own = ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        is_own = False
    if not is_own:
        raise RuntimeError(f"A test tried to reach {host}; tests use no network.")


class NamedPatient:
    """A DICOM series that tells who, when and where in every place that scanners use, and a search for any of it."""

    FOLDER = "Quixworth_Zebulon"
    ATTRIBUTES: ClassVar[dict[str, str]] = {
        "PatientName": "Quixworth^Zebulon", "PatientID": "ZQ7712345", "OtherPatientIDs": "ZQ7712345",
        "PatientBirthDate": "19431102", "PatientAge": "078Y", "PatientComments": "son of Quixworth",
        "StudyDate": "20211231", "SeriesDate": "20211231", "AcquisitionDate": "20211231", "ContentDate": "20211231",
        "StudyTime": "235958", "AccessionNumber": "ACC5550123", "StudyID": "ZQ7712345",
        "InstitutionName": "Umbrella Klinik", "InstitutionAddress": "Umbrella Street 1", "StationName": "UMBRELLA7",
        "ReferringPhysicianName": "Moreau^Ada", "OperatorsName": "Moreau^Ada", "StudyDescription": "Quixworth heart",
        "SeriesDescription": "LGE SA Quixworth", "ProtocolName": "LGE Quixworth", "ImageComments": "Quixworth 2021",
        "RequestedProcedureDescription": "Quixworth", "DeviceSerialNumber": "ZQ7712345",
    }  # fmt: skip
    WORDS = re.compile(
        rb"quixworth|zebulon|zq7712345|19431102|1943-11-02|20211231|2021-12-31|235958|acc5550123|umbrella|moreau",
        re.IGNORECASE,
    )

    def write(self, folder: Path, data: Any) -> Path:
        """Write (Z, Y, X) as one series in a folder that is called like the patient."""
        import numpy as np
        import pydicom

        from napari_scarseg.core.spacing import Spacing, SpacingOrigin
        from napari_scarseg.core.stack import Stack
        from napari_scarseg.io.write_image import SyntheticSeries, write_stack_dicom

        spacing = Spacing(10.0, 1.5, 1.5, SpacingOrigin.HEADER)
        stack = Stack(np.asarray(data, np.uint16), spacing, "x", np.diag([1.5, 1.5, 10.0, 1.0]))
        target = folder / self.FOLDER
        write_stack_dicom(target, stack, SyntheticSeries("x", "x", 8.0))
        for path in sorted(target.iterdir()):
            dataset = pydicom.dcmread(path)
            for keyword, value in self.ATTRIBUTES.items():
                setattr(dataset, keyword, value)
            dataset.private_block(0x0019, "QUIXWORTH", create=True).add_new(1, "LO", "Quixworth")
            dataset.save_as(path)
            path.rename(path.with_name(f"Quixworth-{path.name}"))
        return target

    def check_text(self, text: str) -> None:
        """Fail where `text` tells anything of the patient."""
        found = self.WORDS.findall(text.encode())
        assert not found, (found, text)

    def check_files(self, folder: Path) -> list[Path]:
        """Fail where a name or the content of a file in `folder` tells anything; return the files."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        for path in files:
            self.check_text(str(path.relative_to(folder)))
            for content in _layers_of(path.read_bytes()):
                assert not self.WORDS.findall(content), (path.name, self.WORDS.findall(content))
        return files


def _layers_of(content: bytes) -> Iterator[bytes]:
    """The bytes, and what is compressed in them: of gzip and of the streams of a PDF."""
    yield content
    if content[:2] == b"\x1f\x8b":
        yield gzip.decompress(content)
    if content[:4] == b"%PDF":
        for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL):
            with suppress(zlib.error):
                yield zlib.decompress(stream)


@pytest.fixture
def named_patient(monkeypatch: pytest.MonkeyPatch) -> NamedPatient:
    """Writes images that tell everything of a patient, and looks for it in what comes out."""
    monkeypatch.setenv("SCARSEG_SALT", "tests")
    return NamedPatient()
