"""Added and special tokens: shown as they are written, and not counted as part of the measured text."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoTokenizer

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Watcher
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.xray import XrayQuestion
from tests.engine.small_models import added_token, demo_with, plain_model, random_model, spaced_model

ADDED = ["Łódź", "¿Qué", "naïve", "日本", "Ünïcödé", "\u00a0¡"]


def add_words(tokenizer: dict[str, Any]) -> None:
    """Replace the tokens with the last ids by words beyond ASCII."""
    model = tokenizer["model"]
    for position, content in enumerate(ADDED):
        removed = next(piece for piece, id_ in model["vocab"].items() if id_ == 4095 - position)
        del model["vocab"][removed]
        merges = model["merges"]
        model["merges"] = [
            merge for merge in merges if "".join(merge if isinstance(merge, list) else merge.split(" ")) != removed
        ]
        tokenizer["added_tokens"].append(added_token(4095 - position, content))


@pytest.fixture(scope="module")
def with_words(tmp_path_factory: pytest.TempPathFactory) -> EngineModel:
    return load_model(str(demo_with(tmp_path_factory.mktemp("words"), tokenizer=add_words)), max_prompt_tokens=100)


@pytest.mark.parametrize("word", ADDED)
def test_an_added_token_is_shown_as_it_is_written(with_words: EngineModel, word: str) -> None:
    assert word in [token.text for token in with_words.answer(TokenizationQuestion(f"In {word}: what"))[0].tokens]
    ids = [token.id for token in with_words.answer(TokenizationQuestion(f" {word}!"))[0].tokens]
    assert with_words.answer(TopKQuestion("In", 1, tuple(ids), 1.0)).text == f" {word}!"


@pytest.mark.parametrize("content", ["▁<PRE>", "▁▁▁▁", "<é>"])
def test_an_added_token_of_a_sentencepiece_tokenizer_is_decoded_by_it(tmp_path: Path, content: str) -> None:
    folder = spaced_model(tmp_path)
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    first_free = len(tokenizer["model"]["vocab"])
    tokenizer["model"]["vocab"].append([content, -1.0])
    tokenizer["added_tokens"].append(added_token(first_free, content))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    plain = AutoTokenizer.from_pretrained(folder)
    codec = load_model(str(folder), max_prompt_tokens=100).engine.codec
    for text in (f"It was{content} a dark", f"{content}It was", f"a{content}"):
        ids = plain(text).input_ids
        assert first_free in ids
        assert codec.decode(ids) == plain.decode(ids)


@pytest.fixture(scope="module")
def model_with_end(tmp_path_factory: pytest.TempPathFactory) -> tuple[EngineModel, Any]:
    folder = spaced_model(tmp_path_factory.mktemp("ended"), ends_texts=True)
    plain = plain_model(folder)
    return load_model(str(folder), max_prompt_tokens=100), plain


def test_an_end_token_that_the_tokenizer_adds_is_not_measured(model_with_end: tuple[EngineModel, Any]) -> None:
    ours, plain = model_with_end
    result = ours.answer(XrayQuestion("It was a dark"))
    ids = [entry.token.id for entry in result.tokens]
    with torch.no_grad():
        rows = plain(torch.tensor([ids])).logits[0].log_softmax(-1)
    own = [rows[position, ids[position + 1]].item() for position in range(len(ids) - 2)]  # without </s>
    assert result.tokens[-1].token.text == "</s>"
    assert result.predicted_characters == len("It was a dark")
    assert result.bits_per_character == pytest.approx(-sum(own) / math.log(2) / 13, rel=1e-4)
    assert result.perplexity == pytest.approx(math.exp(-sum(own) / len(own)), rel=1e-4)
    assert len(ids) - 1 not in result.most_surprising(len(ids))


@pytest.mark.parametrize(
    "text",
    [
        "It was<|endoftext|> a dark",
        "<|endoftext|>It was a",
        "It was a<|endoftext|>",
        "<|endoftext|><|endoftext|>It was a",
    ],
)
def test_special_tokens_are_not_measured_in_any_position(demo_model: EngineModel, text: str) -> None:
    result = demo_model.answer(XrayQuestion(text))
    special = [position for position, entry in enumerate(result.tokens) if entry.token.text == "<|endoftext|>"]
    measured = [
        entry.likelihood.surprisal
        for position, entry in enumerate(result.tokens)
        if entry.likelihood is not None and position not in special
    ]
    first = "" if 0 in special else result.tokens[0].token.text
    characters = len(text.replace("<|endoftext|>", "")) - len(first)
    assert result.predicted_characters == characters
    assert result.bits_per_character == pytest.approx(sum(measured) / characters)
    assert result.perplexity == pytest.approx(2 ** (sum(measured) / len(measured)))
    assert set(special).isdisjoint(result.most_surprising(10))


def test_a_text_of_special_tokens_alone_has_nothing_to_measure(demo_model: EngineModel) -> None:
    with pytest.raises(EmptyPrompt):
        demo_model.answer(XrayQuestion("<|endoftext|><|endoftext|>"))


class Watching(Watcher[Continuation]):
    """Records every draft."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def offer(self, partial: Callable[[], Continuation]) -> None:
        self.texts.append(partial().text)


def test_a_draft_never_shows_half_a_character(tmp_path: Path, demo_model: EngineModel) -> None:
    emoji = " 😂日🤷"
    ids = [token.id for token in demo_model.answer(TokenizationQuestion(emoji))[0].tokens]
    assert len(ids) > len(emoji)
    model = load_model(str(_scripted_model(tmp_path, ids)), max_prompt_tokens=100)
    watching = Watching()
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=len(ids))
    result = model.answer(ContinuationQuestion("It", parameters), watching)
    assert result.text == emoji
    assert watching.texts
    assert all(emoji.startswith(text) for text in watching.texts), watching.texts


def _scripted_model(folder: Path, ids: list[int]) -> Path:
    """Write a GPT-2 that predicts `ids` by position, whatever it reads."""
    config = transformers.GPT2Config(
        vocab_size=4096, n_embd=64, n_layer=1, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0,
        tie_word_embeddings=False,
    )  # fmt: skip

    def speak(model: Any) -> None:
        model.transformer.wte.weight.zero_()
        for block in model.transformer.h:
            block.attn.c_proj.weight.zero_()
            block.mlp.c_proj.weight.zero_()
        model.transformer.wpe.weight.normal_()
        states = torch.nn.functional.layer_norm(model.transformer.wpe.weight[: len(ids)], (64,))
        model.lm_head.weight.zero_()
        for state, id_ in zip(states, ids, strict=True):
            model.lm_head.weight[id_] += state

    return random_model(folder, config, speak)
