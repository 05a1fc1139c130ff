"""The divergences after two prompts equal those of plain transformers' logits, computed with torch and with scipy."""

import math
from typing import Any

import pytest
import torch
from scipy import stats
from scipy.spatial import distance

from bot.engine.contrast import MOST_MOVERS
from bot.engine.model import EngineModel
from bot.errors import EmptyPrompt, PromptTooLong
from bot.questions.contrast import Contrast, ContrastQuestion
from bot.questions.outcome import first_difference
from tests.engine.exploring import close

CLOSE = 1e-5
NURSE, DOCTOR = "The nurse said that", "The doctor said that"
LONG = "It was a dark and stormy night; the rain fell in torrents, and the wind " * 30
PAIRS = {
    "words": (NURSE, DOCTOR),
    "one token": ("I", "He"),
    "300 tokens": (f"{'the ' * 297}cold", f"{'the ' * 297}warm"),
    "different lengths": ("Once", LONG[:400]),
    "emoji": ("She felt 🤷🏽‍♀️", "She felt 😀"),
    "bytes": ("\x00\x7f\u202eabc\ufeff", "déjà vu 你好 \n\n"),
}


def plain_logits(plain: Any, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = plain(torch.tensor([ids])).logits[0, -1]
    return logits.double()


def bits(nats: torch.Tensor) -> float:
    return nats.item() / math.log(2)


@pytest.mark.parametrize("name", PAIRS)
def test_the_figures_equal_plain_transformers(ours: EngineModel, plain: Any, tokenizer: Any, name: str) -> None:
    a, b = PAIRS[name]
    ids_a, ids_b = tokenizer(a).input_ids, tokenizer(b).input_ids
    result = ours.answer(ContrastQuestion(a, b))
    assert (result.a, result.b) == (a, b)
    assert (list(result.input_ids_a), list(result.input_ids_b)) == (ids_a, ids_b)
    log_a, log_b = plain_logits(plain, ids_a).log_softmax(-1), plain_logits(plain, ids_b).log_softmax(-1)
    log_mean = ((log_a.exp() + log_b.exp()) / 2).log()

    def kl(log_p: torch.Tensor, log_q: torch.Tensor, reduction: str = "sum") -> torch.Tensor:
        return torch.nn.functional.kl_div(log_q, log_p, reduction=reduction, log_target=True)

    assert result.kl_a_b_bits == pytest.approx(bits(kl(log_a, log_b)), rel=CLOSE, abs=CLOSE)
    assert result.kl_b_a_bits == pytest.approx(bits(kl(log_b, log_a)), rel=CLOSE, abs=CLOSE)
    assert result.js_bits == pytest.approx(bits(kl(log_a, log_mean) + kl(log_b, log_mean)) / 2, abs=CLOSE)

    p, q = log_a.exp().numpy(), log_b.exp().numpy()
    assert result.kl_a_b_bits == pytest.approx(stats.entropy(p, q, base=2), rel=CLOSE, abs=CLOSE)
    assert result.kl_b_a_bits == pytest.approx(stats.entropy(q, p, base=2), rel=CLOSE, abs=CLOSE)
    assert result.js_bits == pytest.approx(distance.jensenshannon(p, q, base=2) ** 2, abs=CLOSE)

    parts = (kl(log_a, log_mean, "none") + kl(log_b, log_mean, "none")) / 2 / math.log(2)
    assert len(result.movers) == MOST_MOVERS
    assert [mover.js_bits for mover in result.movers] == close(parts.topk(MOST_MOVERS).values.tolist())
    for mover in result.movers:
        id_ = mover.token.id
        assert mover.token == ours.engine.codec.token(id_)
        assert mover.js_bits == pytest.approx(parts[id_].item(), abs=CLOSE)
        assert mover.log_probability_a == close(log_a[id_].item())
        assert mover.log_probability_b == close(log_b[id_].item())
        assert mover.probability_a == pytest.approx(p[id_], abs=CLOSE)
        assert mover.probability_b == pytest.approx(q[id_], abs=CLOSE)
    check_density(result, log_a, log_b)


def check_density(result: Contrast, log_a: torch.Tensor, log_b: torch.Tensor) -> None:
    """Compare the sums of the histogram's rows and columns. A token at an edge can be on either side of it."""
    density = result.density
    assert density.token_count == len(log_a)
    lowest = min(log_a.min().item(), log_b.min().item()) / math.log(10)
    assert density.lowest == max(-12, min(-2, math.floor(lowest)))
    assert len(density.cells) <= density.steps**2
    for axis, log in enumerate((log_a, log_b)):
        edges = torch.linspace(density.lowest, 0, density.steps + 1, dtype=torch.float64) * math.log(10)
        for step in range(1, density.steps):
            below = sum(cell[2] for cell in density.cells if cell[axis] < step)
            assert int((log < edges[step] - 1e-4).sum()) <= below <= int((log < edges[step] + 1e-4).sum())


@pytest.mark.parametrize("prompt", [NURSE, "I", LONG[:900], "🙂", "\x00\ufeff"])
def test_equal_prompts_have_exactly_no_divergence_and_no_movers(ours: EngineModel, prompt: str) -> None:
    result = ours.answer(ContrastQuestion(prompt, prompt))
    assert (result.kl_a_b_bits, result.kl_b_a_bits, result.js_bits) == (0.0, 0.0, 0.0)
    assert result.movers == ()
    assert all(column == row for column, row, _ in result.density.cells)


def test_exchanged_prompts_exchange_the_figures(demo_model: EngineModel) -> None:
    one, other = demo_model.answer(ContrastQuestion(NURSE, DOCTOR)), demo_model.answer(ContrastQuestion(DOCTOR, NURSE))
    assert (one.kl_a_b_bits, one.kl_b_a_bits) == pytest.approx((other.kl_b_a_bits, other.kl_a_b_bits), abs=CLOSE)
    assert one.js_bits == pytest.approx(other.js_bits, abs=CLOSE)
    assert 0 < one.js_bits < 1
    assert [mover.token for mover in one.movers[:8]] == [mover.token for mover in other.movers[:8]]
    assert sorted((row, column, count) for column, row, count in one.density.cells) == list(other.density.cells)


def test_a_question_asked_again_has_the_same_outcome(demo_model: EngineModel) -> None:
    question = ContrastQuestion(NURSE, DOCTOR)
    outcome = question.outcome(demo_model.answer(question))
    assert first_difference(outcome, question.outcome(demo_model.answer(question))) is None
    swapped = ContrastQuestion(DOCTOR, NURSE)
    assert first_difference(outcome, swapped.outcome(demo_model.answer(swapped))) is not None


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("", DOCTOR, r"^The first prompt \(a\) is empty: 0 tokens\. It must have 1 to "),
        (NURSE, "", r"^The second prompt \(b\) is empty: 0 tokens\. It must have 1 to "),
        ("", "", r"^The first prompt \(a\) is empty"),
    ],
)
def test_an_empty_prompt_is_refused_by_name(demo_model: EngineModel, a: str, b: str, message: str) -> None:
    with pytest.raises(EmptyPrompt, match=message):
        demo_model.answer(ContrastQuestion(a, b))


def test_too_long_a_prompt_is_refused_by_name(demo_model: EngineModel) -> None:
    long = "the " * 600
    with pytest.raises(PromptTooLong, match=r"^The first prompt \(a\) has 601 tokens, but the limit is 512"):
        demo_model.answer(ContrastQuestion(long, "x"))
    with pytest.raises(PromptTooLong, match=r"^The second prompt \(b\) has 601 tokens, but the limit is 512"):
        demo_model.answer(ContrastQuestion("x", long))
