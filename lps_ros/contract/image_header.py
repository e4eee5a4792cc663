"""What a compressed picture says of itself, read before anything is decoded."""

import struct

# How a whole file begins and ends; decoders fill up a picture that was cut off.
_JPEG, _JPEG_END = b'\xff\xd8', b'\xff\xd9'
_PNG, _PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND'
# Start of frame: each process of coding has one; C4, C8 and CC are other segments.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset(range(0xD0, 0xD8)) | {0x01}  # markers without a segment


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a whole JPEG or PNG; None for anything else."""
    if data.startswith(_PNG) and _PNG_END in data:
        return struct.unpack_from('>II', data, 16) if len(data) >= 24 else None
    if data.startswith(_JPEG) and _JPEG_END in data:
        return _jpeg_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAMES:
            height, width = struct.unpack_from('>HH', data, place + 5)
            return width, height
        if marker == 0xFF:  # padding
            place += 1
        elif marker in _ALONE:
            place += 2
        else:
            place += 2 + struct.unpack_from('>H', data, place + 2)[0]
    return None
