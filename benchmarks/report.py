"""The figures in Markdown, with the machine they were measured on."""

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
    """Return all tables; a ratio that needs a system which was not measured is left out."""
    by_name = {system.name: system for system in systems}
    return "\n".join(
        [
            "# Benchmark",
            "",
            f"`{command}` on {machine()}.",
            "A model in the shape of Qwen2-0.5B (494 million random parameters); prompts of 30 words, "
            f"{new_tokens} new tokens, reviews of 60 words; medians of 3 rounds. Everything was measured in one run, "
            "one system after another; compare figures within it only.",
            "",
            "![The same as bars](../docs/pictures/benchmark.png)",
            "",
            *_speeds(systems, by_name[BASE]),
            "",
            *_feel(systems),
            "",
            *_limits(systems, by_name.get(PEER), bandwidth),
            "",
            *_profiles(systems),
            "",
            "## What fewer bits change",
            "",
            "The next token after 200 beginnings of reviews, with the demo model, against float32.",
            "",
            "| | tokens shared by the top 10 | same first token | largest difference of a probability: median | p95 |",
            "|---|---|---|---|---|",
            *(
                f"| {dtype} | {one.overlap:.1%} | {one.same_first:.1%} | {one.median_difference:.4f} "
                f"| {one.p95_difference:.4f} |"
                for dtype, one in distances.items()
            ),
            "",
        ]
    )


def machine() -> str:
    """Return the day, the processor and the versions."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers"))
    return f"{today}: {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def processor() -> str:
    """Return the processor's name, where the system says it, with the matrix instructions that matter here."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
    has = [name for name in ("avx512_bf16", "amx_bf16") if name in facts.get("flags", "").split()]
    return " ".join([facts.get("model name", platform.machine()), *([f"({', '.join(has)})"] if has else [])])


def _speeds(systems: list[System], base: System) -> list[str]:
    heads = "".join(f" tokens/s, {people} at once |" for people in PEOPLE)
    lines = [f"| |{heads} reviews/s | peak memory |", "|---" * (len(PEOPLE) + 3) + "|"]
    for system in systems:
        cells = [_with_ratio(system.tokens_per_second.get(people), base.tokens_per_second[1]) for people in PEOPLE]
        cells.append(_with_ratio(system.reviews_per_second, base.reviews_per_second))
        memory = system.details.get("peak_memory_bytes")
        cells.append("" if memory is None else f"{memory / 1e9:.1f} GB")
        lines.append(f"| {system.name} | " + " | ".join(cells) + " |")
    return [*lines, "", f"In brackets: times {BASE}, which answers one after another, so in all as fast as one."]


def _with_ratio(speed: float | None, base: float) -> str:
    return "" if speed is None else f"{speed:.1f} ({speed / base:.1f}×)"


def _feel(systems: list[System]) -> list[str]:
    lines = [
        "## What people feel",
        "",
        "| | at once | first token | next token (p95) | event loop's lag, p99 |",
        "|---|---|---|---|---|",
    ]
    after = []
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
            after.append(
                f"- {system.name}: who comes while {newcomer['others']} others are written has a first token after "
                f"{newcomer['first_token_seconds']:.2f} s, {ratio:.1f} times that of one alone. The estimate of a wait "
                f"of {estimate['wait_seconds']:.1f} s is off by {estimate['error_seconds']:.1f} s "
                f"(p95 {estimate['p95']:.1f} s)."
            )
    return [*lines, "", *after]


def _limits(systems: list[System], peer: System | None, bandwidth: float) -> list[str]:
    lines = [
        "## Against the limits",
        "",
        f"This machine reads memory at {bandwidth / 1e9:.1f} GB/s (the sum of 800 MB). A text that is written alone "
        "has to read all weights for each token:",
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
        lines += ["", "Times vLLM in bfloat16, in the same run:", ""]
        for system in systems:
            if system.details:
                ratios = [
                    f"{system.tokens_per_second[people] / peer.tokens_per_second[people]:.2f}" for people in PEOPLE
                ]
                scoring = system.reviews_per_second / peer.reviews_per_second
                lines.append(f"- {system.name}: {', '.join(ratios)} with 1, 8, 16 at once; reviews {scoring:.2f}.")
    return lines


def _profiles(systems: list[System]) -> list[str]:
    """Return the parts of a step's time, by system and what is computed."""
    lines = ["## Where the time goes", ""]
    for system in systems:
        for place, (what, parts) in enumerate(system.profile.items()):
            if not lines[-1]:
                lines += ["| | | in all |" + "".join(f" {part} |" for part in parts), "|---" * (len(parts) + 3) + "|"]
            whole = sum(parts.values())
            shares = "".join(f" {value / whole:.0%} |" for value in parts.values())
            lines.append(f"| {'' if place else system.name} | {what} | {whole:.0f} ms |{shares}")
    return [*lines, "", "By torch.profiler; Python is what its operators leave of the time that is taken without it."]
