"""The terminal: tables for people, JSON for programs, and one line with the right exit code for every error."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.cli.main import run
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.questions.sentiment import SentimentBatchQuestion, SentimentQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.terminal import console as terminal_io
from tests.console import MODEL, PROMPT, Console, assert_same_json
from tests.fakes import fake_model


def test_topk_json(console: Console) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(DEMO_FOLDER)
    model: Any = AutoModelForCausalLM.from_pretrained(DEMO_FOLDER, dtype=torch.float32)
    input_ids = tokenizer(PROMPT).input_ids
    with torch.no_grad():
        logits = model(torch.tensor([input_ids])).logits[0, -1]
    values, ids = logits.softmax(-1).topk(3)

    answer = console.json("topk", PROMPT, "-k", "3")

    tokens = answer.pop("tokens")
    assert answer == {"command": "topk", "model": MODEL, "prompt": PROMPT, "input_ids": input_ids}
    assert [set(token) for token in tokens] == [{"rank", "id", "token", "logit", "probability"}] * 3
    assert [(token["rank"], token["id"], token["token"]) for token in tokens] == [
        (rank, id_, tokenizer.decode([id_])) for rank, id_ in enumerate(ids.tolist(), start=1)
    ]
    assert [token["probability"] for token in tokens] == pytest.approx(values.tolist(), abs=1e-5)
    assert [token["logit"] for token in tokens] == pytest.approx(logits[ids].tolist(), rel=1e-5)
    assert tokens[0]["token"] == " night"


def test_continue_json(console: Console) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(DEMO_FOLDER)
    model: Any = AutoModelForCausalLM.from_pretrained(DEMO_FOLDER, dtype=torch.float32)
    inputs = tokenizer(PROMPT, return_tensors="pt")
    count = inputs.input_ids.shape[1]
    torch.manual_seed(3)
    sampled = {"do_sample": True, "temperature": 0.7, "top_k": 9, "top_p": 0.8, "repetition_penalty": 1.1}
    output = model.generate(**inputs, max_new_tokens=12, pad_token_id=0, **sampled)[0, count:].tolist()

    options = "--strategy sample --seed 3 --max-new-tokens 12 --temperature 0.7 --top-k 9 --top-p 0.8"
    answer = console.json("continue", PROMPT, *options.split(), "--repetition-penalty", "1.1")

    with torch.no_grad():
        rows = model(torch.tensor([[*inputs.input_ids[0], *output]])).logits[0, count - 1 :].softmax(-1)
    tokens: Any = answer.pop("tokens")
    for token, id_, row in zip(tokens, output, rows, strict=False):
        assert (token["id"], token["token"]) == (id_, tokenizer.decode([id_]))
        assert token["probability"] == pytest.approx(row[id_].item(), abs=1e-5)
        best = [other for other in row.topk(4).indices.tolist() if other != id_][:3]
        assert [other["id"] for other in token["alternatives"]] == best
        assert [other["probability"] for other in token["alternatives"]] == pytest.approx(row[best].tolist(), abs=1e-5)
    assert len(tokens) == len(output)
    assert answer == {
        "command": "continue",
        "model": MODEL,
        "prompt": PROMPT,
        "parameters": {"strategy": "sample", "max_new_tokens": 12, "seed": 3, **sampled},
        "input_ids": inputs.input_ids[0].tolist(),
        "output_ids": output,
        "text": tokenizer.decode(output),
        "finish_reason": "length",
    }


def test_continue_json_when_the_model_ends_the_text(console: Console) -> None:
    prompt = "Question: Is the following review positive or\n    negative about the movie?\n    Review: Good. Answer:"
    answer = console.json("continue", prompt)
    assert answer["finish_reason"] == "stop"
    assert answer["output_ids"][-1] == 0
    assert answer["text"] == " positive"


def test_sentiment_json(console: Console, demo_model: EngineModel) -> None:
    answer = console.json("sentiment", "I loved it.")
    result = demo_model.answer(SentimentQuestion("I loved it."))
    assert answer == {
        "command": "sentiment",
        "model": MODEL,
        "label": "Positive",
        # The command loads the model again, and can measure another kernel as the fastest one.
        "logits": pytest.approx({"positive": result.positive_logit, "negative": result.negative_logit}, abs=1e-5),
        "probabilities": pytest.approx(
            {"positive": result.positive_probability, "negative": result.negative_probability}, abs=1e-5
        ),
        "label_mass": pytest.approx(result.label_mass, abs=1e-5),
    }


def test_tokenize_json(console: Console) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(DEMO_FOLDER)
    ids = tokenizer("a dark night").input_ids
    assert console.json("tokenize", "a dark night") == {
        "command": "tokenize",
        "model": MODEL,
        "text": "a dark night",
        "tokens": [{"id": id_, "token": text} for id_, text in zip(ids, ["a", " dark", " night"], strict=True)],
    }


def test_standard_input_is_read_unchanged(console: Console) -> None:
    text = "  two\r\n\tlines 你\n\n"
    assert console.json("tokenize", "-", stdin=text.encode())["text"] == text


def test_tables_without_json(console: Console, demo_model: EngineModel) -> None:
    out, err = console.run("topk", PROMPT, "-k", "2", "--model", "demo")
    assert err == ""
    header, first, second, others, footer = out.splitlines()
    assert header.split() == ["#", "prob.", "id", "token"]
    assert first.endswith("·night")
    assert second
    assert others.endswith("all others")
    assert footer.startswith("demo · float32 · ")

    out, _ = console.run("continue", PROMPT, "--model", "demo")
    assert out.startswith(f"{PROMPT} night")
    assert "strategy=greedy max_new_tokens=20 do_sample=False" in out
    assert "20 new tokens, finish_reason=length" in out

    out, _ = console.run("sentiment", "I loved it.", "--model", "demo")
    assert out.startswith("Positive\n")
    out, _ = console.run("tokenize", "a night", "--model", "demo")
    ids = [token.id for token in demo_model.answer(TokenizationQuestion("a night"))[0].tokens]
    assert out.endswith(f"{ids}\n")


def test_each_line_is_scored_as_a_review(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    file.write_text("I loved it.\nI hated it.\nWonderful!\n")
    out, err = console.run("sentiment", "--lines", str(file), "--json", "--model", "demo")
    assert err == ""
    objects = [json.loads(line) for line in out.splitlines()]
    assert [answer["label"] for answer in objects] == ["Positive", "Negative", "Positive"]
    assert_same_json(objects[0], console.json("sentiment", "I loved it."))
    marked = b"\xef\xbb\xbf" + file.read_bytes()  # some editors begin a file with a byte order mark
    out, _ = console.run("sentiment", "--lines", "-", "--model", "demo", stdin=marked)
    header, *rows, footer = out.splitlines()
    assert header.split() == ["verdict", "P(positive)", "review"]
    assert [row.split()[0] for row in rows] == ["Positive", "Negative", "Positive"]
    assert rows[0].endswith("% I loved it.")
    assert footer.startswith("demo · float32 · ")


def test_lines_are_judged_many_at_a_time(
    console: Console, tmp_path: Path, demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[tuple[str, ...]] = []

    def judge(question: SentimentBatchQuestion) -> object:
        batches.append(question.reviews)
        return demo_model.answer(question)

    model = fake_model(demo_model.info, {SentimentBatchQuestion: judge})
    monkeypatch.setattr(terminal_io, "load_language_model", lambda _: model)
    reviews = tuple(f"I loved part {number}." for number in range(40))
    file = tmp_path / "reviews.txt"
    file.write_text("\n".join(reviews))
    out, _ = console.run("sentiment", "--lines", str(file), "--json")
    assert len(out.splitlines()) == 40
    assert batches == [reviews[:32], reviews[32:]]


def test_only_a_line_break_ends_a_review(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    reviews = ["I loved it.\x0cAll of it.", "I hated\u2028every\x85minute."]
    file.write_bytes("\r\n".join([*reviews, ""]).encode())
    out, _ = console.run("sentiment", "--lines", str(file), "--json", "--model", "demo")
    for line, review in zip(out.splitlines(), reviews, strict=True):
        assert_same_json(json.loads(line), console.json("sentiment", review))


def test_a_line_that_cannot_be_scored_does_not_stop_the_others(console: Console, tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    file.write_text(f"I loved it.\n\n{'the ' * 600}\nI hated it.\n")
    out, err = console.run("sentiment", "--lines", str(file), "--json", "--model", "demo", code=2)
    first, empty, long, last = [json.loads(line) for line in out.splitlines()]
    assert (first["label"], last["label"]) == ("Positive", "Negative")
    assert (empty["line"], long["line"]) == (2, 3)
    assert "empty" in empty["error"]
    assert "the limit is 512" in long["error"]
    assert err.splitlines() == [f"nightword: line 2: {empty['error']}", f"nightword: line 3: {long['error']}"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["topk", "x", "-k", "0"], 2, "argument -k: 0 is out of range: it must be at least 1"),
        (["topk", "x", "-k", "many"], 2, "'many' is not a whole number: it must be at least 1"),
        (["topk", "", "--model", "demo"], 2, "The prompt is empty: 0 tokens. It must have 1 to 512 tokens"),
        (["continue", "", "--model", "demo"], 2, "The prompt is empty"),
        (["sentiment", "", "--model", "demo"], 2, "The review is empty"),
        (["tokenize", "", "--model", "demo"], 2, "The text is empty"),
        (["topk", "the " * 600, "--model", "demo"], 2, "but the limit is 512"),
        (["continue", "x", "--temperature", "0.5"], 2, "temperature has no effect with strategy greedy"),
        (["continue", "x", "--max-new-tokens", "257"], 2, "max_new_tokens is 257, but must be from 1 to 256"),
        (["continue", "x", "--strategy", "magic"], 2, "invalid choice: 'magic'"),
        (["topk"], 2, "the following arguments are required: prompt"),
        (["dance"], 2, "invalid choice: 'dance'"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["sentiment", "--lines", "no-such-file"], 2, "no-such-file cannot be read: No such file or directory"),
        (["topk", "x", "--dtype", "float7"], 2, "invalid choice: 'float7'"),
        (["topk", "x", "--model", "./nowhere"], 78, "The model ./nowhere cannot be used: this folder does not exist"),
        (["xray", "It", "--model", "demo"], 2, "The text is only one token, so there is nothing to predict it from"),
        (["xray", "", "--model", "demo"], 2, "The text is empty"),
        (["compare", "x", "--max-new-tokens", "65", "--model", "demo"], 2, "max_new_tokens is 65, but must be from 1"),
        (["compare", "x", "--num-beams", "11", "--model", "demo"], 2, "num_beams is 11, but must be from 2 to 10"),
        (["sampler", "x", "--top-p", "0", "--model", "demo"], 2, "top_p is 0.0, but must be from 0.01 to 1.0"),
        (["sampler", "x", "--top-h", "1", "--model", "demo"], 2, "top_h is 1.0, but must be from 0.01 to 0.99"),
        (["continue", "x", "--min-p", "0.1"], 2, "min_p has no effect with strategy greedy"),
        (["continue", "x", "--no-repeat-ngram-size", "-1"], 2, "no_repeat_ngram_size is -1, but must be from 0 to 100"),
        (["sampler", "", "--model", "demo"], 2, "The prompt is empty"),
        (["contrast", "", "x", "--model", "demo"], 2, "The first prompt (a) is empty"),
        (["contrast", "x", "", "--model", "demo"], 2, "The second prompt (b) is empty"),
        (["contrast", "x", "the " * 600, "--model", "demo"], 2, "The second prompt (b) has 601 tokens"),
        (["contrast", "x"], 2, "the following arguments are required: b"),
        (["why", "", "--model", "demo"], 2, "The prompt is empty"),
        (["why", "x y", "--token", "", "--model", "demo"], 2, "The token is empty"),
        (
            ["xray", "x", "--png", "x.jpg"],
            2,
            "--png x.jpg cannot be written: the picture is a PNG file. Use a",
        ),
        (["xray", "x", "--png", "-"], 2, "Use a name that ends in .png"),
        (["compare", "x", "--png", "no-such-folder/x.png"], 2, "x.png cannot be written: No such file or directory."),
        (["sampler", "x", "--png", "x" * 300 + ".png"], 2, "x.png cannot be written: File name too long."),
        (["sentiment", "x", "--png", "x.png"], 2, "--png needs --explain: a verdict alone has no picture"),
        (["sentiment", "--lines", "x", "--explain"], 2, "--explain works on a single review"),
        (["sentiment", "", "--explain", "--model", "demo"], 2, "The review is empty"),
        (["doctor", "--png", "x.png"], 2, "unrecognized arguments: --png x.png"),
        (["playground", "--port", "70000"], 2, "70000 is out of range: it must be from 0 to 65535"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_an_error_is_one_line(console: Console, arguments: list[str], code: int, message: str) -> None:
    assert message in console.error(*arguments, code=code)


def test_a_bad_setting_is_one_line(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_DTYPE", "float7")
    error = console.error("topk", "x", "--model", "demo", code=78)
    assert error == (
        "nightword: BOT_DTYPE has an invalid value. It must be float32, bfloat16, float16, int8 or int4.\n"
    )


def test_text_that_is_not_utf_8_is_refused(console: Console) -> None:
    out, err = console.run("topk", "-", "--model", "demo", code=2, stdin=b"caf\xe9")
    assert out == ""
    assert "standard input is not valid UTF-8 (byte 3)" in err
    assert "not valid UTF-8" in console.error("topk", "caf\udce9", "--model", "demo", code=2)


@pytest.mark.slow
def test_in_a_process_of_its_own_standard_output_is_json_alone() -> None:
    command = [sys.executable, "-m", "bot", "topk", "--model", "demo", "--json", PROMPT]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)  # noqa: S603  # our own interpreter
    assert json.loads(result.stdout)["tokens"][0]["token"] == " night"
    assert result.stderr == ""


@pytest.mark.slow
def test_a_closed_pipe_ends_the_command_without_a_message(tmp_path: Path) -> None:
    file = tmp_path / "reviews.txt"
    file.write_text("Good.\n" * 200)
    command = [sys.executable, "-m", "bot", "sentiment", "--model", "demo", "--json", "--lines", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603  # as above
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        ("topk - --model demo <&-", 2, "nightword: standard input is closed."),
        ("topk x --model demo >/dev/full", 1, "nightword: can't write the output: No space left on device."),
        ("topk x --model demo >&-", 0, ""),
    ],
)
def test_closed_or_full_streams_are_named(redirection: str, code: int, message: str) -> None:
    command = f"{sys.executable} -m bot {redirection}"
    result = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False)  # noqa: S602  # a fixed command
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith(message)


@pytest.mark.slow
def test_a_terminal_without_unicode_gets_readable_output() -> None:
    command = [sys.executable, "-m", "bot", "topk", "x", "--model", "demo"]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=True)  # noqa: S603  # as above
    assert "all others" in result.stdout
    assert result.stderr == ""


@pytest.mark.slow
def test_a_model_that_cannot_be_found_is_refused_in_one_line(tmp_path: Path) -> None:
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "bot", "topk", "--model", "no/such", "x"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)  # noqa: S603  # as above
    assert result.returncode == 78
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("nightword: The model no/such cannot be used: ")


def test_help_needs_no_model_and_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for command in (
        "run",
        "backup",
        "playground",
        "topk",
        "continue",
        "sentiment",
        "tokenize",
        "xray",
        "compare",
        "sampler",
        "contrast",
        "why",
    ):
        assert re.search(rf"^    {command}\b", shown, re.MULTILINE)
