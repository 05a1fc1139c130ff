"""What a terminal shows: tables, help texts, the doctor's findings, and the playground's welcome."""

import io
import re
import sys
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from bot.cli.main import build_parser, run
from bot.cli.playground import WELCOME
from bot.engine.model import EngineModel
from bot.engine.transformers import loading
from bot.engine.transformers.loading import load_model
from tests.engine.small_models import llama, random_model, spaced_model

PROMPT = "The old man looked at the sea and"
REVIEW = "A slow beginning, but I laughed all the way home."
COMMANDS = {
    "topk": ["topk", PROMPT],
    "walk": ["topk", PROMPT, "-k", "3", "--after-ids", "30,60", "--temperature", "0.7"],
    "greedy": ["continue", PROMPT, "--max-new-tokens", "6"],
    "sample": ["continue", PROMPT, "--strategy", "sample", "--seed", "5", "--max-new-tokens", "6"],
    "sentiment": ["sentiment", REVIEW],
    "explained": ["sentiment", REVIEW, "--explain"],
    "sentiment of lines": ["sentiment", "--lines", "-"],
    "decision": ["decide", REVIEW, "--preset", "sentiment-examples"],
    "decision explained": [
        "decide",
        REVIEW,
        "--template",
        "{text} It was a",
        "--label",
        " sad story",
        "--label",
        " day",
        "--explain",
    ],
    "decision of lines": ["decide", "--lines", "-", "--preset", "spam"],
    "tokens": ["tokenize", "positive 🤷", "--compare-with=-positive"],
    "xray": ["xray", PROMPT],
    "comparison": ["compare", PROMPT, "--max-new-tokens", "6", "--seed", "3", "--num-beams", "2"],
    "layers": ["layers", PROMPT],
    "contrast": ["contrast", "The nurse said that", "The doctor said that"],
    "contrast of equal prompts": ["contrast", PROMPT, PROMPT],
    "sampler": ["sampler", PROMPT, "--temperature", "1.5", "--top-k", "20", "--top-p", "0.9"],
    "why": ["why", PROMPT],
    "why not": ["why", PROMPT, "--token", "shore", "--instead-of", "said"],
}
WRONG = {
    "no command": [],
    "unknown option": ["topk", PROMPT, "--beams", "3"],
    "option out of range": ["continue", PROMPT, "--num-beams", "99", "--strategy", "beam"],
    "option without effect": ["continue", PROMPT, "--seed", "3"],
    "no number": ["topk", PROMPT, "-k", "many"],
    "no ids": ["topk", PROMPT, "--after-ids", "1,x"],
    "empty": ["topk", ""],
    "empty second prompt": ["contrast", PROMPT, ""],
    "no second prompt": ["contrast", PROMPT],
    "no question": ["decide", REVIEW],
    "two questions": ["decide", REVIEW, "--preset", "spam", "--label", "yes"],
    "type without template": ["decide", REVIEW, "--type", "template", "--question", "Spam?"],
    "no chat template": ["decide", REVIEW, "--question", "Spam?", "--model", "demo"],
    "no such preset": ["decide", REVIEW, "--preset", "ham"],
    "no place for the text": ["decide", REVIEW, "--template", "Spam?", "--label", "a", "--label", "b"],
    "unbalanced examples": ["decide", REVIEW, "--question", "Spam?", *("--example", "a", "Yes") * 2],
    "no file": ["sentiment", "--lines", "no-such-file"],
    "no second model": ["diff", PROMPT],
    "no picture": ["topk", PROMPT, "--png", "no-such-folder/out.png"],
    "the same token": ["why", PROMPT, "--token", "said", "--instead-of", " said", "--model", "demo"],
    "one word": ["why", "Once", "--png", "out.png", "--model", "demo"],
}


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel) -> None:
    monkeypatch.setattr(loading, "load_model", lambda *_, **__: demo_model)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{REVIEW}\n\nBad.\n".encode()), encoding="utf-8"))
    monkeypatch.setenv("COLUMNS", "1000")  # one line per paragraph, so argparse's wrapping doesn't matter
    monkeypatch.setenv("NO_COLOR", "1")


def run_command(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = run(arguments)
    out, err = capsys.readouterr()
    out = re.sub(r"<?\b\d[\d.,]* (ms|s)$", "TIME", out, flags=re.MULTILINE)
    out = re.sub(r"\b\d[\d.,]* tokens/s", "N tokens/s", out)
    return "\n".join([f"exit code {code}", *([out] if out else []), *(["error output", err] if err else [])])


REVIEWS = (
    ("A warm and funny film, I laughed all the way home.", "positive"),
    ("The best film of the year, with a wonderful cast.", "positive"),
    ("A quiet story that stays with you for days.", "positive"),
    ("A dull and empty film, I was bored all the way home.", "negative"),
    ("The worst film of the year, with a terrible cast.", "negative"),
    ("A loud story that you forget at the door.", "negative"),
)


def test_measurement(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion) -> None:
    lines = [f"{text}\t{label}\t{number // 2}\n" for number, (text, label) in enumerate(REVIEWS * 3)]
    Path("reviews.tsv").write_text("text\tlabel\tauthor\n" + "".join(dict.fromkeys(lines)))
    options = ["--preset", "sentiment", "--against", "sentiment-short", "--per-day", "100"]
    assert run_command(capsys, "measure", "reviews.tsv", *options, "--model", "demo") == snapshot


@pytest.mark.parametrize("name", COMMANDS)
def test_command(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion, name: str) -> None:
    assert run_command(capsys, *COMMANDS[name], "--model", "demo") == snapshot


def test_diff(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, snapshot: SnapshotAssertion) -> None:
    folders = {
        "other": random_model(Path("other"), llama(max_position_embeddings=64)),
        "spaced": spaced_model(Path("spaced")),
    }
    monkeypatch.setattr(loading, "load_model", load_model)  # each model is loaded
    for name, folder in folders.items():
        assert run_command(capsys, "diff", "It was a dark 🤷", "--model", "demo", "--model-b", str(folder)) == snapshot(
            name=name
        )


@pytest.mark.parametrize("name", WRONG)
def test_refusal(capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion, name: str) -> None:
    assert run_command(capsys, *WRONG[name]) == snapshot


def test_help(snapshot: SnapshotAssertion) -> None:
    parser = build_parser()
    assert parser.format_help() == snapshot(name="nightword")
    (commands,) = [action for action in parser._actions if action.choices]
    for name, command in dict(commands.choices or {}).items():
        assert command.format_help() == snapshot(name=name)


@pytest.mark.parametrize(
    "variables", [{}, {"BOT_REVIEWS": "true"}, {"BOT_MODLE": "demo"}, {"BOT_DTYPE": "float8"}], ids=str
)
def test_doctor(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    snapshot: SnapshotAssertion,
    variables: dict[str, str],
) -> None:
    for name, value in ({"BOT_DEVICE": "cpu"} | variables).items():
        monkeypatch.setenv(name, value)
    printed = run_command(capsys, "doctor", "--model", "demo")
    for pattern, word in (
        (r"\d[\d.,]* GB", "N GB"),
        (r"(Python|discord\.py|torch|transformers|Nightword) \d[\w.+]*", r"\1 VERSION"),
        (r"\d+ cores", "N cores"),
        (r"(?<= )/[^\s,]+", "PATH"),
        (r"(?<=processor     ).*(?=\. Correct here)", "PROCESSOR"),
    ):
        printed = re.sub(pattern, word, printed)
    assert printed == snapshot


def test_welcome(snapshot: SnapshotAssertion) -> None:
    assert "\n\n".join(f"#{channel}\n{text}" for channel, text in WELCOME.items()) == snapshot
