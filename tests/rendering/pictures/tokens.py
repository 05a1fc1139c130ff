"""Hypothesis strategies for tokens: of any script, parts of characters, invisible, empty."""

import math

from hypothesis import strategies as st

from bot.questions.tokens import Token, TokenProbability

ODD = (
    " the", "The", "", " ", " " * 60, "\n", "\n\n", ".\n", "\r\n", "\t", "\\xf0", "\\xe4\\xb8", "中文", "한국어",
    " مرحبا", "שלום", "हिन्दी", "🤷🏽‍♀️", "😀", "e\u0301", "\u0301", "Z\u0301\u0302\u0303", "\u202e", "\u200d", "\x00",
    "\ud800", "🇩🇪", "👨‍👩‍👧‍👦", "❤️", "1️⃣", "\ufffd", "\ue000", "ภาษาไทย", "قال 12.5%", "\u2003", "\u2067\u2069",
    "$x^2$", "<|endoftext|>", "<0x0A>", "▁the", "-" * 200, "antidisestablishmentarianism", "[unused 4095]",
)  # fmt: skip
any_text = st.text(st.characters())  # all of Unicode, with surrogates, which `st.text()` leaves out
token_texts = st.sampled_from(ODD) | st.text(st.characters(), max_size=12)
tokens = st.builds(Token, st.sampled_from([0, 7, 151_935]) | st.integers(0, 99_999), token_texts)
probabilities = st.sampled_from([0.0, 1.0, 1e-300, 0.5]) | st.floats(0, 1)


def candidate(rank: int, token: Token, probability: float) -> TokenProbability:
    return TokenProbability(rank, token, 0.0, probability, math.log(probability or 1e-300))
