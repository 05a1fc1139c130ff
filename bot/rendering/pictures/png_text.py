"""Texts inside a PNG file, in compressed iTXt chunks. The pixels are neither decoded nor changed.

Chunks as in the PNG specification, third edition, sections 5.3 and 11.3.3.4.
"""

import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FIRST = len(SIGNATURE) + 25  # where the header chunk ends: 13 bytes of data, and 12 of length, type and checksum
_COMPRESSED = b"\0\1\0\0\0"  # ends the keyword; compressed by deflate, no language, no translated keyword


def with_text(png: bytes, keyword: str, text: str) -> bytes:
    """Return the file with one more text, before its pixels."""
    data = keyword.encode("latin-1") + _COMPRESSED + zlib.compress(text.encode("utf-8"), 9)
    checksum = zlib.crc32(b"iTXt" + data)
    chunk = len(data).to_bytes(4) + b"iTXt" + data + checksum.to_bytes(4)
    return png[:_FIRST] + chunk + png[_FIRST:]


def read_text(png: bytes, keyword: str, limit: int) -> str | None:
    """Return the text of `with_text`, or None if the file has none.

    Raises ValueError if the file is not a whole PNG, has two such texts, or one that is damaged or over `limit` bytes.
    """
    beginning = keyword.encode("latin-1") + b"\0"
    chunks = [data for data in _texts(png) if data.startswith(beginning)]
    if len(chunks) > 1:
        raise ValueError(f"this picture has {len(chunks)} texts {keyword}")
    if not chunks:
        return None
    start = beginning[:-1] + _COMPRESSED
    if not chunks[0].startswith(start):
        raise ValueError(f"this picture's text {keyword} is not as it was written")
    return _inflate(chunks[0][len(start) :], limit).decode("utf-8")  # UnicodeDecodeError is a ValueError


def _texts(png: bytes) -> Iterator[bytes]:
    """Yield the data of each iTXt chunk. Raises ValueError if a chunk is damaged or the last one is missing."""
    if not png.startswith(SIGNATURE):
        raise ValueError("this is not a PNG file")
    position, kind = len(SIGNATURE), b""
    while kind != b"IEND":
        length, kind = int.from_bytes(png[position : position + 4]), png[position + 4 : position + 8]
        end = position + 8 + length
        if len(png) < end + 4:
            raise ValueError("this PNG file is not complete")
        if zlib.crc32(memoryview(png)[position + 4 : end]) != int.from_bytes(png[end : end + 4]):
            raise ValueError("this PNG file is damaged")
        if kind == b"iTXt":
            yield png[position + 8 : end]
        position = end + 4


def _inflate(data: bytes, limit: int) -> bytes:
    """Return decompressed data of at most `limit` bytes."""
    inflating = zlib.decompressobj()
    try:
        content = inflating.decompress(data, limit + 1)
    except zlib.error:
        raise ValueError("this picture's text is damaged") from None
    if len(content) > limit or not inflating.eof:
        raise ValueError(f"this picture's text is damaged or has over {limit:,} bytes")
    return content
