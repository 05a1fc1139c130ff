"""The benchmark's page: made from runs of several machines, with the targets that each reached."""

from typing import Any

import pytest

from benchmarks.machine import file_name
from benchmarks.page import RESULTS, render, run_files
from benchmarks.turns import SPEEDS as SPEEDS_ONLY
from benchmarks.turns import WHOLE, take_turns


def system(speed: float, reviews: float, **more: Any) -> dict[str, Any]:
    return {"tokens_per_second": {"30": {"1": speed, "8": 5 * speed}}, "reviews_per_second": reviews, **more}


def engine(speed: float, reviews: float) -> dict[str, Any]:
    return system(
        speed,
        reviews,
        model={"parameters": 500_000_000, "dtype": "bfloat16", "engine_path": ""},
        newcomer={"others": 15, "first_token_seconds": 0.6, "alone_seconds": 0.2},
        estimate={"seen": 9, "wait_seconds": 4.0, "error_seconds": 0.8, "p95": 2.0},
        continuations=[{"event_loop_lag_seconds": {"p99": 0.004}}],
    )


def make_run(date: str, processor: str, **systems: dict[str, Any]) -> dict[str, Any]:
    names = {"base": "the notebooks' way, float32", "vllm": "vLLM, bfloat16", "bfloat16": "Nightword, bfloat16"}
    return {
        "date": date,
        "command": "make bench-peers",
        "machine": {
            "processor": processor,
            "instructions": ["avx512_bf16"],
            "cores": 2,
            "python": "3.11",
            "versions": {"torch": "2"},
            "bytes_per_second": 20e9,
        },
        "work": {"new_tokens": 32, "prompt_words": 30, "review_words": 60, "long_prompt_words": 500, "turns": 3},
        "models": [{"name": "a model", "systems": {names[key]: figures for key, figures in systems.items()}}],
        "precision": {},
    }


NEWEST = make_run("2026-11-26", "Fast", base=system(8.0, 1.0), vllm=system(10.0, 10.0), bfloat16=engine(12.0, 11.0))
SPEEDS = ((12.0, 12.0), (13.0, 10.0))  # of the engine and of vLLM, in each turn
NEWEST["models"][0]["turns"] = [
    {"vLLM, bfloat16": system(vllm, 10.0), "Nightword, bfloat16": system(ours, 11.0)} for ours, vllm in SPEEDS
]
EARLIER = make_run("2026-11-20", "Slow", base=system(3.0, 1.0), bfloat16=engine(2.0, 2.0))


@pytest.mark.parametrize(
    "row",
    [
        "| bfloat16, 1 at a time | vLLM, bfloat16 | at least 1.1× | 1.20× | yes | 1.00× to 1.30× |",
        "|  | llama.cpp, bfloat16 | at least 1× | not measured |  |  |",
        "|  | memory limit | at least 0.85× | 0.60× | no |  |",
        "| bfloat16, 8 at once | vLLM, bfloat16 | at least 1.1× | 1.20× | yes | 1.00× to 1.30× |",
        "| scoring, bfloat16 | vLLM, bfloat16 | at least 1.2× | 1.10× | no | 1.10× to 1.10× |",
        "| first token beside 15 others | alone | at most 1.8× | 3.00× | no |  |",
        "| error of the estimated wait | the wait | at most 0.25× | 0.20× | yes |  |",
        "| event loop's lag, p99 |  | at most 20 ms | 4 ms | yes |  |",
    ],
)
def test_the_newest_run_is_held_against_the_targets(row: str) -> None:
    assert row in render([NEWEST, EARLIER]).splitlines()


def test_what_only_one_turn_measured_has_no_range() -> None:
    assert "| memory limit | at least 0.85× | 0.60× | no |" in render([NEWEST])
    first = render([NEWEST | {"models": [NEWEST["models"][0] | {"turns": NEWEST["models"][0]["turns"][:1]}]}])
    assert "| bfloat16, 1 at a time | vLLM, bfloat16 | at least 1.1× | 1.20× | yes |  |" in first


def test_systems_take_turns_and_have_the_median_of_each_figure() -> None:
    extents: list[str] = []
    speeds = iter([3.0, 9.0, 4.0])

    def measure(extent: str) -> dict[str, Any]:
        extents.append(extent)
        whole = {"newcomer": {"others": 15}, "bursts": [{"p99": 1.0}]} if extent == WHOLE else {"newcomer": None}
        ours = {"model": "demo", "speeds": {"1": next(speeds)}, **whole}
        return {"ours": ours} if len(extents) == 2 else {"theirs": {"speeds": {"1": 7.0}}, "ours": ours}

    figures = take_turns(measure, 3)
    assert extents == [WHOLE, SPEEDS_ONLY, SPEEDS_ONLY]
    assert figures["systems"] == {
        "theirs": {"speeds": {"1": 7.0}},
        "ours": {"model": "demo", "speeds": {"1": 4.0}, "newcomer": {"others": 15}, "bursts": [{"p99": 1.0}]},
    }
    assert [turn["ours"]["speeds"]["1"] for turn in figures["turns"]] == [3.0, 9.0, 4.0]


def test_machines_are_never_combined() -> None:
    newest, earlier = render([NEWEST, EARLIER]).split("## Other runs")
    assert "| Nightword, bfloat16 | 12.0 (1.5×) | 60.0 (7.5×) |" in newest
    assert "Slow" not in newest
    assert "### 2026-11-20: Slow" in earlier
    assert "| Nightword, bfloat16 | 2.0 (0.7×) | 10.0 (3.3×) |" in earlier


def test_a_run_s_file_is_named_after_its_date_and_processor() -> None:
    machine = {"processor": "Intel(R) Xeon(R) Processor", "instructions": ["avx2", "amx_bf16", "amx_int8"]}
    assert file_name("2026-11-26", machine) == "2026-11-26-intel-xeon-processor-amx_bf16-amx_int8.json"


def test_the_stored_page_is_the_one_of_the_stored_runs() -> None:
    assert (RESULTS.parent / "results.md").read_text() == render(run_files())
