"""Compressing and inflating single members.

Output bytes must not depend on the machine: Python's zlib differs between builds, so what we compress goes
through libdeflate, pinned by version. Inflating gives the same bytes everywhere and uses zlib.
"""

from __future__ import annotations

import bz2
import zlib

from defender.errors import PackageError

STORED, DEFLATED, BZIP2 = 0, 8, 12
READABLE = frozenset({STORED, DEFLATED, BZIP2})
# Smaller content saves fewer bytes than a member's two headers have. Larger is worth the half millisecond that
# loading the compressor takes: stored, the manifest and the edited file alone would be 3 % of a small package.
_STORE_UP_TO = 256
_LEVEL = 9
# Spring Boot's loader and others read archives within archives only where they are stored.
_ARCHIVES = (".jar", ".war", ".zip", ".whl")


def packed(data: bytes, name: str) -> tuple[int, bytes]:
    """ZIP method and bytes for new content of a member."""
    if len(data) <= _STORE_UP_TO or name.lower().endswith(_ARCHIVES):
        return STORED, data
    import deflate

    compressed = bytes(deflate.deflate_compress(data, _LEVEL))
    return (DEFLATED, compressed) if len(compressed) < len(data) else (STORED, data)


def inflated(method: int, data: bytes, size: int, crc: int, where: str) -> bytes:
    """A member's content; PackageError unless it has exactly the size and CRC-32 that it should have."""
    try:
        content = _inflate(method, data, size)
    except (zlib.error, OSError, EOFError, ValueError) as error:
        raise PackageError(f"the member's data is damaged: {error}", path=where) from error
    if len(content) != size or zlib.crc32(content) != crc:
        raise PackageError(
            "the member's size or checksum is wrong", path=where, hint="build the package anew"
        )
    return content


def _inflate(method: int, data: bytes, size: int) -> bytes:
    """At most one byte more than `size`, which is enough to see that it is wrong."""
    if method == STORED:
        return data
    if method == DEFLATED:
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        content = engine.decompress(data, size + 1)
        if not engine.eof or engine.unused_data:
            raise ValueError("the deflate stream does not end with the member")
        return content
    return bz2.BZ2Decompressor().decompress(data, size + 1)
