"""What the executor and the engine report about requests and forward passes."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import transformers

from bot.engine.executor import ModelExecutor, build_executor
from bot.engine.observer import EngineObserver, Phase, Work
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Watcher
from bot.questions.sentiment import SentimentQuestion
from bot.settings import Settings
from tests.engine.small_models import SMALL, llama, random_model

PROMPT = "It was a dark and stormy"
PROMPT_TOKENS = 7


class Recorder(EngineObserver):
    def __init__(self) -> None:
        self.requests: list[tuple[Work, float]] = []
        self.first_tokens: list[float] = []
        self.passes: list[tuple[Phase, int, int]] = []
        self.seconds: list[float] = []

    def begin_request(self, work: Work, waited: float) -> None:
        self.requests.append((work, waited))

    def write_first_token(self, seconds: float) -> None:
        self.first_tokens.append(seconds)

    def compute_pass(self, phase: Phase, texts: int, tokens: int, seconds: float) -> None:
        self.passes.append((phase, texts, tokens))
        self.seconds.append(seconds)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def executor(recorder: Recorder) -> Iterator[ModelExecutor]:
    executor = build_executor(Settings(model="demo"), recorder)
    executor.start()
    executor.wait_until_loaded()
    yield executor
    executor.close()


def continuation(prompt: str = PROMPT, **options: object) -> ContinuationQuestion:
    parameters = GenerationParameters.from_options(**{"max_new_tokens": 4, **options})  # type: ignore[arg-type]  # as given
    return ContinuationQuestion(prompt, parameters)


async def test_a_continuation_is_one_prompt_and_a_pass_for_each_further_token(
    executor: ModelExecutor, recorder: Recorder
) -> None:
    answered = await executor.submit(1, continuation())
    assert len(answered.result.input_ids) == PROMPT_TOKENS
    assert recorder.passes == [("prefill", 1, PROMPT_TOKENS), *[("decode", 1, 1)] * 3]
    assert [work for work, _ in recorder.requests] == ["interactive"]
    (first_token,) = recorder.first_tokens
    assert 0 < recorder.seconds[0] <= first_token


async def test_texts_that_are_computed_together_are_one_pass_and_padding_is_not_counted(
    executor: ModelExecutor, recorder: Recorder
) -> None:
    await asyncio.gather(*(executor.submit(user, continuation(f"{PROMPT}{' night' * user}")) for user in range(3)))
    assert max(texts for _, texts, _ in recorder.passes) > 1
    prompts = sum(tokens for phase, _, tokens in recorder.passes if phase == "prefill")
    assert prompts == 3 * PROMPT_TOKENS + 1 + 2
    assert sum(tokens for phase, _, tokens in recorder.passes if phase == "decode") == 3 * 3
    assert len(recorder.first_tokens) == 3


async def test_the_passes_of_transformers_own_beam_search_are_reported_too(
    executor: ModelExecutor, recorder: Recorder
) -> None:
    question = continuation(strategy="beam", num_beams=3)
    answered = await executor.submit(1, question)
    assert len(answered.result.output_ids) == 4
    assert ("decode", 3, 3) in recorder.passes


async def test_work_in_the_background_is_told_apart_and_writes_no_first_token(
    executor: ModelExecutor, recorder: Recorder
) -> None:
    await executor.submit_background(1, SentimentQuestion("A wonderful film."))
    assert [work for work, _ in recorder.requests] == ["background"]
    assert recorder.first_tokens == []


async def test_the_time_in_the_queue_is_that_before_the_computation(recorder: Recorder, tmp_path: Path) -> None:
    executor = build_executor(Settings(model="demo", batch_size=1), recorder)
    executor.start()
    executor.wait_until_loaded()
    futures = [executor.submit(user, continuation(max_new_tokens=64), Watcher()) for user in range(2)]
    first, second = await asyncio.gather(*futures)
    executor.close()
    (_, waited_first), (_, waited_second) = recorder.requests
    assert waited_first < waited_second
    assert waited_second >= first.run.seconds
    assert first.result == second.result


class PassesBeforeOffers(Watcher[Continuation]):
    """Records how many passes were computed before each draft was offered."""

    def __init__(self, recorder: Recorder) -> None:
        self.passes: list[int] = []
        self._recorder = recorder

    def offer(self, partial: Callable[[], Continuation]) -> None:  # only the time matters
        self.passes.append(len(self._recorder.passes))


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
@pytest.mark.parametrize("is_own", [True, False], ids=["our forward pass", "transformers' model"])
def test_each_token_is_offered_before_the_next_pass(
    recorder: Recorder, tmp_path: Path, strategy: str, *, is_own: bool
) -> None:
    config = llama() if is_own else transformers.GraniteConfig(**SMALL)
    model = load_model(str(random_model(tmp_path, config)), max_prompt_tokens=100, observer=recorder)
    assert model.info.engine_path.startswith("own forward pass") == is_own
    model.answer(continuation("Once", strategy=strategy))  # the first time, generation is tried before
    recorder.passes.clear()
    watcher = PassesBeforeOffers(recorder)
    model.answer(continuation(strategy=strategy, max_new_tokens=6), watcher)
    assert watcher.passes[:4] == [1, 2, 3, 4]
