"""Write benchmarks/results.md and its picture from all runs in benchmarks/results: `python -m benchmarks.page`.

Figures of different machines are never combined: each run has its own tables.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.machine import in_words
from benchmarks.picture import draw
from benchmarks.targets import Target, check_targets
from benchmarks.work import LONG_PROMPT_PEOPLE, PEOPLE

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "benchmarks" / "results.md"
PICTURE = ROOT / "docs" / "pictures" / "benchmark.png"
BASE = "the notebooks' way, float32"

Run = dict[str, Any]
Row = list[str]


def write() -> None:
    """Write the page and the picture. The newest run comes first, in full."""
    runs = run_files()
    PAGE.write_text(render(runs))
    newest = runs[0]
    draw(newest["models"][0]["systems"], in_words(newest["date"], newest["machine"]), PICTURE)


def run_files() -> list[Run]:
    """Return the stored runs, the newest first, and those on an accelerator last.

    Names of a machine's later runs on a day end in a number.
    """
    files = sorted(RESULTS.glob("*.json"), key=lambda file: file.stem, reverse=True)
    return sorted((json.loads(file.read_text()) for file in files), key=_has_accelerator)


def render(runs: list[Run]) -> str:
    """Return the page. `runs` are the newest first."""
    newest, *earlier = runs
    work = newest["work"]
    lines = [
        "# Benchmark",
        "",
        "Written by `python -m benchmarks.page` from the raw figures in [results/](results/), one file for each run. "
        "Only compare figures of one run: machines differ.",
        "",
        f"`{newest['command']}` on {in_words(newest['date'], newest['machine'])}.",
        f"Prompts of {work['prompt_words']} words, {work['new_tokens']} new tokens, reviews of {work['review_words']} "
        f"words; {_repetitions(work)}. One system was measured at a time, each with all cores.",
        "",
        "![The same figures as bars](../docs/pictures/benchmark.png)",
        "",
    ]
    for model in newest["models"]:
        lines += [f"## {model['name'][0].upper()}{model['name'][1:]}", "", *_model(model, newest)]
    lines += _precision(newest["precision"])
    if earlier:
        lines += ["## Other runs", ""]
    for run in earlier:
        lines += [f"### {in_words(run['date'], run['machine'])}", ""]
        for model in run["models"]:
            lines += [f"{model['name']}{_reached(model, run)}.", "", *_speeds(model)]
    return "\n".join(lines)


def _has_accelerator(run: Run) -> bool:
    return run["machine"].get("accelerator") is not None


def _repetitions(work: dict[str, Any]) -> str:
    turns = work.get("turns")
    if turns is None:
        return f"medians of {work['rounds']} rounds"
    return f"medians of {turns} turns, in each of which all systems were measured" if turns > 1 else "measured once"


def _model(model: dict[str, Any], run: Run) -> Iterator[str]:
    yield from _targets(model, run)
    yield from _speeds(model)
    yield from _long_prompts(model, run["work"])
    yield from _waiting(model)
    yield from _growth(model)
    yield from _profiles(model)


def _reached(model: dict[str, Any], run: Run) -> str:
    """Return how many targets were reached. They are for processors."""
    if _has_accelerator(run):
        return ""
    measured = [target for target in check_targets(run, model) if target.ratio is not None]
    return f": {sum(target.is_reached for target in measured)} of {len(measured)} measured targets reached"


def _targets(model: dict[str, Any], run: Run) -> list[str]:
    turns = [list(check_targets(run, {"systems": systems})) for systems in model.get("turns", [])]
    rows = [
        [
            target.what,
            target.against,
            target.limit,
            "not measured" if target.ratio is None else target.figure,
            "" if target.ratio is None else "yes" if target.is_reached else "no",
            _range([turn[number] for turn in turns]),
        ]
        for number, target in enumerate(check_targets(run, model))
    ]
    bandwidth = run["machine"]["bytes_per_second"] / 1e9
    note = f"The memory limit is the bytes of the weights, read at {bandwidth:.1f} GB/s (the sum of 800 MB)."
    headings = ["", "against", "target", "measured", "reached", "in the turns"]
    return ["### Targets", "", *_table(headings, rows), note, ""]


def _range(turns: list[Target]) -> str:
    """Return the lowest and the highest ratio of several turns, or "" if only one of them has it."""
    known = sorted((turn for turn in turns if turn.ratio is not None), key=lambda turn: turn.ratio or 0.0)
    return f"{known[0].figure} to {known[-1].figure}" if len(known) > 1 else ""


def _speeds(model: dict[str, Any]) -> list[str]:
    systems = model["systems"]
    base = systems.get(BASE)
    all_people = [people for people in PEOPLE if any(_speed(figures, people) for figures in systems.values())]

    def cell(value: float | None, of_base: Callable[[dict[str, Any]], float | None]) -> str:
        known = None if base is None else of_base(base)
        if value is None:
            return ""
        return f"{value:.1f}" if not known else f"{value:.1f} ({value / known:.1f}×)"

    rows = []
    for name, figures in systems.items():
        cells = [cell(_speed(figures, people), lambda base: _speed(base, 1)) for people in all_people]
        first = figures.get("first_token_seconds", {}).get("30", {}).get("1")
        memory = figures.get("peak_memory_bytes")
        rows.append([
            name, *cells, cell(figures["reviews_per_second"], lambda base: base["reviews_per_second"]),
            "" if first is None else f"{first:.2f} s", "" if memory is None else f"{memory / 1e9:.1f} GB",
        ])  # fmt: skip
    headings = [*(f"tokens/s, {people} at once" for people in all_people), "reviews/s", "first token", "peak memory"]
    note = f"In brackets: relative to {BASE}, which runs one request at a time."
    return [*_table(["", *headings], rows), note, ""]


def _speed(figures: dict[str, Any], people: int, words: int = 30) -> float | None:
    speed: float | None = figures["tokens_per_second"].get(str(words), {}).get(str(people))
    return speed


def _long_prompts(model: dict[str, Any], work: dict[str, Any]) -> list[str]:
    words = work["long_prompt_words"]
    rows = []
    for name, figures in model["systems"].items():
        speeds = [_speed(figures, people, words) for people in LONG_PROMPT_PEOPLE]
        first = figures.get("first_token_seconds", {}).get(str(words), {})
        waits = [first.get(str(people)) for people in LONG_PROMPT_PEOPLE]
        if any(speeds):
            rows.append([name, *(_number(speed) for speed in speeds), *(_seconds(wait) for wait in waits)])
    if not rows:
        return []
    headings = [f"{what}, {people} at once" for what in ("tokens/s", "first token") for people in LONG_PROMPT_PEOPLE]
    return [f"### Prompts of {words} words", "", *_table(["", *headings], rows)]


def _waiting(model: dict[str, Any]) -> list[str]:
    rows = []
    for name, figures in model["systems"].items():
        newcomer, estimate = figures.get("newcomer"), figures.get("estimate")
        bursts = figures.get("continuations", [])
        if newcomer is None:
            continue
        beside, alone = newcomer["first_token_seconds"], newcomer["alone_seconds"]
        lag = max((burst["event_loop_lag_seconds"]["p99"] for burst in bursts), default=None)
        rows.append([
            name,
            f"{beside:.2f} s beside {newcomer['others']}, {alone:.2f} s alone",
            f"{beside / alone:.1f}×",
            "" if estimate is None else f"{estimate['error_seconds']:.1f} s of {estimate['wait_seconds']:.1f} s",
            "" if lag is None else f"{lag * 1000:.0f} ms",
        ])  # fmt: skip
    headings = ["", "first token of a new request", "ratio", "error of the estimated wait", "event loop's lag, p99"]
    return ["### Waiting", "", *_table(headings, rows)] if rows else []


def _growth(model: dict[str, Any]) -> list[str]:
    growth = model.get("growth")
    if not growth:
        return []
    all_people = list(next(iter(growth["tokens_per_second"].values())))
    rows = [
        [
            f"{words} words",
            *(
                f"{speeds[people]:.1f} ({_seconds(growth['first_token_seconds'][words][people])})"
                for people in all_people
            ),
        ]
        for words, speeds in growth["tokens_per_second"].items()
    ]
    heading = f"### Growth with the prompt's length and the number of people: Nightword, {growth['dtype']}"
    lines = _table(["prompt", *(f"{people} at once" for people in all_people)], rows)
    return [heading, "", *lines, "Tokens/s, and in brackets the time to the first token.", ""]


def _profiles(model: dict[str, Any]) -> list[str]:
    rows, headings = [], ["", "", "total"]
    for name, figures in model["systems"].items():
        for what, parts in (figures.get("profile") or {}).items():
            whole = sum(parts.values())
            headings = ["", "", "total", *parts]
            rows.append([name, what, f"{whole:.0f} ms", *(f"{value / whole:.0%}" for value in parts.values())])
    if not rows:
        return []
    note = "Measured with torch.profiler. Python is the remaining part of the time without the profiler."
    return ["### Where the time goes", "", *_table(headings, rows), note, ""]


def _precision(distances: dict[str, dict[str, float]]) -> list[str]:
    rows = [
        [
            dtype,
            f"{distance['overlap']:.1%}",
            f"{distance['same_first']:.1%}",
            f"{distance['median_difference']:.4f}",
            f"{distance['p95_difference']:.4f}",
        ]
        for dtype, distance in distances.items()
    ]
    headings = [
        "",
        "common tokens in the top 10",
        "same first token",
        "largest difference of a probability: median",
        "p95",
    ]
    about = "The next token after 200 beginnings of reviews, with the demo model, compared with float32."
    return ["## Effect of lower precision", "", about, "", *_table(headings, rows)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _table(headings: Row, rows: list[Row]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


if __name__ == "__main__":
    write()
