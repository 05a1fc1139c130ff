"""A short text inside the custom_ids of a message's components, which Discord doesn't show.

A custom_id has up to 100 characters. What a component leaves free takes 15 bits of the deflated text in each character.
The characters are ideographs and syllables that Unicode's normalization leaves unchanged. They are one code unit each,
so that the limit is kept however Discord counts.
"""

import zlib
from collections.abc import Sequence

CUSTOM_ID_LIMIT = 100
MARK = "~"  # separates a component's own custom_id from its share of the text; no custom_id of ours has it
TEXT_LIMIT = 64 * 1024  # bytes of a text that is read; no message's components can hold nearly as much

_BITS = 15
_ALPHABET = "".join(
    chr(code) for start, end in ((0x3400, 0x4DB6), (0x4E00, 0x9FA6), (0xAC00, 0xD7A4)) for code in range(start, end)
)[: 1 << _BITS]
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
PATTERN = rf"(?:{MARK}[{_ALPHABET[0]}-\u4db5\u4e00-\u9fa5\uac00-{_ALPHABET[-1]}]+)?"  # ends a component's template

# What most texts contain, as the dictionary of deflate (RFC 1950, 2.2), with the most frequent at the end. A message
# keeps its text for as long as it exists: to change the dictionary, add another one with a number of its own.
_DICTIONARY_1 = (
    b'{"side":{"by":["'
    b'{"state":{"command":"guess","opener":"1","nonce":"","favourite_probability":0.,"guesses":[{"user":"1'
    b'","name":"","seal":"'
    b'{"state":{"command":"topk","options":{"prompt":"","k":10,"after_ids":[],"temperature":1.0},'
    b'"log_probability":-,"rank":1,"how":"chosen","temperature":null,"seed":null},{"how":"drawn","steps":[{"id":,"token":"'
    b'{"state":{"command":"decide","options":{"type":"template","question":"{text}","labels":[],"examples":[["","'
    b'{"state":{"command":"xray","options":{"text":"'
    b'{"state":{"command":"sentiment","options":{"review":"'
    b'{"state":{"command":"continue","options":{"prompt":"","strategy":"sample","strategy":"beam","strategy":"greedy",'
    b'"max_new_tokens":50,"max_new_tokens":20,"repetition_penalty":1.0,"temperature":null,"top_k":null,"top_p":null,'
    b'"seed":null,"num_beams":null,"written":[]},'
    b'"device":"cuda","dtype":"int8","dtype":"bfloat16","engine":"vllm","quantization":"Q4_1",'
    b'"model":{"name":"demo","revision":null,"model":{"name":"Qwen/Qwen2-0.5B","revision":"c291d6fce4804a1d39305f388dd32897d1f7acc4","dtype":"float32",'
    b'"device":"cpu","engine_path":"","engine":"transformers"},"versions":{"nightword":"0.1.0","python":"3.11.",'
    b'"torch":"2.13.0","torch":"2.13.0+cpu","transformers":"5.23.0","tokenizers":"0.23.3"},'
    b'"input_ids":[14582,25,2160,279,2701,3395,6785,476,198,262,8225,911,279,5700,5267,262,10294,25,'  # of /sentiment
    b',1599,21806,25],"outputs":[[]],"figures":[-0.],"is_cut_short":true,"is_cut_short":false}}'
)


def fit_text(text: str, custom_ids: Sequence[str]) -> list[str] | None:
    """Return the custom_ids with their shares of the text, or None if it doesn't fit."""
    rooms = [max(0, CUSTOM_ID_LIMIT - len(custom_id) - len(MARK)) for custom_id in custom_ids]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_DICTIONARY_1)
    # The number of the dictionary comes first. It isn't 0, so the bytes are those of one whole number.
    number = int.from_bytes(b"\x01" + deflate.compress(text.encode("utf-8")) + deflate.flush())
    if number.bit_length() > _BITS * sum(rooms):
        return None
    characters = []
    while number:
        number, value = divmod(number, 1 << _BITS)
        characters.append(_ALPHABET[value])
    written = "".join(characters)
    ids, start = [], 0
    for custom_id, room in zip(custom_ids, rooms, strict=True):
        share = written[start : start + room]
        ids.append(f"{custom_id}{MARK}{share}" if share else custom_id)
        start += room
    return ids


def read_text(custom_ids: Sequence[str]) -> str | None:
    """Return the text that `fit_text` put into these custom_ids, or None. Raises ValueError if it is damaged."""
    written = "".join(custom_id.partition(MARK)[2] for custom_id in custom_ids)
    if not written:
        return None
    number = 0
    for character in reversed(written):
        if character not in _VALUES:
            raise ValueError("these custom_ids hold no text")
        number = number << _BITS | _VALUES[character]
    content = number.to_bytes((number.bit_length() + 7) // 8)
    inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_DICTIONARY_1)
    try:
        text = inflate.decompress(content[1:], TEXT_LIMIT)
    except zlib.error:
        raise ValueError("the text in these custom_ids is damaged") from None
    if content[:1] != b"\x01" or not inflate.eof:
        raise ValueError("the text in these custom_ids is damaged, or another version wrote it")
    return text.decode("utf-8")
