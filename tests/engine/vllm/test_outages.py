"""A server that is down, busy, slow or cut off: one clear error each, and no request that hangs or is shown twice."""

import itertools
import logging
import threading

import pytest
from pydantic import SecretStr

from bot.engine.model import EngineModel
from bot.errors import ModelServerUnavailable, RequestCancelled
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.topk import TopKQuestion
from tests.engine.vllm.conftest import Connect
from tests.engine.vllm.fake_server import FakeVllm, Serving
from tests.engine.vllm.waiting import until
from tests.engine.watching import Cancelling, Stopping

QUESTION = TopKQuestion("It was a dark and stormy", 3)
GREEDY = ContinuationQuestion(QUESTION.prompt, GenerationParameters.from_options(max_new_tokens=6))


def problem_of(model: EngineModel) -> str:
    with pytest.raises(ModelServerUnavailable) as refused:
        model.answer(QUESTION)
    return str(refused.value)


def test_a_server_that_is_down_is_used_once_it_answers(
    fake: FakeVllm, server: Serving, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    server.stop()
    with caplog.at_level(logging.INFO):
        model = connect(fake.url)
        assert "nothing listens at its address" in problem_of(model)
        assert model.info.problem == "nothing listens at its address"
        server.start()
        until(lambda: not model.info.problem)
    assert model.answer(QUESTION).candidates
    assert [record.getMessage() for record in caplog.records if record.name.startswith("bot.")] == [
        f"the model server is ready: vLLM 0.32.0, weights {model.info.weights}",
    ]


def test_a_server_that_dies_is_used_again_when_it_is_back(
    remote: EngineModel, server: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    assert remote.answer(QUESTION).candidates
    server.stop()
    assert "can't be used right now" in problem_of(remote)
    assert remote.info.problem
    server.start()
    until(lambda: not remote.info.problem)
    assert remote.answer(QUESTION).candidates
    logged = [record.getMessage() for record in caplog.records if record.name == "bot.engine.vllm.connection"]
    assert logged[0].startswith("the model server can't be used, will retry: ")


@pytest.mark.parametrize("statuses", [[503], [429, 500]])
def test_a_failed_attempt_is_repeated(remote: EngineModel, fake: FakeVllm, statuses: list[int]) -> None:
    fake.requests.clear()
    fake.statuses = list(statuses)
    assert remote.answer(QUESTION).candidates
    assert len(fake.requests) == len(statuses) + 1


@pytest.mark.parametrize(("status", "problem"), [(429, "it is busy"), (500, "it failed with status 500")])
def test_a_request_fails_after_three_attempts_and_others_go_on(
    remote: EngineModel, fake: FakeVllm, status: int, problem: str
) -> None:
    fake.requests.clear()
    fake.statuses = [status] * 3
    assert problem in problem_of(remote)
    assert len(fake.requests) == 3
    assert remote.info.problem == ""
    assert remote.answer(QUESTION).candidates


def test_many_failures_open_the_circuit_until_the_server_works(remote: EngineModel, fake: FakeVllm) -> None:
    fake.statuses = [500] * 100
    for _ in range(5):
        problem_of(remote)
    assert remote.info.problem == "it failed with status 500"
    before = len(fake.requests)
    fake.statuses.clear()
    until(lambda: not remote.info.problem)
    assert len(fake.requests) > before, "the watch looked at the server"
    assert remote.answer(QUESTION).candidates


def test_a_wrong_key_is_named_and_no_key_is_ever_written(
    fake: FakeVllm, server: Serving, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    fake.api_key = "right"
    with caplog.at_level(logging.DEBUG):
        model = connect(fake.url, api_key=SecretStr("canary-key"))
        assert "it rejected BOT_VLLM_API_KEY (status 401)" in problem_of(model)
        assert connect(fake.url, api_key=SecretStr("right")).answer(QUESTION).candidates
    assert "canary-key" not in caplog.text


def test_a_server_that_hangs_is_reported(fake: FakeVllm, server: Serving, connect: Connect) -> None:
    model = connect(fake.url, read_timeout=0.2)
    fake.hangs = True
    assert "it did not answer in time" in problem_of(model)
    fake.hangs = False
    until(lambda: not model.info.problem)


def test_a_stream_is_only_repeated_before_its_first_token(remote: EngineModel, fake: FakeVllm) -> None:
    whole = remote.answer(GREEDY)
    fake.requests.clear()
    fake.cuts = [0]
    assert remote.answer(GREEDY) == whole
    assert len(fake.requests) == 2
    fake.requests.clear()
    fake.cuts = [2]
    with pytest.raises(ModelServerUnavailable, match="the connection was lost"):
        remote.answer(GREEDY)
    assert sum(bool(request.get("stream")) for request in fake.requests) == 1


LONG = ContinuationQuestion(QUESTION.prompt, GenerationParameters.from_options(max_new_tokens=200))


def test_stop_ends_the_request_on_the_server(remote: EngineModel, fake: FakeVllm) -> None:
    stopped = remote.answer(LONG, Stopping(3))
    assert (len(stopped.output_ids), stopped.finish_reason) == (3, "stopped")
    until(lambda: fake.aborted == 1 and not fake.running)


def test_a_cancelled_request_ends_on_the_server(remote: EngineModel, fake: FakeVllm) -> None:
    fake.pace = threading.Event()
    fake.pace.set()
    calls = itertools.count()
    with pytest.raises(RequestCancelled):
        remote.answer(LONG, Cancelling(lambda: next(calls) > 4))
    until(lambda: fake.aborted == 1 and not fake.running)
