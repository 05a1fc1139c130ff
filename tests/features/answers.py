"""The commands whose answers have a receipt, with options."""

from typing import Any

PROMPT = "The old man's dog looked at the sea and"
REVIEW = "A slow beginning, but I laughed all the way home."
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("topk", {"prompt": PROMPT, "k": 5}),
    ("continue", {"prompt": PROMPT}),
    ("continue", {"prompt": PROMPT, "strategy": "beam", "num_beams": 3, "repetition_penalty": 1.3}),
    ("continue", {"prompt": PROMPT, "strategy": "sample", "seed": 5, "temperature": 1.1, "top_p": 0.9}),
    ("continue", {"prompt": PROMPT, "strategy": "sample", "seed": 6, "min_p": 0.1, "top_h": 0.8}),
    ("sentiment", {"review": REVIEW}),
    ("decide", {"question": "spam", "text": REVIEW}),
    ("decide", {"question": "{text} It was a", "labels": 'sad story|day|"night"', "text": PROMPT}),
    ("tokenize", {"text": "positive", "compare_with": "-positive"}),
    ("xray", {"text": PROMPT}),
    ("compare", {"prompt": PROMPT, "max_new_tokens": 6, "seed": 3, "num_beams": 2}),
    ("sampler", {"prompt": PROMPT, "temperature": 1.5, "top_k": 20, "top_p": 0.9}),
    ("sampler", {"prompt": PROMPT, "min_p": 0.02, "top_h": 0.9}),
    ("layers", {"prompt": PROMPT, "positions": 3}),
    ("contrast", {"a": "The nurse said that", "b": "The doctor said that"}),
    ("why", {"prompt": PROMPT}),
    ("why", {"prompt": PROMPT, "token": "-said", "instead_of": "the"}),
]
