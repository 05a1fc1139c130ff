"""Tokens as people see them, on the real Qwen2 tokenizer, a sentencepiece one and the demo model's."""

from bot.engine.model import EngineModel
from bot.questions.tokenization import TokenizationQuestion


def texts(model: EngineModel, text: str) -> list[str]:
    return [token.text for token in model.answer(TokenizationQuestion(text))[0].tokens]


def test_the_notebook_s_tokens(qwen2_model: EngineModel) -> None:
    tokens = qwen2_model.answer(TokenizationQuestion("It was a dark and stormy"))[0].tokens
    assert [token.id for token in tokens] == [2132, 572, 264, 6319, 323, 13458, 88]
    assert [token.text for token in tokens] == ["It", " was", " a", " dark", " and", " storm", "y"]


def test_bytes_of_a_character_are_shown_as_bytes(qwen2_model: EngineModel) -> None:
    shown = texts(qwen2_model, "a 🤷🏽‍♀️")
    assert shown == ["a", r" \xf0\x9f", r"\xa4", r"\xb7", "🏽", r"\xe2\x80", r"\x8d", "♀", "\ufe0f"]


def test_a_real_replacement_character_is_shown_as_bytes_too(qwen2_model: EngineModel) -> None:
    assert "\ufffd" not in "".join(texts(qwen2_model, "a \ufffd b"))


def test_special_tokens_in_a_text_are_kept_and_shown(qwen2_model: EngineModel) -> None:
    assert texts(qwen2_model, "a<|endoftext|>b<|im_start|>") == ["a", "<|endoftext|>", "b", "<|im_start|>"]


def test_ids_beyond_the_tokenizer_are_named(qwen2_model: EngineModel) -> None:
    assert qwen2_model.engine.codec.token(151_900).text == "[unused 151900]"


def test_every_token_of_the_vocabulary_has_a_text_without_replacement_characters(
    qwen2_model: EngineModel,
) -> None:
    shown = [qwen2_model.engine.codec.token(id_).text for id_ in range(0, 151_936, 7)]
    assert all(shown)
    assert not any("\ufffd" in text for text in shown)


def test_sentencepiece_keeps_its_leading_space(stories_model: EngineModel) -> None:
    assert texts(stories_model, "Once upon a time") == ["<s>", "▁Once", "▁upon", "▁a", "▁time"]
    assert texts(stories_model, "你")[-3:] == ["<0xE4>", "<0xBD>", "<0xA0>"]


def test_the_demo_model_has_both_labels_as_single_tokens(demo_model: EngineModel) -> None:
    assert texts(demo_model, " positive negative") == [" positive", " negative"]


def test_white_space_alone_is_a_text(demo_model: EngineModel) -> None:
    assert "".join(texts(demo_model, " \n\t ")) == " \n\t "
