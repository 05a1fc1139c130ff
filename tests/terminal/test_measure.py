"""`nightword measure`: a report and JSON on a file of labelled texts, for the demo model."""

import hashlib
import json
import sys
from operator import and_
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, precision_score, recall_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from bot.decisions.cases import parse_cases
from bot.decisions.presets import preset
from bot.engine.model import EngineModel
from bot.engine.transformers import loading
from bot.questions.decision import DecisionBatchQuestion, DecisionReading
from bot.terminal.console import lines_of
from tests.conftest import SHARED, need_shared
from tests.console import MODEL, Console

GOOD = ("I laughed all the way home", "A warm and funny film", "The best film of the year", "She is wonderful in it")
BAD = ("A dull and empty film", "I was bored all the way home", "The worst film of the year", "He is terrible in it")
TEXTS = [
    (f"{text}, {where}.", label)
    for where in ("in the summer", "on a cold night", "with my sister")
    for texts, label in ((GOOD, "positive"), (BAD, "negative"))
    for text in texts
]


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel) -> None:
    monkeypatch.setattr(loading, "load_model", lambda *_, **__: demo_model)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "reviews.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in TEXTS))
    return str(path)


def held_out(cases: list[tuple[str, str]], development: int) -> list[tuple[str, str]]:
    """The cases that are held out: all but those whose text in lower case has the smallest hashes."""
    ordered = sorted(cases, key=lambda case: hashlib.sha256(case[0].lower().encode()).hexdigest())
    return ordered[development:]


def judge(model: EngineModel, name: str, cases: list[tuple[str, str]], flag: str) -> list[float]:
    """The probability of the label that flags for each text; below all thresholds if the model has no verdict."""
    answers = model.answer(DecisionBatchQuestion(preset(name).decision, tuple(text for text, _ in cases)))
    found = []
    for answer in answers:
        assert isinstance(answer, DecisionReading)
        probability = next(score.probability for score in answer.labels if score.label == flag)
        found.append(-1.0 if answer.verdict is None else probability)
    return found


def check_figures(question: dict[str, Any], truths: list[bool], scores: list[float]) -> None:
    """Assert that every figure of a question is that of scikit-learn and statsmodels on the same verdicts."""
    count, known = len(truths), [number for number, score in enumerate(scores) if score >= 0]
    assert (question["held_out"]["texts"], question["held_out"]["flagging"]) == (count, sum(truths))
    assert question["held_out"]["without_verdict"] == count - len(known)
    for figures in (question["at_threshold"], *question["thresholds"]):
        flagged = [score >= figures["threshold"] for score in scores]
        right = [
            score >= 0 and (score >= figures["threshold"]) == truth for score, truth in zip(scores, truths, strict=True)
        ]
        both = sum(map(and_, truths, flagged))
        precision = precision_score(truths, flagged) if any(flagged) else None
        expected = {
            "right": (accuracy_score([True] * count, right), sum(right), count),
            "flagged": (sum(flagged) / count, sum(flagged), count),
            "recall": (recall_score(truths, flagged), both, sum(truths)),
            "precision": (precision, both, sum(flagged)),
        }
        for name, (share, hits, of) in expected.items():
            assert figures[name]["value"] == (None if share is None else pytest.approx(share))
            assert (figures[name]["count"], figures[name]["of"]) == (hits, of)
            interval = proportion_confint(hits, of, method="wilson") if of else (0, 1)
            assert figures[name]["interval"] == pytest.approx(list(interval), abs=1e-9)
    assert question["base_rate"]["value"] == pytest.approx(sum(truths) / count)
    assert question["auc"]["value"] == pytest.approx(roc_auc_score(truths, scores))
    known_truths, known_scores = [truths[number] for number in known], [scores[number] for number in known]
    assert question["brier"]["value"] == pytest.approx(brier_score_loss(known_truths, known_scores), abs=1e-5)
    shares, means = calibration_curve(known_truths, known_scores, n_bins=10)
    bins = [bin_ for bin_ in question["bins"] if bin_["share"]["of"]]
    assert [bin_["share"]["value"] for bin_ in bins] == pytest.approx(list(shares))
    assert [bin_["mean"] for bin_ in bins] == pytest.approx(list(means), abs=1e-5)


def test_every_figure_is_that_of_scikit_learn(console: Console, file: str, demo_model: EngineModel) -> None:
    answer = console.json("measure", file, "--preset", "sentiment", "--development", "8", "--per-day", "300")
    assert (answer["command"], answer["model"], answer["texts"]) == ("measure", MODEL, 24)
    assert answer["comparison"] is None
    (question,) = answer["questions"]
    assert question["flag"] == " negative"
    assert question["question"] == preset("sentiment").decision.question
    cases = held_out(TEXTS, 8)
    scores = judge(demo_model, "sentiment", cases, " negative")
    check_figures(question, [label == "negative" for _, label in cases], scores)
    assert question["at_threshold"] in question["thresholds"]
    assert question["at_threshold"]["threshold"] == question["threshold"]
    for figures in question["thresholds"]:
        assert figures["flags_a_day"]["value"] == pytest.approx(300 * figures["flagged"]["count"] / 16)
    assert [entry["quantile"] for entry in question["label_mass"]] == [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]


@pytest.mark.slow
def test_every_figure_on_real_reviews_is_that_of_scikit_learn(console: Console, demo_model: EngineModel) -> None:
    path = need_shared(SHARED / "labelled" / "film_reviews.tsv")
    file = parse_cases(lines_of(path.read_text()), path.name)
    (question,) = console.json("measure", str(path), "--preset", "sentiment", "--development", "64")["questions"]
    cases = held_out([(case.text, case.label) for case in file.cases], 64)
    scores = judge(demo_model, "sentiment", cases, " negative")
    check_figures(question, [label == "negative" for _, label in cases], scores)


def test_two_questions_are_compared(console: Console, file: str, demo_model: EngineModel) -> None:
    options = ["--preset", "sentiment", "--against", "sentiment-short", "--development", "8"]
    answer = console.json("measure", file, *options)
    first, second = answer["questions"]
    assert (first["name"], second["name"]) == ("sentiment", "sentiment-short")
    comparison = answer["comparison"]
    counts = [comparison[key] for key in ("both_right", "only_first_right", "only_second_right", "none_right")]
    assert sum(counts) == comparison["texts"] == 16
    assert comparison["both_right"] + comparison["only_first_right"] == first["at_threshold"]["right"]["count"]
    assert comparison["both_right"] + comparison["only_second_right"] == second["at_threshold"]["right"]["count"]
    assert comparison["p_value"] == pytest.approx(mcnemar([counts[:2], counts[2:]], exact=True).pvalue)
    report, _ = console.run("measure", file, *options, "--model", "demo")
    assert "sentiment against sentiment-short" in report
    assert "McNemar's exact test: p = " in report


def test_the_order_of_the_file_changes_nothing(console: Console, file: str, tmp_path: Path) -> None:
    header, *lines = Path(file).read_text().splitlines(keepends=True)
    turned = tmp_path / "turned.tsv"
    turned.write_text("".join([header, *reversed(lines)]))
    answer = console.json("measure", file, "--preset", "sentiment")
    again = console.json("measure", str(turned), "--preset", "sentiment")
    (question,), (other,) = answer["questions"], again["questions"]
    for name in ("development", "held_out", "base_rate", "right_by_best_label"):
        assert question[name] == other[name]
    for name in ("right", "precision", "recall", "flagged"):
        assert question["at_threshold"][name] == other["at_threshold"][name]
    # Texts that are computed together in another way differ by rounding.
    assert question["threshold"] == pytest.approx(other["threshold"], abs=1e-5)
    assert question["brier"]["value"] == pytest.approx(other["brier"]["value"], abs=1e-5)


@pytest.mark.parametrize("calibration", ["contextual", "batch"])
def test_calibration(console: Console, file: str, calibration: str) -> None:
    (question,) = console.json("measure", file, "--preset", "sentiment", "--calibration", calibration)["questions"]
    assert question["calibration"]["method"] == calibration
    assert sum(question["calibration"]["prior"]) == pytest.approx(1)
    report, _ = console.run("measure", file, "--preset", "sentiment", "--calibration", calibration, "--model", "demo")
    assert f"Calibration: {calibration} (divides by ·positive " in report


def test_json_lines_from_a_pipe_with_authors_and_weights(console: Console) -> None:
    rows = [
        {
            "text": text,
            "label": "good" if label == "positive" else "bad",
            "author": number % 6,
            "weight": 1 + number % 2,
        }
        for number, (text, label) in enumerate(TEXTS)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    maps = ["--map", "good= positive", "--map", "bad=Negative"]
    answer = console.json("measure", "-", "--preset", "sentiment", *maps, stdin=lines)
    (question,) = answer["questions"]
    assert answer["file"] == "standard input"
    assert question["is_weighted"] is True
    assert (question["development"]["groups"], question["development"]["texts"]) == (2, 8)
    assert (question["held_out"]["groups"], question["held_out"]["texts"]) == (4, 16)
    report, _ = console.run("measure", "-", "--preset", "sentiment", *maps, "--model", "demo", stdin=lines)
    assert "24 texts, 6 groups by author and text" in report
    assert "weighted" in report


def test_a_question_of_one_s_own(console: Console, file: str) -> None:
    options = ["--template", "{text} It was", "--label", " positive", "--label", " negative"]
    (question,) = console.json("measure", file, *options)["questions"]
    assert (question["name"], question["flag"]) == ("template", " positive")
    (question,) = console.json("measure", file, *options, "--flag", "negative")["questions"]
    assert question["flag"] == " negative"


def test_a_text_that_cannot_be_judged_is_named_and_counts_as_not_right(console: Console, file: str) -> None:
    with Path(file).open("a") as opened:
        opened.write(f"{'so long ' * 3000}\tnegative\n")
    options = ["--preset", "sentiment", "--development", "8", "--model", "demo"]
    out, err = console.run("measure", file, *options, "--json")
    assert err.startswith("nightword: line 26: The text with the question around it has ")
    (question,) = json.loads(out)["questions"]
    assert question["held_out"]["failed"] == question["held_out"]["without_verdict"] == 1
    assert question["held_out"]["texts"] == question["at_threshold"]["right"]["of"] == 17


def test_a_column_that_is_not_used_is_named(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "reviews.tsv"
    path.write_text("user\ttext\tlabel\n" + "".join(f"1\t{text}\t{label}\n" for text, label in TEXTS))
    out, err = console.run("measure", str(path), "--preset", "sentiment", "--model", "demo", "--json")
    assert err.endswith("'user' is not used; only text, label, author and weight are.\n")
    assert json.loads(out)["unused_columns"] == ["user"]


def test_the_picture_is_written(console: Console, file: str, tmp_path: Path) -> None:
    console.run("measure", file, "--preset", "sentiment", "--model", "demo", "--png", str(tmp_path / "out.png"))
    with Image.open(tmp_path / "out.png") as image:
        assert image.width == 800


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--preset", "spam"], "The label 'positive' is none of the question's"),
        (["--preset", "sentiment", "--map", "positive"], "--map positive has no equals sign"),
        (["--preset", "sentiment", "--map", "good= positive"], "the file has no label 'good'"),
        (["--preset", "sentiment", "--map", "positive=x", "--map", "positive=y"], "the label 'positive' twice"),
        (["--preset", "sentiment", "--development", "24"], "24 cases can't be divided into 24 for development"),
        (["--preset", "sentiment", "--min-precision", "2"], "min_precision is 2.0, but must be from 0.01 to 1"),
        (["--preset", "sentiment", "--flag", "neutral"], "The label 'neutral' is none of the question's"),
        (["--preset", "sentiment", "--against", "spam"], "The label 'positive' is none of the question's"),
        ([], "What to decide is missing"),
    ],
)
def test_what_cannot_be_measured_is_refused(console: Console, file: str, options: list[str], problem: str) -> None:
    assert problem in console.error("measure", file, *options, "--model", "demo", code=2)


def test_without_the_extra_the_error_names_it(console: Console, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    problem = console.error("measure", file, "--preset", "sentiment", code=78)
    assert 'pip install "nightword[measure]"' in problem


@pytest.mark.parametrize("name", ["film_reviews", "sms_spam"])
def test_the_files_of_real_texts_can_be_read(name: str) -> None:
    path = need_shared(SHARED / "labelled" / f"{name}.tsv")
    file = parse_cases(lines_of(path.read_text()), path.name)
    assert len(file.cases) == {"film_reviews": 800, "sms_spam": 600}[name]
    assert file.unused == ()
