"""A receipt inside a picture: the text `nightword` of the PNG file."""

from bot.rendering.pictures.png_text import read_text, with_text

KEYWORD = "nightword"
RECEIPT_LIMIT = 4 * 1024 * 1024  # bytes of JSON; /xray of 32,000 tokens needs about 1 MB


def put_receipt(png: bytes, receipt: str) -> bytes:
    """Return a picture's file with the JSON of a receipt in it."""
    return with_text(png, KEYWORD, receipt)


def find_receipt(png: bytes) -> str | None:
    """Return the JSON of the receipt in a picture's file, or None. Raises ValueError if the file is damaged."""
    return read_text(png, KEYWORD, RECEIPT_LIMIT)
