"""Show a single token as text: never as a replacement character, never without its leading space."""

from typing import Any

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

REPLACEMENT = "\ufffd"

_BYTE_OF = {character: byte for byte, character in bytes_to_unicode().items()}  # type: ignore[no-untyped-call]  # transformers leaves it untyped
_SENTENCEPIECE_SPACE = "\u2581"


def token_text(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    r"""Return the decoded token; bytes of an incomplete character as ``\xe4``, a sentencepiece with its ``▁``.

    Not for an added token beyond ASCII in which all letters are of the byte map: such a decoder reads it as bytes.
    """
    piece: Any = tokenizer.convert_ids_to_tokens(token_id)
    if not piece:  # the model's vocabulary is often padded beyond the tokenizer's
        return f"[unused {token_id}]"
    decoded = str(tokenizer.decode([token_id], skip_special_tokens=False))
    if piece.startswith(_SENTENCEPIECE_SPACE) and not decoded.startswith(" "):
        return str(piece)
    if REPLACEMENT not in decoded and decoded:
        return decoded
    if is_byte_text(piece):
        text = bytes(_BYTE_OF[character] for character in piece).decode("utf-8", errors="backslashreplace")
        return text.replace(REPLACEMENT, r"\xef\xbf\xbd")
    return str(piece)


def is_byte_text(text: str) -> bool:
    """Return whether all characters of `text` are ones by which byte-level tokenizers write bytes."""
    return all(character in _BYTE_OF for character in text)
