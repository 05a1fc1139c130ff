"""Requests over a server: several at once, each with its deadline, and only what the question needs."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.resolver import ThreadedResolver

from bot.engine.executor import ModelExecutor
from bot.engine.model import EngineModel
from bot.engine.vllm.server import ServerError, VllmServer
from bot.errors import NumbersNotFinite, OptionUnsupported, PromptTooLong, RequestTimedOut
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.diff import ReadingQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion
from bot.questions.topk import SampledStepQuestion, TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from tests.engine.vllm.conftest import engine_of
from tests.engine.vllm.fake_server import FakeVllm
from tests.engine.vllm.waiting import PATIENCE, until

PROMPT = "It was a dark and stormy"
Run = Callable[..., ModelExecutor]


@pytest_asyncio.fixture
async def run(remote: EngineModel) -> AsyncIterator[Run]:
    executors: list[ModelExecutor] = []

    def start(*, batch_size: int = 16, request_timeout: float = PATIENCE) -> ModelExecutor:
        executor = ModelExecutor(
            lambda: remote, name="demo", batch_size=batch_size, queue_limit=64, user_limit=64,
            request_timeout=request_timeout,
        )  # fmt: skip
        executors.append(executor)
        executor.start()
        executor.wait_until_loaded()
        return executor

    yield start
    for executor in executors:
        await asyncio.to_thread(executor.close)


def long_question(tokens: int = 30) -> ContinuationQuestion:
    return ContinuationQuestion(PROMPT, GenerationParameters.from_options(max_new_tokens=tokens))


async def test_as_many_requests_run_at_once_as_the_batch_size_allows(run: Run, fake: FakeVllm) -> None:
    fake.pace = threading.Event()
    executor = run(batch_size=3)
    answers = [executor.submit(user, long_question(4)) for user in range(8)]
    await asyncio.to_thread(until, lambda: fake.running == 3)
    fake.pace.set()
    texts = {(await answer).result.text for answer in answers}
    assert len(texts) == 1
    assert fake.most_running == 3


async def test_a_request_runs_while_another_one_waits_for_the_server(run: Run, fake: FakeVllm) -> None:
    fake.pace = threading.Event()
    executor = run()
    slow = executor.submit(1, long_question())
    await asyncio.to_thread(until, lambda: fake.running)
    quick = await executor.submit(2, TopKQuestion(PROMPT, 3))
    assert quick.result.candidates
    assert not slow.done()
    slow.cancel()
    await asyncio.to_thread(until, lambda: not fake.running)


async def test_a_deadline_ends_the_request_on_the_server_too(run: Run, fake: FakeVllm) -> None:
    fake.pace = threading.Event()
    with pytest.raises(RequestTimedOut):
        await run(request_timeout=0.2).submit(1, long_question())
    await asyncio.to_thread(until, lambda: fake.aborted == 1 and not fake.running)


async def test_reviews_wait_for_the_people_who_ask(run: Run, fake: FakeVllm) -> None:
    executor = run()
    evidence = executor.submit_background(1, EvidenceQuestion("I loved it."))
    answer = await executor.submit(2, TopKQuestion(PROMPT, 3))
    assert answer.result.candidates
    assert (await evidence).result.words


def test_all_texts_of_an_explanation_are_one_request(remote: EngineModel, fake: FakeVllm) -> None:
    fake.requests.clear()
    remote.answer(EvidenceQuestion("I loved every minute of it."))
    (request,) = fake.requests
    assert len(request["prompt"]) == 1 + 3 + 6
    assert request["logprobs"] == 1


def test_two_tokens_are_explained_in_two_requests(remote: EngineModel, fake: FakeVllm) -> None:
    fake.requests.clear()
    remote.answer(WhyQuestion("It was a dark and stormy"))
    whole, reduced = fake.requests
    assert (len(whole["prompt"]), len(reduced["prompt"])) == (1, 6)
    assert (whole["logprobs"], reduced["logprobs"]) == (2, 1)


def test_only_whole_distributions_ask_for_the_whole_vocabulary(remote: EngineModel, fake: FakeVllm) -> None:
    fake.requests.clear()
    remote.answer(TopKQuestion(PROMPT, 5, (269,)))
    remote.answer(XrayQuestion("It was a dark night."))
    remote.answer(ContinuationQuestion(PROMPT, GenerationParameters.from_options(strategy="beam", max_new_tokens=4)))
    assert all(-1 < (request.get(name) or 0) <= 100 for request in fake.requests for name in ("logprobs",))
    fake.requests.clear()
    remote.answer(SamplerQuestion.from_options(PROMPT))
    remote.answer(TopKQuestion(PROMPT, 5, (), 0.5))
    whole = [request for request in fake.requests if request["logprobs"] == -1]
    assert [request["prompt"] for request in whole] == [[remote.engine.codec.encode(PROMPT)]] * 2
    fake.requests.clear()
    remote.answer(ContrastQuestion(PROMPT, PROMPT))
    remote.answer(ContrastQuestion(PROMPT, "It"))
    whole += fake.requests
    assert [request["logprobs"] for request in fake.requests] == [-1] * 3  # equal prompts are one request
    assert all("prompt_logprobs" not in request for request in whole)


def test_the_probabilities_of_a_continuation_come_with_its_tokens(
    remote: EngineModel, fake: FakeVllm, demo_model: EngineModel
) -> None:
    fake.requests.clear()
    question = long_question(6)
    written, own = (model.answer(question).tokens for model in (remote, demo_model))
    (request,) = fake.requests
    assert (request["stream"], request["logprobs"]) == (True, 4)
    for token, expected in zip(written, own, strict=True):
        assert [entry.token for entry in (token, *token.others)] == [
            entry.token for entry in (expected, *expected.others)
        ]
        assert [entry.log_probability for entry in (token, *token.others)] == pytest.approx(
            [entry.log_probability for entry in (expected, *expected.others)], abs=1e-4
        )


def test_a_continuation_whose_numbers_are_not_finite_is_an_error(remote: EngineModel, fake: FakeVllm) -> None:
    fake.shift = float("nan")
    with pytest.raises(NumbersNotFinite, match="not finite in float32"):
        remote.answer(long_question(6))


def test_a_penalty_needs_logits_so_the_sampler_refuses_it(remote: EngineModel) -> None:
    with pytest.raises(OptionUnsupported, match=r"repetition_penalty 1\.2 isn't available here.*BOT_ENGINE"):
        remote.answer(SamplerQuestion.from_options(PROMPT, repetition_penalty=1.2))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"strategy": "sample", name: 0.5},
            rf"{name} 0\.5 isn't available here: vLLM's sampler doesn't have this stage",
        )
        for name in ("top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")
    ]
    + [
        ({"strategy": strategy, "no_repeat_ngram_size": 3}, r"no_repeat_ngram_size 3 isn't available here")
        for strategy in ("greedy", "sample")
    ]
    + [({"strategy": "sample", "min_p": 0.1}, r"vLLM applies it before top_p, so with top_p 0\.95 .* Set top_p to 1")],
)
def test_what_the_server_s_sampler_cannot_do_is_refused(
    remote: EngineModel, fake: FakeVllm, options: dict[str, Any], reason: str
) -> None:
    fake.requests.clear()
    with pytest.raises(OptionUnsupported, match=f"{reason}.*BOT_ENGINE=transformers"):
        remote.answer(ContinuationQuestion(PROMPT, GenerationParameters.from_options(**options)))
    assert fake.requests == []


def test_stages_that_are_off_are_not_refused_and_min_p_is_sent(remote: EngineModel, fake: FakeVllm) -> None:
    off: dict[str, Any] = {"typical_p": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "no_repeat_ngram_size": 0}
    for min_p, top_p in ((0.0, 0.9), (0.2, 1.0)):
        fake.requests.clear()
        parameters = GenerationParameters.from_options(
            strategy="sample", max_new_tokens=2, min_p=min_p, top_p=top_p, **off
        )
        assert remote.answer(ContinuationQuestion(PROMPT, parameters)).output_ids
        assert [request["min_p"] for request in fake.requests] == [min_p]


def test_a_continued_sample_is_the_same_each_time(remote: EngineModel) -> None:
    parameters = GenerationParameters.from_options(strategy="sample", max_new_tokens=8, seed=3)
    first = remote.answer(ContinuationQuestion(PROMPT, parameters.with_max_new_tokens(4)))
    question = ContinuationQuestion(PROMPT, parameters, first.output_ids)
    continued = remote.answer(question)
    assert continued.output_ids[:4] == first.output_ids
    assert remote.answer(question) == continued
    again = question.again(question.outcome(continued), draws_in_parts=True)
    assert remote.answer(again) == continued


def test_a_drawn_step_is_the_same_each_time(remote: EngineModel) -> None:
    question = SampledStepQuestion(TopKQuestion(PROMPT, 3), seed=4)
    assert remote.answer(question) == remote.answer(question)


def test_a_prompt_needs_room_for_one_more_token(remote: EngineModel) -> None:
    engine = engine_of(remote)
    assert engine.connection.facts is not None
    full = [1121] * engine.connection.facts.max_model_len
    with pytest.raises(PromptTooLong, match="512"):
        engine.score_next([full], [7])
    assert engine.score_next([full[1:]], [7])


def test_more_chosen_ids_than_the_server_allows_at_once(remote: EngineModel, fake: FakeVllm) -> None:
    fake.requests.clear()
    ids = [*range(200), 5]
    (scores,) = remote.engine.score_next([remote.engine.codec.encode(PROMPT)], ids)
    assert [score.id for score in scores] == ids
    assert [len(request["logprob_token_ids"]) for request in fake.requests] == [128, 72]


async def test_an_http_address_that_turns_out_to_be_public_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_: object, **__: object) -> list[dict[str, object]]:
        return [{"hostname": "vllm", "host": "8.8.8.8", "port": 80, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolve)
    server = VllmServer("http://vllm:8000", None, read_timeout=1.0)
    server.open()
    with pytest.raises(ServerError, match="its address is public, which needs https in BOT_VLLM_URL"):
        await server.get("/health")
    await server.close()


def test_a_reading_has_a_request_for_the_whole_vocabulary_after_each_token(
    remote: EngineModel, fake: FakeVllm, demo_model: EngineModel
) -> None:
    fake.requests.clear()
    reading, own = (model.answer(ReadingQuestion(PROMPT)) for model in (remote, demo_model))
    ids = [entry.token.id for entry in own.surprisals.tokens]
    assert [request["prompt"] for request in fake.requests] == [[ids[:end]] for end in range(1, len(ids))]
    assert {request["logprobs"] for request in fake.requests} == {-1}
    assert reading.distributions == pytest.approx(own.distributions, abs=1e-4)
    assert reading.vocabulary == own.vocabulary
