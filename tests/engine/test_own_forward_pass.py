"""Our forward pass for the Llama family computes what transformers' own does, in every way in which it is used."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedConfig

from bot.engine.model import EngineModel
from bot.engine.transformers.kept_texts import KEPT_TOKENS
from bot.engine.transformers.llama.batches import PackedBatches
from bot.engine.transformers.llama.network import LlamaNetwork, Pass, PromptSpan
from bot.engine.transformers.loading import load_model
from bot.engine.transformers.sequences import Decoding
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SENTIMENT, EvidenceQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from tests.engine.small_models import SMALL, llama, plain_model, random_model
from tests.engine.together import written_together
from tests.fakes import engine_of

GROUPED: dict[str, Any] = {**SMALL, "num_key_value_heads": 2, "max_position_embeddings": 256}
LLAMA_3: dict[str, Any] = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
FAMILY: dict[str, Callable[[], PreTrainedConfig]] = {
    "Llama": llama,
    "Llama 3's scaled positions": lambda: llama(rope_parameters=LLAMA_3),
    "Llama with biases and one head of keys": lambda: llama(
        attention_bias=True, mlp_bias=True, num_key_value_heads=1, tie_word_embeddings=True
    ),
    "Mistral without a window": lambda: transformers.MistralConfig(**GROUPED, sliding_window=None),
    "Qwen2": lambda: transformers.Qwen2Config(**GROUPED, tie_word_embeddings=True),
    "Qwen3": lambda: transformers.Qwen3Config(**GROUPED, head_dim=32),
    "Gemma": lambda: transformers.GemmaConfig(**GROUPED, head_dim=32),
}
OTHERS: dict[str, Callable[[], PreTrainedConfig]] = {
    "Mistral with a window": lambda: transformers.MistralConfig(**GROUPED, sliding_window=8),
    "Qwen2 with a window in some layers": lambda: transformers.Qwen2Config(
        **GROUPED, use_sliding_window=True, sliding_window=8, max_window_layers=1
    ),
    "Granite, with multipliers": lambda: transformers.GraniteConfig(**GROUPED, residual_multiplier=0.5),
}
PROMPTS = ("It was a dark and stormy", "Once upon a time there was a little girl who lived in a house", "The")


@pytest.mark.parametrize("name", [*FAMILY, *OTHERS])
def test_the_family_is_computed_by_our_pass_and_other_models_by_transformers(name: str, tmp_path: Path) -> None:
    folder = random_model(tmp_path, (FAMILY | OTHERS)[name](), _spread_norms)
    plain = plain_model(folder)
    model = load_model(str(folder), max_prompt_tokens=100)
    assert model.info.engine_path.startswith("own forward pass") == (name in FAMILY)
    for prompt in PROMPTS:
        ids = [token.id for token in model.answer(TokenizationQuestion(prompt))[0].tokens]
        with torch.no_grad():
            expected = plain(torch.tensor([ids])).logits[0, -1].softmax(0)
        candidates = model.answer(TopKQuestion(prompt, 25)).next_tokens.candidates
        assert [candidate.probability for candidate in candidates] == pytest.approx(
            [expected[candidate.token.id].item() for candidate in candidates], abs=1e-5
        )
        assert [candidate.token.id for candidate in candidates] == expected.topk(25).indices.tolist()
    for options in (
        {"strategy": "greedy"},
        {"strategy": "beam", "num_beams": 3, "repetition_penalty": 1.3},
        {"strategy": "beam", "num_beams": 3, "no_repeat_ngram_size": 1},
        {"strategy": "greedy", "no_repeat_ngram_size": 2},
    ):
        parameters = GenerationParameters.from_options(**options, max_new_tokens=12)
        written = [list(result.output_ids) for result in written_together(model, PROMPTS, parameters)]
        assert written == [_generated(plain, model, prompt, options) for prompt in PROMPTS]


def _spread_norms(model: Any) -> None:
    """Make every norm's weights and every bias count. New models have ones and zeros."""
    for name, parameter in model.named_parameters():
        if "norm" in name or name.endswith("bias"):
            parameter.add_(torch.linspace(-0.5, 0.5, parameter.numel()))


def _generated(plain: Any, model: EngineModel, prompt: str, options: dict[str, Any]) -> list[int]:
    ids = torch.tensor([[token.id for token in model.answer(TokenizationQuestion(prompt))[0].tokens]])
    more = {key: value for key, value in options.items() if key != "strategy"}
    output = plain.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=1, **more
    )
    new: list[int] = output[0, ids.shape[1] :].tolist()
    return new[: new.index(0) + 1] if 0 in new else new


@pytest.mark.parametrize("name", FAMILY)
def test_hidden_states_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    folder = random_model(tmp_path, FAMILY[name](), _spread_norms)
    network = _network(load_model(str(folder), max_prompt_tokens=100))
    ids = list(range(5, 30))
    with torch.no_grad():
        expected = plain_model(folder)(torch.tensor([ids]), output_hidden_states=True).hidden_states
        states: list[torch.Tensor] = []
        step = Pass(ids, list(range(len(ids))), prompts=[PromptSpan(0, len(ids))], outputs=list(range(len(ids))))
        network(step, states)
    # transformers' last one is normalised, and the one before the norm is not among them.
    assert len(states) == len(expected)
    for actual, wanted in zip(states, expected, strict=True):
        torch.testing.assert_close(actual.cpu(), wanted[0], rtol=1e-4, atol=1e-4)


def _network(model: EngineModel) -> LlamaNetwork:
    batches = engine_of(model).passes._batches
    assert isinstance(batches, PackedBatches)
    return batches._network


@pytest.mark.parametrize("seed", range(6))
def test_texts_that_join_pause_leave_and_fork_at_random_keep_their_numbers(seed: int, tmp_path: Path) -> None:
    folder = random_model(tmp_path, llama())
    plain = plain_model(folder)
    passes = engine_of(load_model(str(folder), max_prompt_tokens=200)).passes
    choose = random.Random(seed)
    texts: list[Decoding] = []
    for _ in range(40):
        if len(texts) < 9 and choose.random() < 0.5:
            text = passes.begin()
            text.ids = choose.choices(range(4096), k=choose.choice((1, 5, 60, 64, 65, 130)))
            texts.append(text)
        if texts and choose.random() < 0.3:
            texts += [passes.fork(text) for text in [choose.choice(texts)] if text.length]
        if texts and choose.random() < 0.2:
            texts.remove(choose.choice(texts))
        some = [text for text in texts if choose.random() < 0.8]
        for text in some:
            if text.length == len(text.ids):
                text.ids = [*text.ids, *choose.choices(range(4096), k=choose.choice((1, 1, 1, 4)))]
        logits = passes.complete(some) if some else []
        for text, row in zip(some, logits, strict=True):
            with torch.no_grad():
                expected = plain(torch.tensor([text.ids])).logits[0, -1]
            torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-4)


def test_numbers_of_an_earlier_text_in_the_same_row_are_not_read(tmp_path: Path) -> None:
    def spoil(model: Any) -> None:
        model.get_input_embeddings().weight[7] = float("nan")

    folder = random_model(tmp_path, llama(), spoil)
    passes = engine_of(load_model(str(folder), max_prompt_tokens=200)).passes
    long, bad = passes.begin(), passes.begin()
    long.ids, bad.ids = list(range(10, 40)), list(range(10, 40))
    passes.complete([long, bad])
    long.ids, bad.ids = [*long.ids, 5], [*bad.ids, 7]
    assert not passes.complete([long, bad])[1].isfinite().all()
    del bad
    short = passes.begin()
    short.ids = [11, 12, 13]
    long.ids = [*long.ids, 6]
    passes.complete([long, short])
    long.ids, short.ids = [*long.ids, 8], [*short.ids, 9]
    for text, logits in zip((long, short), passes.complete([long, short]), strict=True):
        with torch.no_grad():
            expected = plain_model(folder)(torch.tensor([text.ids])).logits[0, -1]
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_a_walk_computes_only_its_new_token(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = _recorded_tokens(demo_model, monkeypatch)
    prompt = "It was a dark and stormy night; the rain fell in torrents, and she went on walking along the old"
    walk = demo_model.answer(TopKQuestion(prompt, 3))
    whole = tokens[0]
    assert whole == len(walk.input_ids)
    longer = demo_model.answer(TopKQuestion(prompt, 3, (walk.next_tokens.candidates[0].token.id,)))
    assert tokens[1] == 2  # the last one of the prompt, whose logits are asked for, and the new one
    engine_of(demo_model).passes.release_batch()  # now nothing is kept
    again = demo_model.answer(TopKQuestion(prompt, 3, (walk.next_tokens.candidates[0].token.id,)))
    assert [candidate.probability for candidate in again.next_tokens.candidates] == pytest.approx(
        [candidate.probability for candidate in longer.next_tokens.candidates], abs=1e-6
    )


def test_a_continued_text_computes_only_what_is_new(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = _recorded_tokens(demo_model, monkeypatch)
    prompt = "Once upon a time there was a little girl who lived with her mother in a small house by the sea, and"
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=8)
    first = demo_model.answer(ContinuationQuestion(prompt, parameters))
    del tokens[:]
    demo_model.answer(ContinuationQuestion(prompt + first.text, parameters))
    assert tokens[0] < 5


def test_explaining_computes_each_word_s_prompt_from_that_word_on(
    demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = "A warm and funny film with a great cast, and I liked every minute of it, from the first to the last."
    whole = len(demo_model.answer(TokenizationQuestion(SENTIMENT.prompt(review)))[0].tokens)
    tokens = _recorded_tokens(demo_model, monkeypatch)
    evidence = demo_model.answer(EvidenceQuestion(review))
    assert sum(tokens) < 0.7 * whole * (len(evidence.words) + 1)


def test_kept_texts_are_bounded(demo_model: EngineModel) -> None:
    passes = engine_of(demo_model).passes
    for number in range(40):
        demo_model.answer(TopKQuestion(f"{number} " + "word " * 400, 1))
    assert 0 < passes.kept_tokens <= KEPT_TOKENS


def _recorded_tokens(model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record how many tokens each pass computes from now on. Nothing is kept from before."""
    engine_of(model).passes.release_batch()
    tokens: list[int] = []
    forward = LlamaNetwork.forward

    def record(network: LlamaNetwork, step: Pass, *rest: Any) -> Any:
        tokens.append(len(step.ids))
        return forward(network, step, *rest)

    monkeypatch.setattr(LlamaNetwork, "forward", record)
    return tokens
