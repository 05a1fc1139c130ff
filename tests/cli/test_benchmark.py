"""`nightword bench`: consistent figures, and a clear error for a wrong option. No speed is asserted."""

import json
import subprocess
import sys

import pytest

from bot.cli.main import run


@pytest.mark.slow
def test_it_measures_concurrent_requests_and_reviews(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "bench",
        "--model",
        "demo",
        "--concurrency",
        "1,3",
        "--prompt-words",
        "30,50",
        "--new-tokens",
        "4",
        "--reviews",
        "2",
    ]
    assert run([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["model"]["name"] == "demo"
    assert figures["model"]["dtype"] == "float32"
    measured = [(burst["prompt_words"], burst["concurrency"]) for burst in figures["continuations"]]
    assert measured == [(30, 1), (30, 3), (50, 1), (50, 3)]
    for burst in figures["continuations"]:
        assert burst["tokens_per_second"] > 0
        assert burst["first_token_seconds"] > 0
        assert 0 < burst["token_seconds"]["median"] <= burst["token_seconds"]["p95"]
        assert burst["event_loop_lag_seconds"]["median"] <= burst["event_loop_lag_seconds"]["p99"]
    assert figures["reviews_per_second"] > 0
    assert figures["peak_memory_bytes"] > 4 * figures["model"]["parameters"]
    assert figures["newcomer"]["first_token_seconds"] > 0
    assert run([*arguments, "--reviews", "0"]) == 0
    table = capsys.readouterr().out
    assert table.startswith("demo, 5,773,568 parameters, float32 on cpu\nmedians of 3 rounds, 4 new tokens each\n")
    assert "reviews/s: not measured" in table
    assert "first token, new request:" in table
    assert run([*arguments, "--rounds", "1", "--no-waiting"]) == 0
    table = capsys.readouterr().out
    assert "\none round, 4 new tokens each\n" in table
    assert "new request" not in table


@pytest.mark.parametrize("people", ["", "0", "1,x", "257", "1;2"])
def test_an_invalid_concurrency_is_refused(people: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--concurrency", people]) == 2
    assert capsys.readouterr().err == (
        f"nightword: --concurrency is {people!r}, but must be whole numbers from 1 to 256 separated by commas\n"
    )


def test_prompts_of_invalid_lengths_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--prompt-words", "30,3000"]) == 2
    assert "--prompt-words is '30,3000', but must be whole numbers from 1 to 2000" in capsys.readouterr().err


def test_the_peak_memory_is_not_that_of_the_process_that_started_this_one() -> None:
    started = subprocess.run([sys.executable, "-c", FROM_A_LARGE_PROCESS], check=True, capture_output=True, text=True)  # noqa: S603  # our own program
    assert 1_000_000 < int(started.stdout) < LARGE


LARGE = 400_000_000
FROM_A_LARGE_PROCESS = f"""
import subprocess, sys
large = bytearray(b"x") * {LARGE}
subprocess.run([sys.executable, "-c", "from bot.cli.bench.memory import peak_memory; print(peak_memory())"], check=True)
"""
