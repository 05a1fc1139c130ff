"""Texts inside PNG files: other programs read them, and damaged or malicious files are refused."""

import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bot.rendering.pictures.png_text import read_text, with_text

LIMIT = 100_000
TEXT = '{"prompt": "The old man 你好 🤷🏽‍♀️"}'


def png_with(info: PngInfo | None = None) -> bytes:
    """Return a picture that Pillow wrote."""
    file = io.BytesIO()
    Image.effect_noise((60, 40), 50).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def with_chunk(png: bytes, data: bytes) -> bytes:
    return png[:33] + chunk(b"iTXt", data) + png[33:]


PNG = png_with()


@given(st.text(st.characters(codec="utf-8")))
@settings(deadline=None)
def test_pillow_reads_what_is_written_and_the_pixels_are_the_same(text: str) -> None:
    png = with_text(PNG, "nightword", text)
    with Image.open(io.BytesIO(png)) as shown, Image.open(io.BytesIO(PNG)) as before:
        assert shown.text == {"nightword": text}  # type: ignore[attr-defined]  # of PNG files
        assert shown.tobytes() == before.tobytes()
    assert read_text(png, "nightword", 10 * LIMIT) == text
    assert len(png) < len(PNG) + len(text.encode()) + 60


def test_what_pillow_writes_is_read() -> None:
    info = PngInfo()
    info.add_text("Comment", "of another program")
    info.add_itxt("parameters", "of another program", zip=True)
    assert read_text(png_with(info), "nightword", LIMIT) is None
    info.add_itxt("nightword", TEXT, zip=True)
    assert read_text(png_with(info), "nightword", LIMIT) == TEXT


def test_a_picture_without_a_text_has_none() -> None:
    assert read_text(PNG, "nightword", LIMIT) is None
    assert read_text(with_text(PNG, "nightwords", TEXT), "nightword", LIMIT) is None


def test_a_text_that_would_fill_the_memory_is_refused() -> None:
    deflate = zlib.compressobj(9)
    bomb = b"".join(deflate.compress(bytes(1024 * 1024)) for _ in range(200)) + deflate.flush()
    png = with_chunk(PNG, b"nightword\0\1\0\0\0" + bomb)
    assert len(png) < 1024 * 1024
    with pytest.raises(ValueError, match="has over 100,000 bytes"):
        read_text(png, "nightword", LIMIT)
    assert read_text(with_text(PNG, "nightword", "x" * LIMIT), "nightword", LIMIT) == "x" * LIMIT
    with pytest.raises(ValueError, match="has over 100,000 bytes"):
        read_text(with_text(PNG, "nightword", "x" * (LIMIT + 1)), "nightword", LIMIT)


def test_two_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="this picture has 2 texts nightword"):
        read_text(with_text(with_text(PNG, "nightword", "{}"), "nightword", TEXT), "nightword", LIMIT)


def test_every_truncated_file_is_refused() -> None:
    png = with_text(PNG, "nightword", TEXT)
    for length in range(len(png)):
        with pytest.raises(ValueError, match=r"^this (is not a PNG file|PNG file is not complete)$"):
            read_text(png[:length], "nightword", LIMIT)


def test_every_wrong_byte_is_noticed() -> None:
    png = with_text(PNG, "nightword", TEXT)
    for position in range(len(png)):
        damaged = png[:position] + bytes([png[position] ^ 0x41]) + png[position + 1 :]
        with pytest.raises(ValueError, match=r"^this "):
            read_text(damaged, "nightword", LIMIT)


@pytest.mark.parametrize(
    "data",
    [
        b"nightword\0",
        b"nightword\0\0\0\0\0{}",  # uncompressed, which Nightword never writes
        b"nightword\0\1\0en\0\0" + zlib.compress(b"{}"),
        b"nightword\0\1\0\0\0no deflate",
        b"nightword\0\1\0\0\0" + zlib.compress(b"{}")[:-1],
        b"nightword\0\1\0\0\0" + zlib.compress(b"\xff"),
    ],
)
def test_a_text_in_another_form_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"this picture|decode"):
        read_text(with_chunk(PNG, data), "nightword", LIMIT)
