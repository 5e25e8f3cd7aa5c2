"""The size that a compressed picture gives itself: decoders believe it, so it is looked at before they are called."""

# Markers that open a JPEG 2000 codestream (SOC, SIZ), wherever it lies in a JP2 file.
_J2K_START = b"\xff\x4f\xff\x51"
_JPEG_START = b"\xff\xd8"
# Frame headers of JPEG and JPEG-LS; the rest of FFC0–FFCF are tables.
_FRAME_MARKERS = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})


def codestream_size(data: bytes) -> tuple[int, int] | None:
    """(rows, columns) in the header of a JPEG, JPEG-LS or JPEG 2000 codestream; None where it is none of them.

    JPEG 2000 has an image and tiles in it; the larger of the two is given.

    Examples
    --------
    >>> codestream_size(bytes.fromhex("ffd8 ffc0 000b 08 0010 0020 01 011100"))
    (16, 32)
    """
    if (start := data.find(_J2K_START, 0, 4096)) >= 0:
        fields = data[start + 8 : start + 40]
        if len(fields) < 32:
            return None
        columns, rows, left, top, tile_columns, tile_rows, *_ = (
            int.from_bytes(fields[at : at + 4], "big") for at in range(0, 32, 4)
        )
        return max(rows - top, min(tile_rows, rows)), max(columns - left, min(tile_columns, columns))
    return _jpeg_size(data) if data.startswith(_JPEG_START) else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _NO_LENGTH:
            at += 2
        elif marker in _FRAME_MARKERS:
            return int.from_bytes(data[at + 5 : at + 7], "big"), int.from_bytes(data[at + 7 : at + 9], "big")
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
