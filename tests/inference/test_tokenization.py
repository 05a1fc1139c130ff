"""Tokens as people see them, on the real Qwen2 tokenizer, a sentencepiece one and the demo model's."""

import shutil

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from bot.inference.loading import load_model
from bot.inference.transformers_model import TransformersModel
from tests.conftest import QWEN2_TOKENIZER, need_shared


@pytest.fixture(scope="module")
def qwen2(tmp_path_factory: pytest.TempPathFactory) -> TransformersModel:
    """The real tokenizer before a small random Qwen2, whose vocabulary is padded as in the real one."""
    folder = tmp_path_factory.mktemp("qwen2")
    for file in need_shared(QWEN2_TOKENIZER).iterdir():
        shutil.copy(file, folder / file.name)
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151_936, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=True, eos_token_id=151_643, bos_token_id=151_643,
    )  # fmt: skip
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return load_model(str(folder), max_prompt_tokens=1024)


def texts(model: TransformersModel, text: str) -> list[str]:
    return [token.text for token in model.tokenize(text).tokens]


def test_the_notebook_s_tokens(qwen2: TransformersModel) -> None:
    tokens = qwen2.tokenize("It was a dark and stormy").tokens
    assert [token.id for token in tokens] == [2132, 572, 264, 6319, 323, 13458, 88]
    assert [token.text for token in tokens] == ["It", " was", " a", " dark", " and", " storm", "y"]


def test_bytes_of_a_character_are_shown_as_bytes(qwen2: TransformersModel) -> None:
    shown = texts(qwen2, "a 🤷🏽‍♀️")
    assert shown == ["a", r" \xf0\x9f", r"\xa4", r"\xb7", "🏽", r"\xe2\x80", r"\x8d", "♀", "\ufe0f"]


def test_a_real_replacement_character_is_shown_as_bytes_too(qwen2: TransformersModel) -> None:
    assert "\ufffd" not in "".join(texts(qwen2, "a \ufffd b"))


def test_special_tokens_in_a_text_are_kept_and_shown(qwen2: TransformersModel) -> None:
    assert texts(qwen2, "a<|endoftext|>b<|im_start|>") == ["a", "<|endoftext|>", "b", "<|im_start|>"]


def test_ids_beyond_the_tokenizer_are_named(qwen2: TransformersModel) -> None:
    assert qwen2._token(151_900).text == "[unused 151900]"


def test_every_token_of_the_vocabulary_has_a_text_without_replacement_characters(qwen2: TransformersModel) -> None:
    shown = [qwen2._token(id_).text for id_ in range(0, 151_936, 7)]
    assert all(shown)
    assert not any("\ufffd" in text for text in shown)


def test_sentencepiece_keeps_its_leading_space(stories_model: TransformersModel) -> None:
    assert texts(stories_model, "Once upon a time") == ["<s>", "▁Once", "▁upon", "▁a", "▁time"]
    assert texts(stories_model, "你")[-3:] == ["<0xE4>", "<0xBD>", "<0xA0>"]


def test_the_demo_model_has_both_labels_as_single_tokens(demo_model: TransformersModel) -> None:
    assert texts(demo_model, " positive negative") == [" positive", " negative"]


def test_white_space_alone_is_a_text(demo_model: TransformersModel) -> None:
    assert "".join(texts(demo_model, " \n\t ")) == " \n\t "
