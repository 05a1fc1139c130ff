"""Real vLLM servers: every question gives plain transformers' numbers, and the fake server answers as they do.

`make test-vllm` installs vLLM and runs this. The servers start once for all tests.
"""

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.model_files import DEMO_FOLDER
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.topk import TopKQuestion
from tests.engine.plain import plain_transformers
from tests.engine.vllm.conftest import Connect, engine_of
from tests.engine.vllm.equality import TOLERANCE, Plain, equality_table
from tests.engine.vllm.fake_server import FakeVllm, serving
from tests.engine.vllm.real_server import OPTIONS, RealServer, closing, metric, need_vllm, post
from tests.engine.vllm.waiting import until
from tests.engine.watching import Stopping

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

PROMPT = "It was a dark and stormy"
IDS = [1121, 310, 259, 1038, 281, 3936, 89]
ASKED = {"model": "the-model", "max_tokens": 1, "temperature": 0, "return_tokens_as_token_ids": True}
BODIES: dict[str, dict[str, Any]] = {
    "the most probable tokens": {"prompt": [IDS], "logprobs": 5},
    "several prompts": {"prompt": [IDS, IDS[:3]], "logprobs": 2},
    "chosen tokens": {"prompt": [IDS], "logprobs": 1, "logprob_token_ids": [5, 7, 890]},
    "the whole vocabulary": {"prompt": [IDS], "logprobs": -1},
    "every position of a prompt": {"prompt": [IDS], "logprobs": 1, "prompt_logprobs": 3},
    "only the prompt's own tokens": {"prompt": [IDS], "logprobs": 1, "prompt_logprobs": 0},
    "new ids": {"prompt": [IDS], "max_tokens": 6, "return_token_ids": True},
    "new ids with a penalty": {"prompt": [IDS], "max_tokens": 6, "repetition_penalty": 1.4, "return_token_ids": True},
    "new ids with log-probabilities": {"prompt": [IDS], "max_tokens": 6, "return_token_ids": True, "logprobs": 4,
                                       "repetition_penalty": 1.4},
    "the end of a text": {"prompt": [IDS], "max_tokens": 6, "return_token_ids": True, "ignore_eos": True,
                          "stop_token_ids": [263]},
    "raw values at a temperature": {"prompt": [IDS], "logprobs": 4, "temperature": 2.0, "seed": 0, "top_k": 1},
    "an id beyond the vocabulary": {"prompt": [[99_999]], "logprobs": 1},
    "too many chosen ids": {"prompt": [IDS], "logprobs": 1, "logprob_token_ids": list(range(129))},
    "a prompt without room for a token": {"prompt": [[5] * 512], "logprobs": 1},
    "another model": {"prompt": [IDS], "model": "another"},
}  # fmt: skip


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, wide_qwen2_folder: Path) -> Iterator[dict[str, RealServer]]:
    need_vllm()
    logs = tmp_path_factory.mktemp("vllm")
    small = [*OPTIONS]
    small[small.index("--max-logprobs") + 1] = "20"
    started = [
        RealServer(DEMO_FOLDER, "the-model", logs / "demo.log"),
        RealServer(wide_qwen2_folder, "wide", logs / "qwen2.log", *OPTIONS, "--max-model-len", "2048"),
        RealServer(DEMO_FOLDER, "the-model", logs / "small.log", *small),
    ]
    with closing(started):
        yield dict(zip(("demo", "random Qwen2", "small"), started, strict=True))


@pytest.mark.parametrize("name", ["demo", "random Qwen2"])
def test_every_question_gives_plain_transformers_numbers(
    servers: dict[str, RealServer], connect: Connect, name: str, record_table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers[name]
    # The folder of the random model has another name than the served one.
    monkeypatch.setattr("bot.engine.vllm.inspection.Inspection._is_named", lambda *_: True)
    model = connect(server.url, server.folder)
    rows = equality_table(model, Plain(*plain_transformers(server.folder)))
    record_table(f"{name}, {model.info.engine_path}, weights {model.info.weights}", rows)
    assert len(rows) == (20 if name == "demo" else 21)  # the demo model has no chat template
    assert [row for row in rows if not row.ids_agree or row.difference > TOLERANCE] == []


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_the_fake_server_answers_as_the_real_one(servers: dict[str, RealServer], body: dict[str, Any]) -> None:
    real_status, real = await post(servers["demo"].url, ASKED | body)
    with serving(FakeVllm(DEMO_FOLDER)) as server:
        fake_status, fake = await post(server.fake.url, ASKED | body)
    assert fake_status == real_status
    if real_status == 200:
        assert_included(fake["choices"], real["choices"])
    for phrase in ("max allowed", "out of vocabulary"):  # the inspection looks for these
        assert (phrase in str(fake)) == (phrase in str(real))


def assert_included(fake: Any, real: Any) -> None:
    """Assert that the real server's answer has all that the fake one's has, with the same values within rounding."""
    if isinstance(fake, dict):
        assert fake.keys() <= real.keys()
        if all(isinstance(value, float) for value in fake.values()) or any(key.isdecimal() for key in fake):
            assert fake.keys() == real.keys()
        for key, value in fake.items():
            assert_included(value, real[key])
    elif isinstance(fake, list):
        assert len(fake) == len(real)
        for one, other in zip(fake, real, strict=True):
            assert_included(one, other)
    elif isinstance(fake, float):
        assert math.isclose(fake, real, abs_tol=TOLERANCE)
    else:
        assert fake == real


def test_a_small_limit_is_recognised(servers: dict[str, RealServer], connect: Connect) -> None:
    problem = connect(servers["small"].url).info.problem
    assert problem == "it was started with --max-logprobs 20, which is too small (start it with -1)"


def test_another_model_is_recognised(servers: dict[str, RealServer], connect: Connect) -> None:
    problem = connect(servers["random Qwen2"].url).info.problem
    assert problem == "it predicts 151,936 different tokens, but demo has 4,096, so it serves another model"


async def test_stop_ends_the_request_on_the_server(servers: dict[str, RealServer], connect: Connect) -> None:
    model = connect(servers["demo"].url)
    before = await metric(servers["demo"].url, "vllm:generation_tokens_total")
    question = ContinuationQuestion(
        PROMPT, GenerationParameters.from_options(max_new_tokens=256, strategy="sample", seed=1, temperature=2.0)
    )
    stopped = await asyncio.to_thread(model.answer, question, Stopping(3))
    assert (len(stopped.output_ids), stopped.finish_reason) == (3, "stopped")
    running = "vllm:num_requests_running"
    await asyncio.to_thread(until, lambda: asyncio.run(metric(servers["demo"].url, running)) == 0)
    written = await metric(servers["demo"].url, "vllm:generation_tokens_total") - before
    assert 3 <= written < 200, "the server did not write all 256 tokens"


def test_a_seed_draws_the_same_text_each_time_and_another_one_than_torch(
    servers: dict[str, RealServer], connect: Connect, demo_model: Any
) -> None:
    model = connect(servers["demo"].url)
    texts = []
    for seed in (1, 1, 2, 3, 4):
        parameters = GenerationParameters.from_options(strategy="sample", seed=seed, temperature=1.5, top_k=0)
        texts.append(model.answer(ContinuationQuestion(PROMPT, parameters)).output_ids)
        if seed > 1:
            assert texts[-1] != demo_model.answer(ContinuationQuestion(PROMPT, parameters)).output_ids
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4


def test_the_version_was_tested(servers: dict[str, RealServer], connect: Connect) -> None:
    model = connect(servers["demo"].url)
    facts = engine_of(model).connection.facts
    assert facts is not None
    assert facts.is_tested
    assert model.answer(TopKQuestion(PROMPT, 3)).candidates
