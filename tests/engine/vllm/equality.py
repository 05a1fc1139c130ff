"""Every question over a vLLM server against plain transformers in float32: the rows of the equality table."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import GenerationConfig

from bot.engine.model import EngineModel
from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.decision import Decision, DecisionQuestion, Example
from bot.questions.evidence import without
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import SENTIMENT, EvidenceQuestion, SentimentQuestion
from bot.questions.topk import GuessQuestion, RevealQuestion, TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion

TOLERANCE = 1e-4  # of log-probabilities
PROMPTS = ("It was a dark and stormy", "déjà vu 你好 and then")
REVIEW = "I loved every minute of this film."
NEW_TOKENS = 8


class Plain:
    """A model as a plain transformers script uses it."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = model, tokenizer

    def ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text).input_ids
        return ids

    def log_probabilities(self, ids: list[int]) -> torch.Tensor:
        with torch.no_grad():
            logits: torch.Tensor = self.model(torch.tensor([ids])).logits[0]
        return logits.log_softmax(-1)

    def warped(self, ids: list[int], values: dict[str, Any]) -> torch.Tensor:
        """Return the log-probabilities after `ids`, with the stages of the sampler that `generate` applies."""
        config = GenerationConfig(do_sample=True, **values)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        processors = self.model._get_logits_processor(config, input_ids_seq_length=len(ids))
        scores: torch.Tensor = processors(torch.tensor([ids]), self.log_probabilities(ids)[-1:])
        return scores[0].log_softmax(-1)

    def generate(self, prompt: str, **options: Any) -> tuple[list[int], float | None]:
        """Return the new ids, up to the first end of text, and the score of a beam search."""
        ids = torch.tensor([self.ids(prompt)])
        output = self.model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=0,
            return_dict_in_generate=True, output_scores=True, **options,
        )  # fmt: skip
        new: list[int] = output.sequences[0, ids.shape[1] :].tolist()
        ends = self.model.generation_config.eos_token_id
        ends = [ends] if isinstance(ends, int) else ends
        last = next((n for n, id_ in enumerate(new, start=1) if id_ in ends), len(new))
        scores = getattr(output, "sequences_scores", None)
        return new[:last], None if scores is None else scores[0].item()


@dataclass
class Row:
    """One line of the table: a question, the largest distance of its log-probabilities, and whether all ids agree."""

    question: str
    difference: float = 0.0
    ids_agree: bool = True
    figures: int = field(default=0)

    def figure(self, ours: float, plain: float) -> None:
        self.figures += 1
        self.difference = max(self.difference, abs(ours - plain))

    def rank(self, ours: int, log_probabilities: torch.Tensor, id_: int) -> None:
        """Compare a rank. Tokens that are equally probable within the tolerance can be in any order."""
        value = log_probabilities[id_]
        best = int((log_probabilities > value + TOLERANCE).sum()) + 1
        worst = int((log_probabilities >= value - TOLERANCE).sum())
        self.ids_agree = self.ids_agree and best <= ours <= worst

    def ids(self, ours: Any, plain: Any) -> None:
        self.ids_agree = self.ids_agree and list(ours) == list(plain)


def equality_table(ours: EngineModel, plain: Plain) -> list[Row]:
    """Return a row for each question."""
    return [row for check in CHECKS for row in check(ours, plain)]


def _topk(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/topk")
    for prompt in PROMPTS:
        walk = ours.answer(TopKQuestion(prompt, 10))
        values, ids = plain.log_probabilities(plain.ids(prompt))[-1].topk(10)
        row.ids([candidate.candidate.token.id for candidate in walk.candidates], ids.tolist())
        for candidate, value in zip(walk.candidates, values.tolist(), strict=True):
            row.figure(candidate.candidate.log_probability, value)
    yield row


def _walk(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/topk, a walk at temperature 0.7")
    for prompt in PROMPTS:
        path = tuple(plain.generate(prompt)[0][:3])
        walk = ours.answer(TopKQuestion(prompt, 5, path, 0.7))
        input_ids = plain.ids(prompt)
        rows = plain.log_probabilities([*input_ids, *path])
        for position, (step, id_) in enumerate(zip(walk.steps, path, strict=True), start=len(input_ids) - 1):
            row.figure(step.likelihood.log_probability, rows[position, id_].item())
            row.rank(step.likelihood.rank, rows[position], id_)
        warped = (rows[-1] / 0.7).log_softmax(-1)
        row.ids([candidate.candidate.token.id for candidate in walk.candidates], rows[-1].topk(5).indices.tolist())
        for candidate in walk.candidates:
            probability = torch.tensor(candidate.probability_at_temperature)
            row.figure(probability.log().item(), warped[candidate.candidate.token.id].item())
    yield row


def _xray(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/xray")
    for text in (*PROMPTS, REVIEW):
        ids = plain.ids(text)
        rows = plain.log_probabilities(ids)
        for position, token in enumerate(ours.answer(XrayQuestion(text)).tokens[1:]):
            assert token.likelihood is not None
            actual = ids[position + 1]
            row.figure(token.likelihood.log_probability, rows[position, actual].item())
            row.rank(token.likelihood.rank, rows[position], actual)
            row.ids([favourite.token.id for favourite in token.favourites], rows[position].topk(5).indices.tolist())
    yield row


def _sentiment(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    verdicts, evidence = Row("/sentiment"), Row("/sentiment, Explain")
    labels = [plain.tokenizer(label, add_special_tokens=False).input_ids[0] for label in (" positive", " negative")]

    def margin(review: str) -> float:
        values = plain.log_probabilities(plain.ids(SENTIMENT.prompt(review)))[-1][labels]
        return (values[0] - values[1]).item()

    verdict = ours.answer(SentimentQuestion(REVIEW))
    values = plain.log_probabilities(plain.ids(SENTIMENT.prompt(REVIEW)))[-1][labels].tolist()
    verdicts.figure(verdict.positive_log_probability, values[0])
    verdicts.figure(verdict.negative_log_probability, values[1])
    verdicts.ids([verdict.label_id], [labels[0] if values[0] > values[1] else labels[1]])
    yield verdicts
    for word in ours.answer(EvidenceQuestion(REVIEW)).words:
        evidence.figure(word.effect, margin(REVIEW) - margin(without(REVIEW, word.start, word.end)))
    yield evidence


def _decide(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/decide, templates")
    examples = (Example("Hello.", " day"), Example("Dark.", " sad dog"), Example("Rain.", " sad and cold night"))
    for shown in ((), examples):
        decision = Decision("template", "Message: {text}\nIt was a", (" sad and cold night", " day", " sad dog"), shown)
        reading = ours.answer(DecisionQuestion(decision, REVIEW))
        ids = plain.ids(decision.prompt(REVIEW))
        row.ids(list(reading.input_ids), ids)
        for score in reading.labels:
            row.ids([*ids, *score.ids], plain.ids(decision.prompt(REVIEW) + score.label))
            rows = plain.log_probabilities([*ids, *score.ids])[len(ids) - 1 : -1]
            row.figure(score.log_probability, sum(map(float, rows[range(len(score.ids)), list(score.ids)])))
    yield row
    if plain.tokenizer.chat_template is None:
        return
    row = Row("/decide, through the chat template")
    for kind, labels in (("noul", ("Yes", "No")), ("choice", ("calm", "angry")), ("score", ("low", "high", "top"))):
        decision = Decision(kind, "How is it?", labels)  # type: ignore[arg-type]  # a literal
        reading = ours.answer(DecisionQuestion(decision, REVIEW))
        turns = [{"role": "user", "content": decision.turns(REVIEW)[0].content}]
        ids = plain.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True)["input_ids"]
        row.ids(list(reading.input_ids), ids)
        for score, answer in zip(reading.labels, decision.answers, strict=True):
            row.ids(list(score.ids), plain.tokenizer(answer, add_special_tokens=False).input_ids)
            row.figure(score.log_probability, plain.log_probabilities(ids)[-1, score.ids[0]].item())
    yield row


def _guess(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/guess")
    for prompt in PROMPTS:
        values = plain.log_probabilities(plain.ids(prompt))[-1]
        guess = ours.answer(GuessQuestion(prompt, "night"))
        row.figure(guess.log_probability, values[guess.token.id].item())
        row.rank(guess.rank, values, guess.token.id)
        ids = (5, 100, int(values.argmax()))
        for scored in ours.answer(RevealQuestion(prompt, 3, ids)).guesses:
            row.figure(scored.log_probability, values[scored.token.id].item())
            row.rank(scored.rank, values, scored.token.id)
    yield row


def _sampler(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    ways: dict[str, dict[str, Any]] = {
        "/sampler": {"temperature": 0.8, "top_k": 20, "top_p": 0.9},
        "/sampler, every other stage": {
            "no_repeat_ngram_size": 1, "temperature": 1.2, "top_h": 0.9, "top_k": 0, "top_p": 1.0, "min_p": 0.02,
            "typical_p": 0.8, "epsilon_cutoff": 0.002, "eta_cutoff": 0.01,
        },
    }  # fmt: skip
    for name, values in ways.items():
        row = Row(name)
        for prompt in PROMPTS:
            after = ours.answer(SamplerQuestion.from_options(prompt, **values)).after
            expected = plain.warped(plain.ids(prompt), values)
            row.ids([after.tokens_left], [int((expected > float("-inf")).sum())])
            for entry in after.top:
                row.figure(entry.log_probability, expected[entry.token.id].item())
        yield row


def _contrast(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/contrast")
    a, b = PROMPTS
    result = ours.answer(ContrastQuestion(a, b))
    row.ids(result.input_ids_a + result.input_ids_b, plain.ids(a) + plain.ids(b))
    # Normalized in float64, because a divergence of 17 bits shows the rounding of float32's sum over the vocabulary.
    log_a, log_b = (plain.log_probabilities(plain.ids(prompt))[-1].double().log_softmax(-1) for prompt in PROMPTS)
    log_mean = ((log_a.exp() + log_b.exp()) / 2).log()
    a_to_b, b_to_a, a_to_mean, b_to_mean = (
        (log_p.exp() * (log_p - log_q)).sum().item() / math.log(2)
        for log_p, log_q in ((log_a, log_b), (log_b, log_a), (log_a, log_mean), (log_b, log_mean))
    )
    row.figure(result.kl_a_b_bits, a_to_b)
    row.figure(result.kl_b_a_bits, b_to_a)
    row.figure(result.js_bits, (a_to_mean + b_to_mean) / 2)
    for mover in result.movers:
        row.figure(mover.log_probability_a, log_a[mover.token.id].item())
        row.figure(mover.log_probability_b, log_b[mover.token.id].item())
    yield row


def _why(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/why")
    for prompt in PROMPTS:
        result = ours.answer(WhyQuestion(prompt))
        values, ids = plain.log_probabilities(plain.ids(prompt))[-1].topk(2)
        row.ids([result.token.token.id, result.instead_of.token.id], ids.tolist())
        difference = (values[0] - values[1]).item()
        row.figure(result.difference, difference)
        words = prompt.split(" ")
        for number, word in enumerate(result.words):
            reduced = " ".join(words[:number] + words[number + 1 :])
            first, second = plain.log_probabilities(plain.ids(reduced))[-1][ids].tolist()
            row.figure(word.effect, difference - (first - second))
    yield row


def _continue(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    ways: dict[str, dict[str, Any]] = {
        "greedy": {},
        "greedy, repetition_penalty 1.3": {"repetition_penalty": 1.3},
        "beam": {"num_beams": 4},
        "beam, repetition_penalty 1.3": {"num_beams": 4, "repetition_penalty": 1.3},
        "beam, repetition_penalty 0.8": {"num_beams": 3, "repetition_penalty": 0.8},
        "beam, no_repeat_ngram_size 1": {"num_beams": 3, "no_repeat_ngram_size": 1},
    }
    for name, options in ways.items():
        row = Row(f"/continue {name}")
        for prompt in PROMPTS:
            parameters = GenerationParameters.from_options(
                strategy="beam" if "num_beams" in options else "greedy", max_new_tokens=NEW_TOKENS, **options
            )
            written = ours.answer(ContinuationQuestion(prompt, parameters))
            row.ids(written.output_ids, plain.generate(prompt, **options)[0])
            _compare_tokens(row, written, plain)
        yield row


def _compare_tokens(row: Row, written: Continuation, plain: Plain) -> None:
    """Compare the probability of each new token, and of the others in its place."""
    ids = [*written.input_ids, *written.output_ids]
    rows = plain.log_probabilities(ids)[len(written.input_ids) - 1 :]
    for position, (token, id_) in enumerate(zip(written.tokens, written.output_ids, strict=True)):
        row.figure(token.log_probability, rows[position, id_].item())
        others = [other for other in rows[position].topk(4).indices.tolist() if other != id_][:3]
        row.ids([other.token.id for other in token.others], others)
        for other in token.others:
            row.figure(other.log_probability, rows[position, other.token.id].item())


def _compare(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/compare, beams with their scores")
    for prompt in PROMPTS:
        question = ComparisonQuestion.from_options(
            prompt, max_new_tokens=NEW_TOKENS, seed=1, num_beams=4, repetition_penalty=1.3
        )
        for text in ours.answer(question).texts:
            parameters, ids = text.continuation.parameters, list(text.continuation.output_ids)
            input_ids = plain.ids(prompt)
            rows = plain.log_probabilities([*input_ids, *ids])[len(input_ids) - 1 :]
            row.figure(text.log_probability, sum(rows[n, id_].item() for n, id_ in enumerate(ids)))
            if parameters.num_beams is not None and text.search_score is not None:
                expected, score = plain.generate(
                    prompt, num_beams=parameters.num_beams, repetition_penalty=parameters.repetition_penalty
                )
                row.ids(ids, expected)
                row.figure(text.search_score, score or 0.0)
    yield row


def _sample(ours: EngineModel, plain: Plain) -> Iterator[Row]:
    row = Row("/continue sample, twice with a seed")
    for prompt in PROMPTS:
        parameters = GenerationParameters.from_options(strategy="sample", max_new_tokens=NEW_TOKENS, seed=5)
        first, second = (ours.answer(ContinuationQuestion(prompt, parameters)) for _ in range(2))
        row.ids(first.output_ids, second.output_ids)
        _compare_tokens(row, first, plain)
    yield row
    row = Row("/continue sample, min_p 0.1: drawn from the tokens left")
    values = {"temperature": 1.5, "top_k": 30, "top_p": 1.0, "min_p": 0.1}
    for prompt in PROMPTS:
        parameters = GenerationParameters.from_options(strategy="sample", max_new_tokens=32, seed=5, **values)  # type: ignore[arg-type]  # of both kinds
        drawn = list(ours.answer(ContinuationQuestion(prompt, parameters)).output_ids)
        ids = plain.ids(prompt)
        left = [plain.warped([*ids, *drawn[:n]], values)[id_] > float("-inf") for n, id_ in enumerate(drawn)]
        row.ids(left, [True] * len(drawn))
    yield row


CHECKS: tuple[Callable[[EngineModel, Plain], Iterator[Row]], ...] = (
    _topk, _walk, _xray, _sentiment, _decide, _guess, _sampler, _contrast, _why, _continue, _compare, _sample,
)  # fmt: skip
