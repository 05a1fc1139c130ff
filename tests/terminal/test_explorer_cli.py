"""The explorer's commands in the terminal, as tables and as JSON."""

import json
import re
from pathlib import Path

import pytest

from bot.engine.model import EngineModel
from bot.features.comparison.terminal import comparison_object
from bot.features.contrast.terminal import contrast_object
from bot.features.sampler.terminal import stages_object
from bot.features.topk.picture import walk_picture
from bot.features.xray.terminal import surprisals_object
from bot.questions.comparison import ComparisonQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.sampler import STAGES, SamplerQuestion
from bot.questions.sentiment import EvidenceQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.rendering.escaping import visible_token
from tests.console import MODEL, PROMPT, Console, assert_same_json, without_receipt


def test_xray(console: Console, demo_model: EngineModel) -> None:
    answer = console.json("xray", PROMPT)
    result = demo_model.answer(XrayQuestion(PROMPT))
    assert answer["command"] == "xray"
    assert answer["model"] == MODEL
    assert answer["tokens"][0]["log_probability"] is None
    assert [token["rank"] for token in answer["tokens"][1:]] == [likelihood.rank for likelihood in result.likelihoods]
    assert answer["perplexity"] == pytest.approx(result.perplexity, rel=1e-5)
    assert set(answer) == set(surprisals_object(result, demo_model.info))

    out, err = console.run("xray", PROMPT + " funny", "--model", "demo")
    assert err == ""
    lines = out.splitlines()
    assert lines[0].split() == ["rank", "bits", "prob.", "token"]
    assert lines[1].split() == ["–", "–", "–", "It"]
    assert re.search(r"^perplexity \d+\.\d\d, \d+\.\d\d bits per character$", out, re.MULTILINE)
    assert "expected ·night (" in out
    assert lines[-1].startswith("demo · float32 · ")


def test_xray_reads_standard_input(console: Console) -> None:
    text = "two\r\n\tlines 你\n"
    assert console.json("xray", "-", stdin=text.encode())["text"] == text


def test_compare(console: Console, demo_model: EngineModel) -> None:
    options = ["--seed", "3", "--max-new-tokens", "6", "--num-beams", "3", "--repetition-penalty", "1.4"]
    answer = console.json("compare", "Once upon", *options)
    result = demo_model.answer(ComparisonQuestion("Once upon", 6, 3, 3, 1.4))
    expected = json.loads(json.dumps(comparison_object(result, demo_model.info)))
    assert [text["output_ids"] for text in answer["texts"]] == [text["output_ids"] for text in expected["texts"]]
    assert [text["parameters"] for text in answer["texts"]] == [text["parameters"] for text in expected["texts"]]
    assert answer["tree"]["winner"] == expected["tree"]["winner"]
    assert len(answer["tree"]["steps"]) == 6

    out, _ = console.run("compare", "Once upon", *options, "--model", "demo")
    assert out.splitlines()[0].split() == ["log-prob.", "mean", "search", "tokens", "distinct", "strategy"]
    assert "\n\ngreedy\nOnce upon" in out
    assert "beam, repetition_penalty 1.4\nOnce upon" in out
    assert "\nseed=3\n" in out


def test_sampler(console: Console, demo_model: EngineModel) -> None:
    options = ["--temperature", "2", "--top-k", "9", "--top-p", "0.8"]
    answer = console.json("sampler", PROMPT, *options)
    result = demo_model.answer(SamplerQuestion(PROMPT, 2.0, 9, 0.8, 1.0))
    expected = json.loads(json.dumps(stages_object(result, demo_model.info)))
    names = ["repetition_penalty", "temperature", "top_k", "top_p"]
    assert [stage["name"] for stage in answer["stages"]] == names
    assert [stage["is_on"] for stage in answer["stages"]] == [False, True, True, True]
    assert [stage["tokens_cut"] for stage in answer["stages"]] == [stage["tokens_cut"] for stage in expected["stages"]]

    sweep = [(point.temperature, point.tokens_left) for point in result.temperature_sweep]
    assert [(point["temperature"], point["tokens_left"]) for point in answer["temperature_sweep"]] == sweep
    assert [point["entropy_bits"] for point in answer["temperature_sweep"]] == pytest.approx(
        [point.entropy for point in result.temperature_sweep], abs=1e-5
    )

    out, _ = console.run("sampler", PROMPT, *options, "--model", "demo")
    assert "repetition_penalty off" in out
    assert "rank 10, beyond top_k 9" in out
    assert "enough for top_p 0.8" in out


def test_sampler_with_every_stage(console: Console, demo_model: EngineModel) -> None:
    values: dict[str, float] = {
        "min_p": 0.1, "top_h": 0.8, "typical_p": 0.9, "epsilon_cutoff": 0.02, "eta_cutoff": 0.3,
        "no_repeat_ngram_size": 1,
    }  # fmt: skip
    options = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    prompt = "The old man looked at the"
    answer = console.json("sampler", prompt, *options)
    result = demo_model.answer(SamplerQuestion.from_options(prompt, **values))  # type: ignore[arg-type]  # of both kinds
    assert [stage["name"] for stage in answer["stages"]] == list(STAGES)
    assert [stage["tokens_cut"] for stage in answer["stages"]] == [stage.tokens_cut for stage in result.stages]
    out, _ = console.run("sampler", prompt, *options, "--model", "demo")
    reasons = {
        "no_repeat_ngram_size": r"it is already in the text",
        "top_h": r"rank \d+, beyond 0\.8 of the entropy",
        "top_k": r"rank 51, beyond top_k 50",
        "top_p": r"\d+ more probable tokens have \d+\.\d\d%, enough for top_p 0\.95",
        "typical_p": r"its \d+\.\d\d bits are too far from the entropy, \d+\.\d\d bits",
        "epsilon_cutoff": r"below epsilon_cutoff 0\.02",
        "eta_cutoff": r"below \d+\.\d\d%, the limit at \d+\.\d\d bits of entropy",
    }
    cutting = [stage.name for stage in result.stages if stage.cut]
    assert cutting == list(reasons)
    for name, reason in reasons.items():
        assert re.search(rf"^{name} cut\n.+ \(\d+\.\d\d%\): {reason}$", out, re.MULTILINE), name
    out, _ = console.run("sampler", PROMPT, "--min-p", "0.1", "--top-p", "1", "--model", "demo")
    assert re.search(r"^min_p cut\n.+: below 0\.1 of the likeliest one's \d+\.\d\d%$", out, re.MULTILINE)


def test_continue_takes_every_stage(console: Console) -> None:
    options = ["--strategy", "sample", "--seed", "4", "--min-p", "0.05", "--top-h", "0.9", "--typical-p", "0.8"]
    options += ["--epsilon-cutoff", "0.001", "--eta-cutoff", "0.002", "--no-repeat-ngram-size", "2"]
    answer = console.json("continue", PROMPT, *options)
    parameters = {"min_p": 0.05, "top_h": 0.9, "typical_p": 0.8, "epsilon_cutoff": 0.001, "eta_cutoff": 0.002}
    assert answer["parameters"] | parameters | {"no_repeat_ngram_size": 2} == answer["parameters"]
    greedy = console.json("continue", PROMPT, "--no-repeat-ngram-size", "1", "--max-new-tokens", "12")
    ids = [*greedy["input_ids"], *greedy["output_ids"]]
    assert not set(greedy["output_ids"]) & set(greedy["input_ids"])
    assert len(set(ids)) == len(ids)


def test_contrast(console: Console, demo_model: EngineModel) -> None:
    a, b = "The nurse said that", "The doctor said that"
    answer = console.json("contrast", a, b)
    result = demo_model.answer(ContrastQuestion(a, b))
    assert list(answer) == ["command", "model", "a", "b", "kl_a_b_bits", "kl_b_a_bits", "js_bits", "movers"]
    assert_same_json(answer, json.loads(json.dumps(contrast_object(result, demo_model.info))))
    assert (answer["command"], answer["model"], answer["a"], answer["b"]) == ("contrast", MODEL, a, b)
    assert list(answer["movers"][0]) == ["id", "token", "log_probability_a", "log_probability_b"]

    out, err = console.run("contrast", a, b, "--model", "demo")
    assert err == ""
    table, figures = out.split("\n\n")
    assert table.splitlines()[0].split() == ["after", "a", "after", "b", "token"]
    assert len(table.splitlines()) == 1 + len(result.movers)
    assert figures.startswith(f"{result.js_bits:.3f} bits Jensen-Shannon: ")

    out, _ = console.run("contrast", a, a, "--model", "demo")
    assert out.startswith("No token moved: both distributions are the same.\n\n0 bits Jensen-Shannon")
    same = console.json("contrast", a, a)
    assert (same["kl_a_b_bits"], same["kl_b_a_bits"], same["js_bits"], same["movers"]) == (0.0, 0.0, 0.0, [])


def test_an_explained_verdict(console: Console, demo_model: EngineModel) -> None:
    review = "I laughed all the way,\nbut the ending was bad."
    answer = console.json("sentiment", review, "--explain")
    plain, evidence = console.json("sentiment", review), demo_model.answer(EvidenceQuestion(review))
    assert {name: answer[name] for name in ("command", "model", "label")} == {
        name: plain[name] for name in ("command", "model", "label")
    }
    assert answer["margin"] == pytest.approx(plain["logits"]["positive"] - plain["logits"]["negative"], abs=1e-3)
    assert [word["text"] for word in answer["words"]] == review.split()
    assert [word["effect"] for word in answer["words"]] == pytest.approx(
        [word.effect for word in evidence.words], abs=1e-3
    )
    assert [review[word["start"] : word["end"]] for word in answer["words"]] == review.split()
    assert answer["words_together"] == 1
    calibration = answer["calibration"]
    assert calibration["label"] == evidence.calibration.label
    assert sum(calibration["content_free"].values()) == pytest.approx(1)
    assert calibration["probabilities"]["positive"] == pytest.approx(
        evidence.calibration.positive_probability, abs=1e-4
    )

    out, err = console.run("sentiment", review, "--explain", "--model", "demo")
    assert err == ""
    assert out.startswith(f"{evidence.sentiment.label}\n\n")
    assert [line.split()[-1] for line in out.split("\n\n")[3].split("\n")[1:-1]] == review.split()
    assert f"{evidence.margin:+.2f} margin of the whole review\n" in out
    assert re.search(rf"% {evidence.sentiment.label} raw \(the verdict\)\n", out)
    assert re.search(rf"% {evidence.calibration.label} calibrated\n", out)
    assert re.search(r"% +reviews without content\n", out)

    long, _ = console.run("sentiment", "good film. " * 70, "--explain", "--model", "demo")
    assert "3 words left out at a time (above 0" in long


def test_why(console: Console, demo_model: EngineModel) -> None:
    options = ["--token", "said", "--instead-of", "the"]
    answer = console.json("why", PROMPT, *options)
    result = demo_model.answer(WhyQuestion(PROMPT, "said", "the"))
    assert answer["command"] == "why"
    assert answer["model"] == MODEL
    assert answer["prompt"] == PROMPT
    assert answer["token"]["id"] == result.token.token.id
    assert answer["instead_of"]["id"] == result.instead_of.token.id
    assert answer["difference"] == pytest.approx(answer["token"]["logit"] - answer["instead_of"]["logit"], abs=1e-6)
    assert [word["text"] for word in answer["words"]] == PROMPT.split()
    assert [PROMPT[word["start"] : word["end"]] for word in answer["words"]] == PROMPT.split()
    assert [word["effect"] for word in answer["words"]] == pytest.approx(
        [word.effect for word in result.words], abs=1e-4
    )
    assert answer["words_together"] == 1

    out, err = console.run("why", PROMPT, *options, "--model", "demo")
    assert err == ""
    headline, tokens, words, note = out.split("\n\n")
    token, other = (visible_token(entry.token.text) for entry in (result.token, result.instead_of))
    expected = f"Why not “{token}” but “{other}”" if result.difference < 0 else f"Why “{token}” and not “{other}”"
    assert headline == expected
    assert tokens.split("\n")[0].split() == ["#", "prob.", "logit", "token"]
    assert [line.split()[-1] for line in words.split("\n")[1:-1]] == PROMPT.split()
    assert words.split("\n")[-1] == f"{result.difference:+.2f} difference".rjust(len("effect") + len(" difference"))
    assert note.startswith("An effect is not a cause")

    long, _ = console.run("why", "a dark and stormy night " * 30, "--model", "demo")
    assert "3 words left out at a time (above 0" in long


def test_why_of_one_word_has_no_words_and_no_picture(console: Console) -> None:
    assert console.json("why", "Once")["words"] == []
    out, err = console.run("why", "Once", "--png", "out.png", "--model", "demo", code=2)
    assert "No word was left out: the prompt can't be empty" in out
    assert err.startswith("nightword: The picture of --png was not written. No word was left out")


def test_a_walk_that_has_ended_has_a_picture_of_its_path(console: Console, demo_model: EngineModel) -> None:
    end = demo_model.engine.codec.end_ids
    options = ["--after-ids", str(min(end)), "--model", "demo"]
    out, err = console.run("topk", PROMPT, *options)
    assert "The text has ended." in out
    assert err == ""
    console.run("topk", PROMPT, *options, "--png", "out.png")
    ended = demo_model.answer(TopKQuestion(PROMPT, 10, (min(end),)))
    assert without_receipt(Path("out.png")) == walk_picture(ended).png


def test_a_walk_in_the_terminal(console: Console, demo_model: EngineModel) -> None:
    ids = [candidate.token.id for candidate in demo_model.answer(TopKQuestion(PROMPT, 2)).next_tokens.candidates]
    own = demo_model.answer(TopKQuestion(PROMPT, 3, tuple(ids), 0.7))
    answer = console.json("topk", PROMPT, "-k", "3", "--after-ids", ",".join(map(str, ids)), "--temperature", "0.7")
    assert [step["id"] for step in answer["steps"]] == ids
    assert answer["log_probability"] == pytest.approx(own.log_probability, abs=1e-5)
    for shown, candidate in zip(answer["tokens"], own.candidates, strict=True):
        assert shown["id"] == candidate.candidate.token.id
        assert shown["probability_at_temperature"] == pytest.approx(candidate.probability_at_temperature, abs=1e-5)
    out, _ = console.run("topk", PROMPT, "--after-ids", ",".join(map(str, ids)), "--model", "demo")
    assert "log-probability of the path" in out
    wrong = console.error("topk", PROMPT, "--after-ids", "1,x", code=2)
    assert "'1,x' is not a list of ids: write numbers separated by commas, such as 12,345" in wrong
