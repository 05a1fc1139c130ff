"""Compared texts and the beam tree equal what transformers' `generate` and `compute_transition_scores` give."""

from typing import Any

import pytest
import torch

from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.errors import EmptyPrompt, OptionOutOfRange, PromptTooLong, RequestCancelled
from bot.questions.comparison import BeamTree, Comparison, ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from tests.engine.exploring import close
from tests.engine.plain import plain_transformers
from tests.engine.watching import Cancelling

PROMPTS = ["Once upon", "The old man said <|endoftext|> to"]
NEW_TOKENS, SEED, BEAMS, PENALTY = 12, 17, 4, 1.7
OPTIONS: list[dict[str, Any]] = [
    {"do_sample": False},
    {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95},
    {"do_sample": False, "num_beams": BEAMS},
    {"do_sample": False, "num_beams": BEAMS, "repetition_penalty": PENALTY},
]


def plain_generate(plain: Any, tokenizer: Any, prompt: str, options: dict[str, Any]) -> Any:
    inputs = tokenizer(prompt, return_tensors="pt")
    torch.manual_seed(SEED)
    return plain.generate(
        **inputs,
        max_new_tokens=NEW_TOKENS,
        pad_token_id=tokenizer.eos_token_id,
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        **options,
    )


def compare(model: EngineModel, prompt: str, penalty: float = PENALTY) -> Comparison:
    return model.answer(ComparisonQuestion(prompt, NEW_TOKENS, SEED, BEAMS, penalty))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_texts_and_their_log_probabilities(ours: EngineModel, plain: Any, tokenizer: Any, prompt: str) -> None:
    result = compare(ours, prompt)

    assert [text.name for text in result.texts] == ["greedy", "sample", "beam", f"beam, repetition_penalty {PENALTY}"]
    for text, options in zip(result.texts, OPTIONS, strict=True):
        output = plain_generate(plain, tokenizer, prompt, options)
        count = len(text.continuation.input_ids)
        assert list(text.continuation.input_ids + text.continuation.output_ids) == output.sequences[0].tolist()
        # The model's own log-probabilities, from the raw logits before any processor.
        own = plain.compute_transition_scores(
            output.sequences, output.logits, getattr(output, "beam_indices", None), normalize_logits=True
        )
        assert text.log_probability == close(own.sum().item())
        assert text.mean_log_probability == close(own.mean().item())
        ids = output.sequences[0, count:].tolist()
        assert text.distinct_share == len(set(ids)) / len(ids)
        if "num_beams" in options:
            assert text.search_score == close(output.sequences_scores.item())
            scores = plain.compute_transition_scores(output.sequences, output.scores, output.beam_indices)
            assert text.search_score == close(scores.sum().item() / len(ids))
        else:
            assert text.search_score is None
    beam = result.texts[2]
    assert beam.search_score == close(beam.mean_log_probability)


def test_with_a_penalty_the_search_score_is_not_the_text_s_log_probability(demo_model: EngineModel) -> None:
    penalised = compare(demo_model, "the night and the night and the night and the", 1.3).texts[3]
    assert penalised.search_score is not None
    assert abs(penalised.search_score - penalised.mean_log_probability) > 0.01


def texts_of(tree: BeamTree) -> list[list[tuple[int, ...]]]:
    """Return the new ids of the running beams after each step, and check each step's scores and rows."""
    running: list[tuple[int, ...]] = [()]
    scores = [0.0]
    beams = []
    for number, step in enumerate(tree.steps, start=1):
        assert [candidate.score for candidate in step.candidates] == sorted(
            (candidate.score for candidate in step.candidates), reverse=True
        )
        for candidate in step.candidates:
            assert candidate.score == close(scores[candidate.parent] + candidate.log_probability)
            assert (candidate.row is not None) == (candidate.fate == "kept")
        if number < len(tree.steps):
            assert [beam.row for beam in step.kept] == list(range(tree.num_beams))
        running = [(*running[beam.parent], beam.token.id) for beam in step.kept]
        scores = [beam.score for beam in step.kept]
        beams.append(running)
    return beams


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_tree_s_winner_is_generate_s_output(ours: EngineModel, plain: Any, tokenizer: Any, prompt: str) -> None:
    output = plain_generate(plain, tokenizer, prompt, OPTIONS[2])
    result = compare(ours, prompt)
    tree = result.tree
    texts_of(tree)
    path = [step.candidates[position] for step, position in zip(tree.steps, tree.winner, strict=False)]
    beam = result.texts[2].continuation
    assert tuple(candidate.token.id for candidate in path) == beam.output_ids
    assert list(beam.input_ids + beam.output_ids) == output.sequences[0].tolist()
    assert [candidate.parent for candidate in path] == output.beam_indices[0].tolist()
    scores = plain.compute_transition_scores(output.sequences, output.scores, output.beam_indices)[0]
    assert [candidate.log_probability for candidate in path] == close(scores.tolist())
    assert [candidate.fate for candidate in path] == ["kept"] * (len(path) - 1) + ["finished"]
    assert len(tree.steps) == len(output.scores)
    best = max(candidate.score for candidate in tree.steps[-1].candidates if candidate.fate == "finished")
    if len(path) == NEW_TOKENS:
        assert path[-1].score == best


def test_a_beam_that_ends_its_text(demo_model: EngineModel) -> None:
    prompt = "Question: Is the following review positive or\n    negative about the movie?\n    Review: Good. Answer:"
    result = compare(demo_model, prompt)
    beam = result.texts[2]
    assert beam.continuation.finish_reason == "stop"
    texts_of(result.tree)
    last = result.tree.steps[len(beam.continuation.output_ids) - 1].candidates[result.tree.winner[-1]]
    assert (last.token.id, last.fate, last.row) == (0, "finished", None)


def test_beams_are_those_of_generate_at_every_length(demo_model: EngineModel, plain_demo: Any) -> None:
    model, tokenizer = plain_demo
    running = texts_of(demo_model.answer(ComparisonQuestion("Once upon", 5, 1, 3, 1.0)).tree)
    inputs = tokenizer("Once upon", return_tensors="pt")
    for length in range(1, 5):
        output = model.generate(
            **inputs, max_new_tokens=length, num_beams=3, num_return_sequences=3, do_sample=False, pad_token_id=0
        )
        assert running[length - 1] == [tuple(ids) for ids in output[:, inputs.input_ids.shape[1] :].tolist()]


@pytest.fixture
def plain_demo() -> Any:
    return plain_transformers(DEMO_FOLDER)


def test_without_a_penalty_there_is_no_fourth_text(demo_model: EngineModel) -> None:
    result = compare(demo_model, "Once upon", penalty=1.0)
    assert [text.name for text in result.texts] == ["greedy", "sample", "beam"]


def test_a_comparison_s_texts_are_those_of_generate(demo_model: EngineModel) -> None:
    for text in compare(demo_model, "Once upon").texts:
        parameters = text.continuation.parameters
        assert isinstance(parameters, GenerationParameters)
        assert demo_model.answer(ContinuationQuestion("Once upon", parameters)) == text.continuation


@pytest.mark.parametrize("stop_after", [0, 5, 15, 30])
def test_a_comparison_stops(demo_model: EngineModel, stop_after: int) -> None:
    checks: list[None] = []

    def should_stop() -> bool:
        checks.append(None)
        return len(checks) > stop_after

    with pytest.raises(RequestCancelled):
        demo_model.answer(ComparisonQuestion("Once upon", 12, 1, 3, 1.0), Cancelling(should_stop))
    assert len(checks) <= stop_after + 3


def test_the_limits_of_a_comparison(demo_model: EngineModel) -> None:
    def ask(prompt: str = "It", new_tokens: int = 4, beams: int = 3, penalty: float = 1.0) -> Comparison:
        return demo_model.answer(ComparisonQuestion(prompt, new_tokens, 1, beams, penalty))

    with pytest.raises(OptionOutOfRange, match="max_new_tokens is 65, but must be from 1 to 64"):
        ask(new_tokens=65)
    with pytest.raises(OptionOutOfRange, match="num_beams is 11"):
        ask(beams=11)
    with pytest.raises(OptionOutOfRange, match=r"repetition_penalty is 0\.1"):
        ask(penalty=0.1)
    with pytest.raises(EmptyPrompt):
        ask(prompt="")
    with pytest.raises(PromptTooLong):
        ask(prompt=" the" * 509)
    ask(prompt=" the" * 508)
