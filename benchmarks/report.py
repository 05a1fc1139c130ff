"""The figures in Markdown, with the machine on which they were measured."""

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path

from benchmarks.figures import PEOPLE, System
from benchmarks.precision import Distance

BASE = "the notebooks' way, float32"
PEER = "vLLM, bfloat16"


def report(
    systems: list[System], distances: dict[str, Distance], bandwidth: float, command: str, new_tokens: int
) -> str:
    """Return all tables. Ratios to a system that was not measured are left out."""
    by_name = {system.name: system for system in systems}
    return "\n".join(
        [
            "# Benchmark",
            "",
            f"`{command}` on {machine()}.",
            "A model with the shape of Qwen2-0.5B (494 million random parameters); prompts of 30 words, "
            f"{new_tokens} new tokens, reviews of 60 words; medians of 3 rounds. Everything was measured in one run, "
            "one system at a time. Only compare figures within this run.",
            "",
            "![The same figures as bars](../docs/pictures/benchmark.png)",
            "",
            *_speeds(systems, by_name[BASE]),
            "",
            *_latencies(systems),
            "",
            *_limits(systems, by_name.get(PEER), bandwidth),
            "",
            *_profiles(systems),
            "",
            "## Effect of lower precision",
            "",
            "The next token after 200 beginnings of reviews, with the demo model, compared with float32.",
            "",
            "| | common tokens in the top 10 | same first token | largest difference of a probability: median | p95 |",
            "|---|---|---|---|---|",
            *(
                f"| {dtype} | {distance.overlap:.1%} | {distance.same_first:.1%} | {distance.median_difference:.4f} "
                f"| {distance.p95_difference:.4f} |"
                for dtype, distance in distances.items()
            ),
            "",
        ]
    )


def machine() -> str:
    """Return the date, the processor and the versions."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    return f"{today}: {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def processor() -> str:
    """Return the processor's name, if known, with its matrix instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    has = [name for name in ("avx512_bf16", "amx_bf16") if name in facts.get("flags", "").split()]
    return " ".join([facts.get("model name", platform.machine()), *([f"({', '.join(has)})"] if has else [])])


def _speeds(systems: list[System], base: System) -> list[str]:
    headings = "".join(f" tokens/s, {people} at once |" for people in PEOPLE)
    lines = [f"| |{headings} reviews/s | peak memory |", "|---" * (len(PEOPLE) + 3) + "|"]
    for system in systems:
        cells = [_with_ratio(system.tokens_per_second.get(people), base.tokens_per_second[1]) for people in PEOPLE]
        cells.append(_with_ratio(system.reviews_per_second, base.reviews_per_second))
        memory = system.details.get("peak_memory_bytes")
        cells.append("" if memory is None else f"{memory / 1e9:.1f} GB")
        lines.append(f"| {system.name} | " + " | ".join(cells) + " |")
    return [*lines, "", f"In brackets: relative to {BASE}, which runs one request at a time."]


def _with_ratio(speed: float | None, base: float) -> str:
    return "" if speed is None else f"{speed:.1f} ({speed / base:.1f}×)"


def _latencies(systems: list[System]) -> list[str]:
    lines = [
        "## Latency for users",
        "",
        "| | at once | first token | next token (p95) | event loop's lag, p99 |",
        "|---|---|---|---|---|",
    ]
    notes = []
    for system in systems:
        for burst in system.details.get("continuations", []):
            token = burst["token_seconds"]
            lines.append(
                f"| {system.name} | {burst['concurrency']} | {burst['first_token_seconds']:.2f} s "
                f"| {token['median'] * 1000:.0f} ms ({token['p95'] * 1000:.0f}) "
                f"| {burst['event_loop_lag_seconds']['p99'] * 1000:.0f} ms |"
            )
        if newcomer := system.details.get("newcomer"):
            ratio = newcomer["first_token_seconds"] / newcomer["alone_seconds"]
            estimate = system.details["estimate"]
            notes.append(
                f"- {system.name}: with {newcomer['others']} requests running, a new one gets its first token after "
                f"{newcomer['first_token_seconds']:.2f} s, {ratio:.1f} times as long as alone. Estimated waits of "
                f"{estimate['wait_seconds']:.1f} s are off by {estimate['error_seconds']:.1f} s "
                f"(p95 {estimate['p95']:.1f} s)."
            )
    return [*lines, "", *notes]


def _limits(systems: list[System], peer: System | None, bandwidth: float) -> list[str]:
    lines = [
        "## Compared with the limits",
        "",
        f"This machine reads memory at {bandwidth / 1e9:.1f} GB/s (the sum of 800 MB). Decoding a single text "
        "reads all weights for each token:",
        "",
    ]
    for system in systems:
        if system.details:
            model = system.details["model"]
            size = 2 if "float16" in model["engine_path"] else {"float32": 4, "bfloat16": 2, "int8": 1}[model["dtype"]]
            limit = bandwidth / (size * model["parameters"])
            share = system.tokens_per_second[1] / limit
            path = model["engine_path"] or "plain layers"
            lines.append(f"- {system.name} ({path}): at most {limit:.1f} tokens/s, reached {share:.0%}.")
    if peer is not None:
        lines += ["", "Speed relative to vLLM in bfloat16, in the same run:", ""]
        for system in systems:
            if system.details:
                ratios = [
                    f"{system.tokens_per_second[people] / peer.tokens_per_second[people]:.2f}" for people in PEOPLE
                ]
                scoring = system.reviews_per_second / peer.reviews_per_second
                lines.append(f"- {system.name}: {', '.join(ratios)} with 1, 8, 16 at once; reviews {scoring:.2f}.")
    return lines


def _profiles(systems: list[System]) -> list[str]:
    """Return the parts of a step's time, by system and computation."""
    lines = ["## Where the time goes", ""]
    for system in systems:
        for row, (what, parts) in enumerate(system.profile.items()):
            if not lines[-1]:
                lines += ["| | | total |" + "".join(f" {part} |" for part in parts), "|---" * (len(parts) + 3) + "|"]
            whole = sum(parts.values())
            shares = "".join(f" {value / whole:.0%} |" for value in parts.values())
            lines.append(f"| {'' if row else system.name} | {what} | {whole:.0f} ms |{shares}")
    return [*lines, "", "Measured with torch.profiler. Python is the remaining part of the time without the profiler."]
