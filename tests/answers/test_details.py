"""Details, replays and terminal commands for any text: limits hold, nothing escapes, the command asks the same."""

import importlib
import pkgutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import questions as question_modules
from bot.answers.details_embed import details_answer, incomparable_answer, replay_answer
from bot.answers.terminal_command import terminal_command
from bot.cli.main import build_parser
from bot.engine.model import EngineModel
from bot.questions.comparison import ComparisonQuestion
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RepeatableQuestion, RunInfo
from bot.questions.outcome import Difference, Outcome, first_difference
from bot.questions.outcome import versions as versions_now
from bot.questions.sampler import SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.receipts.receipt import CATALOGUE, AnsweredBy, Receipt, read_receipt, write_receipt
from tests.rendering.results import check, computed, long_texts, texts

ids = st.lists(st.integers(0, 200_000), max_size=300).map(tuple)
seeds = st.integers(0, 2**32 - 1)
parameters = st.one_of(
    st.builds(GenerationParameters, st.just("greedy"), st.integers(1, 256), st.floats(0.5, 5)),
    st.builds(
        GenerationParameters, st.just("sample"), st.integers(1, 256), st.floats(0.5, 5), top_k=st.integers(0, 1000),
        temperature=st.floats(0.05, 5), top_p=st.floats(0.01, 1), seed=seeds, min_p=st.none() | st.floats(0, 1),
        top_h=st.none() | st.floats(0.01, 0.99), typical_p=st.none() | st.floats(0.01, 1),
        epsilon_cutoff=st.none() | st.floats(0, 0.99), eta_cutoff=st.none() | st.floats(0, 0.99),
        no_repeat_ngram_size=st.none() | st.integers(0, 100),
    ),
    st.builds(
        GenerationParameters, st.just("beam"), st.integers(1, 256), st.floats(0.5, 5), num_beams=st.integers(2, 10)
    ),
)  # fmt: skip
questions: st.SearchStrategy[RepeatableQuestion[Any]] = st.one_of(
    st.builds(TopKQuestion, long_texts, st.integers(1, 25), ids, st.floats(0.05, 5)),
    st.builds(ContinuationQuestion, long_texts, parameters, ids),
    st.builds(SentimentQuestion, long_texts),
    st.builds(EvidenceQuestion, long_texts),
    st.builds(TokenizationQuestion, long_texts, st.none() | texts),
    st.builds(XrayQuestion, long_texts),
    st.builds(ComparisonQuestion, long_texts, st.integers(1, 64), seeds, st.integers(2, 10), st.floats(0.5, 5)),
    st.builds(ContrastQuestion, long_texts, texts | st.just("-")),
    st.builds(SamplerQuestion, texts, st.floats(0.05, 5), st.integers(0, 1000), st.floats(0.01, 1), st.floats(0.5, 5)),
    st.builds(WhyQuestion, long_texts, st.none() | texts, st.none() | texts),
)
outcomes = st.builds(
    Outcome, ids, st.lists(ids, max_size=4).map(tuple), st.lists(st.floats(-1e4, 1e4), max_size=9).map(tuple)
)
versions = st.dictionaries(st.sampled_from(["torch", "python", "nightword"]), texts, max_size=3)
receipts = st.builds(
    lambda question, outcome, run, revision, versions: (
        Receipt(question, outcome, AnsweredBy(run.model.short_name, revision, "float32", "cpu", ""), versions, {}),
        run,
    ),
    questions,
    outcomes,
    computed,
    st.none() | st.just("0123456789abcdef" * 2),
    versions,
)
differences = st.none() | st.builds(
    Difference, st.sampled_from(["input id", "output id", "figure"]), st.integers(0, 999),
    st.none() | st.integers(0, 9), st.none() | st.floats(-1e4, 1e4),
)  # fmt: skip


@given(receipts, outcomes, differences)
@settings(max_examples=100, deadline=None)
def test_details_and_replays_hold_discord_s_limits(
    receipt_and_run: tuple[Receipt[Any], RunInfo], now: Outcome, difference: Difference | None
) -> None:
    receipt, run = receipt_and_run
    check(details_answer(receipt))
    check(replay_answer(receipt, now, difference, run))
    check(incomparable_answer(receipt, run.model))


@given(receipts)
@settings(max_examples=100, deadline=None)
def test_a_receipt_is_read_as_it_was_written(receipt_and_run: tuple[Receipt[Any], RunInfo]) -> None:
    receipt, _ = receipt_and_run
    assert read_receipt(write_receipt(receipt)) == receipt
    assert first_difference(receipt.outcome, receipt.outcome) is None


def words_of(command: str) -> list[str]:
    """Return the arguments that a shell passes to `nightword`."""
    script = f"nightword() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    result = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True)  # noqa: S603  # quoted, as tested
    return result.stdout.decode().split("\0")[:-1]


@given(questions)
@settings(max_examples=200, deadline=None)
def test_the_terminal_command_has_every_option_of_the_question(question: RepeatableQuestion[Any]) -> None:
    command = terminal_command(question, AnsweredBy("demo", None, "float32", "cpu", ""))
    if command is None:
        return
    words = words_of(command)
    parsed = vars(build_parser().parse_args(words))
    assert (parsed["model"], parsed["dtype"]) == ("demo", "float32")
    options = question.options()
    options.pop("written", None)
    for name, value in options.items():
        if value not in (None, ()) and not (name == "top_k" and options.get("strategy") in ("greedy", "beam")):
            assert parsed[name] == value
    if question.command == "explain":
        assert parsed["explain"]


def test_a_command_names_model_revision_and_dtype() -> None:
    published = AnsweredBy("Qwen/Qwen2-0.5B", "c291d6fce4804a1d39305f388dd32897d1f7acc4", "bfloat16", "cpu", "")
    assert terminal_command(XrayQuestion("It's"), published) == (
        "BOT_MODEL_REVISION=c291d6fce4804a1d39305f388dd32897d1f7acc4 \\\n  nightword xray \\\n"
        "  --model Qwen/Qwen2-0.5B \\\n  --dtype bfloat16 \\\n  -- 'It'\"'\"'s'"
    )
    local = AnsweredBy("my model", None, "int8", "cpu", "")
    assert terminal_command(XrayQuestion("-"), local) == (
        "printf %s - | \\\n  nightword xray \\\n  --model 'my model' \\\n  --dtype int8 \\\n  -"
    )


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (ContrastQuestion("The nurse", "-"), "-- 'The nurse' -"),
        (ContrastQuestion("-", "The nurse"), "-- - 'The nurse'"),
        (TokenizationQuestion("The nurse", "-"), "--compare-with=- \\\n  -- 'The nurse'"),
    ],
)
def test_one_of_two_texts_can_be_a_lone_dash(question: RepeatableQuestion[Any], words: str) -> None:
    command = terminal_command(question, AnsweredBy("demo", None, "float32", "cpu", ""))
    assert command is not None
    assert command.startswith("printf %s - | \\\n  nightword ")
    assert command.endswith(words)


def test_the_command_of_a_stopped_answer_writes_as_many_tokens() -> None:
    question = ContinuationQuestion("Once", GenerationParameters.from_options(max_new_tokens=30))
    model = AnsweredBy("demo", None, "float32", "cpu", "")
    for ids, shown in (((4, 5), "--max-new-tokens=2 "), ((), "No single terminal command reproduces this answer.")):
        receipt = Receipt(question, Outcome((1,), (ids,), is_cut_short=True), model, {}, {})
        assert shown in str(details_answer(receipt).embed.description)


def test_a_replay_says_what_has_changed_since(demo_model: EngineModel) -> None:
    outcome = Outcome((1,), ((2,),))
    current_versions = versions_now()
    then = Receipt(
        XrayQuestion("a"),
        outcome,
        AnsweredBy("demo", None, "float32", "cpu", "by hand"),
        current_versions | {"torch": "1.0"},
        {},
    )
    embed = replay_answer(then, outcome, None, RunInfo(demo_model.info, 0.1)).embed
    changed = f"float32 on cpu, by hand → float32 on cpu, {demo_model.info.engine_path}".removesuffix(", ")
    assert [(field.name, field.value) for field in embed.fields] == [
        ("Changed since then", f"torch 1.0 → {current_versions['torch']} · computed in {changed}")
    ]
    same = replace(then, model=AnsweredBy.of(demo_model.info), versions=current_versions)
    assert replay_answer(same, outcome, None, RunInfo(demo_model.info, 0.1)).embed.fields == []


def test_a_question_that_no_command_line_can_hold_has_no_command() -> None:
    model = AnsweredBy("demo", None, "float32", "cpu", "")
    assert terminal_command(XrayQuestion("a\x00b"), model) is None
    assert terminal_command(TokenizationQuestion("a", "\ud800"), model) is None
    assert terminal_command(ContrastQuestion("-", "-"), model) is None
    assert terminal_command(TokenizationQuestion("-", "-"), model) is None
    longer = GenerationParameters.from_options().with_max_new_tokens(257)
    assert terminal_command(ContinuationQuestion("a", longer), model) is None


@given(st.text())
def test_a_text_that_is_not_a_receipt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^this file is not a receipt$"):
        read_receipt(text)


def test_every_repeatable_question_is_in_the_catalogue() -> None:
    for module in pkgutil.iter_modules(question_modules.__path__, "bot.questions."):
        importlib.import_module(module.name)
    commands = {kind.command for kind in RepeatableQuestion.__subclasses__()}
    assert {kind.command for kind in CATALOGUE} == commands
