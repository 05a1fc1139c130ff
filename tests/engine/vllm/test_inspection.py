"""A server whose numbers would be wrong is recognised before they are shown."""

from pathlib import Path

import pytest

from bot.engine.model import EngineModel
from bot.engine.model_files import ModelFiles, find_model
from bot.engine.vllm.weights import read_record, record_file, record_weights, write_record
from bot.errors import ModelServerUnavailable
from bot.questions.language_model import DEMO
from bot.questions.topk import TopKQuestion
from tests.conftest import STORIES, need_shared
from tests.engine.vllm.conftest import Connect
from tests.engine.vllm.fake_server import FakeVllm, Serving, serving


def problem_at(server: Serving, connect: Connect, **options: object) -> str:
    model = connect(server.fake.url, **options)
    with pytest.raises(ModelServerUnavailable, match="The model's server can't be used right now"):
        model.answer(TopKQuestion("It was", 3))
    return model.info.problem


def test_the_weights_of_the_demo_model_are_recognised(remote: EngineModel) -> None:
    assert remote.info.engine_path == "vLLM 0.32.0"
    assert remote.info.weights.startswith("verified within ")
    assert remote.info.problem == ""


def test_the_demo_model_s_record_is_what_transformers_computes(demo_model: EngineModel) -> None:
    recorded, computed = read_record(find_model(DEMO)), record_weights(demo_model.engine)
    assert recorded is not None
    assert (recorded.input_ids, recorded.ids) == (computed.input_ids, computed.ids)
    assert recorded.log_probabilities == pytest.approx(computed.log_probabilities, abs=1e-4)


def test_a_small_limit_of_log_probabilities(fake: FakeVllm, server: Serving, connect: Connect) -> None:
    fake.max_logprobs = 20
    expected = "it was started with --max-logprobs 20, which is too small (start it with -1)"
    assert problem_at(server, connect) == expected


@pytest.mark.parametrize("mode", ["raw_logits", "processed_logprobs"])
def test_another_kind_of_log_probabilities(fake: FakeVllm, server: Serving, connect: Connect, mode: str) -> None:
    fake.mode = mode
    expected = "it was started with another --logprobs-mode (start it with raw_logprobs)"
    assert problem_at(server, connect) == expected


def test_other_weights(fake: FakeVllm, server: Serving, connect: Connect) -> None:
    fake.shift = 3.0
    assert problem_at(server, connect).endswith("so it has other weights")


def test_another_dtype_than_the_one_that_is_shown(fake: FakeVllm, server: Serving, connect: Connect) -> None:
    fake.shift = 0.05
    assert problem_at(server, connect).endswith("(start it with --dtype float32, or set BOT_DTYPE to its dtype)")
    assert connect(fake.url, dtype="bfloat16").answer(TopKQuestion("It was", 3)).candidates


def test_another_model(fake: FakeVllm, connect: Connect) -> None:
    with serving(FakeVllm(need_shared(STORIES))) as other:
        problem = problem_at(other, connect)
    assert problem == "it has fewer tokens than demo, so it serves another model"


def test_a_model_of_another_name_without_a_record(
    fake: FakeVllm, server: Serving, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engine.vllm.loading.read_record", lambda _: None)
    model = connect(fake.url)
    assert model.info.problem == f"it serves {fake.served}, not demo"
    fake.served = "demo"
    unverified = connect(fake.url)
    assert unverified.info.weights == "unverified"
    assert unverified.info.problem == ""


def test_an_untested_version_is_named(fake: FakeVllm, server: Serving, connect: Connect) -> None:
    fake.version = "0.99.1"
    assert connect(fake.url).info.engine_path == "vLLM 0.99.1 (untested version)"


def test_records_of_other_models_are_stored_by_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stories_model: EngineModel
) -> None:
    monkeypatch.setattr("bot.engine.vllm.weights.constants.HF_HOME", str(tmp_path))
    files = ModelFiles(str(STORIES), STORIES, revision=None)
    assert read_record(files) is None
    record = record_weights(stories_model.engine)
    file = write_record(files, record)
    assert file.is_relative_to(tmp_path)
    assert read_record(files) == record
    file.write_text("[]")
    assert read_record(files) is None
    assert record_file(ModelFiles("a/b", tmp_path, "0" * 40)) != record_file(ModelFiles("a/b", tmp_path, "1" * 40))
