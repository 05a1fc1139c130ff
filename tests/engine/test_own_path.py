"""Models that cannot be computed in pieces or in batches take transformers' own path, or are refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedConfig

from bot.engine.transformers.loading import load_model
from bot.errors import ModelUnavailable
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.xray import XrayQuestion
from tests.console import PROMPT, Console
from tests.engine.small_models import SMALL, plain_model, random_model, roberta, rwkv
from tests.engine.together import written_together
from tests.fakes import engine_of

OWN_PATH: dict[str, Callable[[], PreTrainedConfig]] = {
    "RoBERTa, whose positions begin at 2": roberta,
    "XLM-RoBERTa": lambda: transformers.XLMRobertaConfig(
        **SMALL, max_position_embeddings=130, is_decoder=True, type_vocab_size=1
    ),
    "BigBird, whose attention is by blocks": lambda: transformers.BigBirdConfig(
        **SMALL, max_position_embeddings=256, is_decoder=True, block_size=4, num_random_blocks=1
    ),
    "OpenAI GPT, which keeps nothing": lambda: transformers.OpenAIGPTConfig(
        vocab_size=4096, n_embd=64, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3
    ),
    "RWKV, with a state": rwkv,
}


@pytest.mark.parametrize("name", ["RoBERTa, whose positions begin at 2", "XLM-RoBERTa"])
def test_positions_that_begin_at_2_match_plain_transformers(name: str, tmp_path: Path) -> None:
    assert_equal_to_plain(random_model(tmp_path, OWN_PATH[name]()))


@pytest.mark.parametrize(
    "options",
    [
        {"no_repeat_ngram_size": 1},
        {"do_sample": True, "top_k": 0, "top_p": 1.0, "temperature": 1.5, "min_p": 0.4, "no_repeat_ngram_size": 2},
        {"do_sample": True, "top_k": 90, "top_p": 0.9, "temperature": 1.0, "top_h": 0.7, "typical_p": 0.9,
         "epsilon_cutoff": 0.001, "eta_cutoff": 0.002},
    ],
    ids=lambda options: " ".join(options)[:40],
)  # fmt: skip
def test_every_stage_on_transformers_own_path(options: dict[str, Any], tmp_path: Path) -> None:
    folder = random_model(tmp_path, OWN_PATH["RWKV, with a state"]())
    ours = load_model(str(folder), max_prompt_tokens=100)
    assert not engine_of(ours).passes.supports_incremental
    device = ours.info.device  # each has its own random numbers
    plain: Any = plain_model(folder).to(device)
    ids = torch.tensor([[token.id for token in ours.answer(TokenizationQuestion(PROMPT))[0].tokens]], device=device)
    torch.manual_seed(3)
    output = plain.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, pad_token_id=1, **({"do_sample": False} | options)
    )
    asked: Any = {name: value for name, value in options.items() if name != "do_sample"}
    asked |= {"strategy": "sample", "seed": 3} if "do_sample" in options else {}
    parameters = GenerationParameters.from_options(max_new_tokens=12, **asked)
    written = ours.answer(ContinuationQuestion(PROMPT, parameters)).output_ids
    assert list(written) == output[0, ids.shape[1] :].tolist()[: len(written)]
    assert len(written) == 12 or written[-1] == 0


@pytest.mark.parametrize("name", ["BigBird, whose attention is by blocks", "RWKV, with a state"])
def test_a_model_on_transformers_own_path_matches_plain_transformers(name: str, tmp_path: Path) -> None:
    assert_equal_to_plain(random_model(tmp_path, OWN_PATH[name]()))


def assert_equal_to_plain(folder: Path) -> None:
    plain: Any = plain_model(folder)
    ours = load_model(str(folder), max_prompt_tokens=100)
    text = f"{PROMPT} night; the rain fell in torrents, and the wind swept up the streets"
    ids = [token.id for token in ours.answer(TokenizationQuestion(text))[0].tokens]
    with torch.no_grad():
        logits = plain(input_ids=torch.tensor([ids])).logits[0]
    result = ours.answer(TopKQuestion(text, 10)).next_tokens
    assert [candidate.token.id for candidate in result.candidates] == logits[-1].topk(10).indices.tolist()
    expected = logits[-1].softmax(0)
    assert [candidate.probability for candidate in result.candidates] == pytest.approx(
        [expected[candidate.token.id].item() for candidate in result.candidates], abs=1e-5
    )
    rows = logits.log_softmax(-1)
    assert [likelihood.log_probability for likelihood in ours.answer(XrayQuestion(text)).likelihoods] == pytest.approx(
        [rows[position, id_].item() for position, id_ in enumerate(ids[1:])], abs=1e-3
    )


@pytest.mark.parametrize("question", [["continue", PROMPT, "--strategy", "beam"], ["compare", PROMPT]], ids=" ".join)
def test_beam_search_is_refused_where_the_state_cannot_be_reordered(
    console: Console, tmp_path: Path, question: list[str]
) -> None:
    folder = random_model(tmp_path, rwkv())
    error = console.error(*question, "--model", str(folder), code=78)
    assert "beam search" in error
    assert "greedy or sample" in error
    assert console.run("continue", PROMPT, "--model", str(folder))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_bidirectional_model_is_refused(tmp_path: Path, dtype: str) -> None:
    folder = random_model(tmp_path, transformers.BertConfig(**SMALL, max_position_embeddings=256, is_decoder=False))
    with pytest.raises(ModelUnavailable, match="later tokens change its earlier predictions"):
        load_model(str(folder), dtype=dtype, max_prompt_tokens=100)


def test_a_model_that_needs_more_than_token_ids_is_refused(tmp_path: Path) -> None:
    folder = random_model(tmp_path, transformers.XmodConfig(**SMALL, max_position_embeddings=130, is_decoder=True))
    with pytest.raises(ModelUnavailable, match=r"it can't run on token ids alone .*Input language unknown"):
        load_model(str(folder), max_prompt_tokens=100)


def two_frequencies(switch: int) -> PreTrainedConfig:
    """Return a model that uses other rotary frequencies for texts of more than `switch` tokens, as Phi-3 does."""
    factors = {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "original_max_position_embeddings": switch}
    return transformers.Phi3Config(
        **SMALL | {"num_key_value_heads": 2, "max_position_embeddings": 256},
        original_max_position_embeddings=switch,
        rope_parameters={"rope_type": "longrope", "rope_theta": 10_000.0} | factors,
    )


def test_each_text_has_the_frequencies_of_its_own_length(tmp_path: Path) -> None:
    folder = random_model(tmp_path, two_frequencies(40))
    plain, ours = plain_model(folder), load_model(str(folder), max_prompt_tokens=100)
    prompts = [" the" * 36, " the" * 38, " old" * 41]
    expected = []
    for prompt in prompts:
        ids = torch.tensor([[token.id for token in ours.answer(TokenizationQuestion(prompt))[0].tokens]])
        output = plain.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected.append(output[0, ids.shape[1] :].tolist())
    greedy = GenerationParameters.from_options(strategy="greedy", max_new_tokens=12)
    assert [list(continuation.output_ids) for continuation in written_together(ours, prompts, greedy)] == expected


def test_a_model_whose_frequencies_never_change_is_computed_in_pieces(tmp_path: Path) -> None:
    folder = random_model(tmp_path, two_frequencies(200))
    assert not engine_of(load_model(str(folder), max_prompt_tokens=200)).passes.supports_incremental
    assert not engine_of(
        load_model(str(folder), max_prompt_tokens=20)
    ).passes.supports_incremental  # up to 256 new tokens
    (tmp_path / "long").mkdir()
    folder = random_model(tmp_path / "long", two_frequencies(256))
    assert engine_of(load_model(str(folder), max_prompt_tokens=200)).passes.supports_incremental


def test_an_x_ray_reads_the_whole_text_at_once(tmp_path: Path) -> None:
    folder = random_model(tmp_path, two_frequencies(100))
    plain, ours = plain_model(folder), load_model(str(folder), max_prompt_tokens=200)
    text = " the old man" * 60
    ids = [token.id for token in ours.answer(TokenizationQuestion(text))[0].tokens]
    assert len(ids) > 150
    with torch.no_grad():
        rows = plain(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    assert [likelihood.log_probability for likelihood in ours.answer(XrayQuestion(text)).likelihoods] == pytest.approx(
        [rows[position, id_].item() for position, id_ in enumerate(ids[1:])], abs=1e-3
    )
