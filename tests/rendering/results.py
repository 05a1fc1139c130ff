"""Hypothesis strategies for texts, tokens and results, and the checks that every answer must pass."""

import re
from typing import Any

import discord
from hypothesis import strategies as st

from bot.answers.answer import Answer
from bot.questions.continuation import Continuation, WrittenToken
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo, RunInfo
from bot.questions.sentiment import Sentiment
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import ScoredToken, Token

# Texts that break things: fences, mentions, markdown, bidi, zero-width, wide and combining characters.
HOSTILE = st.sampled_from(
    [
        "```", "`", "@everyone", "@here", "<@123456789012345678>", "<@&1>", "<#1>", "</topk:1>", "<t:0:R>", "**", "__",
        "||", "~~", "\n", "\r\n", "\t", "# ", "> ", "- ", "1. ", "[a](http://b.c)", "http://d.e", "\u202e", "\u2066",
        "\u200b", "\u200d", "\ufeff", "\x00", "\x1b[31m", "你好", "🤷🏽‍♀️", "שלום", "مرحبا", "e\u0301", "\u0301", "\\",
        "ﷺ" * 20, "\u2028", "\ue000",
    ]
)  # fmt: skip
texts = st.lists(HOSTILE | st.text(max_size=40), max_size=60).map("".join)
long_texts = st.builds(lambda text, times: text * times, texts, st.integers(1, 40))
probabilities = st.floats(0, 1)
logits = st.floats(-1e4, 1e4)
tokens = st.builds(Token, st.integers(0, 2**20), texts | st.just("x" * 300))
computed = st.builds(
    RunInfo,
    st.builds(
        ModelInfo,
        name=texts,
        short_name=texts,
        revision=st.none(),
        dtype=st.just("float32"),
        device=st.just("cpu"),
        context_length=st.integers(1, 10**6),
        vocab_size=st.integers(1, 10**6),
        parameter_count=st.integers(1, 10**12),
        quantization=st.sampled_from(["", "Q4_1"]),
    ),
    st.floats(0, 1e5),
)
parameters = st.sampled_from(
    [
        GenerationParameters.from_options(),
        GenerationParameters.from_options(strategy="sample", seed=2**32 - 1),
        GenerationParameters.from_options(strategy="beam"),
    ]
)
scored_tokens = st.builds(ScoredToken, tokens, st.floats(-1e3, 0))
written_tokens = st.builds(
    WrittenToken,
    tokens,
    st.floats(-1e3, 0),
    st.lists(scored_tokens, max_size=3, unique_by=lambda other: other.token.id).map(tuple),
)
continuations = st.builds(
    Continuation,
    prompt=long_texts,
    parameters=parameters,
    input_ids=st.just((1,)),
    output_ids=st.lists(st.integers(0, 9), max_size=256).map(tuple),
    text=long_texts,
    finish_reason=st.sampled_from(["length", "stop"]),
    fixed=st.sampled_from([0, 3]),
    tokens=st.lists(written_tokens, max_size=30).map(tuple),
)
sentiments = st.builds(
    Sentiment,
    review=long_texts,
    label=st.sampled_from(["Positive", "Negative"]),
    positive_logit=logits,
    negative_logit=logits,
    positive_probability=probabilities,
    negative_probability=probabilities,
    label_mass=probabilities,
)
tokenizations = st.builds(Tokenization, long_texts, st.lists(tokens, min_size=1, max_size=200).map(tuple))
MENTION = re.compile(r"(?<!\\)<(@[!&]?|#|/|t:|a?:)|@(everyone|here)|(?<!:)://")


def check_embed(embed: discord.Embed) -> None:
    check_limits(embed)
    data: Any = embed.to_dict()
    for text in (data["title"], data["description"], *(field["value"] for field in data.get("fields", []))):
        check_text(text)


def check_limits(embed: discord.Embed) -> None:
    data: Any = embed.to_dict()
    assert 1 <= len(data["title"]) <= 256
    assert 1 <= len(data["description"]) <= 4096
    assert len(data.get("fields", [])) <= 25
    for field in data.get("fields", []):
        assert 1 <= len(field["name"]) <= 256
        assert 1 <= len(field["value"]) <= 1024
    assert len(data.get("footer", {}).get("text", "")) <= 2048
    assert len(embed) <= 6000


def check_text(text: str) -> None:
    assert text.count("```") in (0, 2)
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert not MENTION.search(prose)
    assert not re.search("[\u0000-\u0008\u202a-\u202e\u2066-\u2067\ufeff]", text)
    assert text.count("\u2068") == text.count("\u2069")  # every isolate that is opened is closed


def check(answer: Answer) -> None:
    check_embed(answer.embed)
    for file in answer.files():
        assert file.fp.read()
        assert file.description
