"""The measured figures, and their table."""

from typing import TypedDict


class ModelFigures(TypedDict):
    """The measured model."""

    name: str
    revision: str | None
    dtype: str
    quantization: str
    device: str
    parameters: int | None
    engine_path: str


class Spread(TypedDict):
    """The median and the 95th percentile, in seconds."""

    median: float
    p95: float


class Lag(TypedDict):
    """The median and the 99th percentile, in seconds."""

    median: float
    p99: float


class Burst(TypedDict):
    """Medians over a few bursts of `concurrency` simultaneous continuations of prompts of `prompt_words`."""

    concurrency: int
    prompt_words: int
    tokens_per_second: float
    first_token_seconds: float
    token_seconds: Spread
    event_loop_lag_seconds: Lag


class Newcomer(TypedDict):
    """Time to the first token with `others` running, and alone."""

    others: int
    first_token_seconds: float
    alone_seconds: float


class Estimates(TypedDict):
    """Error of the estimated waiting times; `seen` counts the estimates."""

    seen: int
    wait_seconds: float
    error_seconds: float
    p95: float


class Figures(TypedDict):
    """Everything that `nightword bench` measures."""

    model: ModelFigures
    new_tokens: int
    rounds: int
    continuations: list[Burst]
    reviews_per_second: float | None
    newcomer: Newcomer | None
    estimate: Estimates | None
    peak_memory_bytes: int


def figures_table(figures: Figures) -> str:
    """Return the figures as text."""
    model = figures["model"]
    rounds = "one round" if figures["rounds"] == 1 else f"medians of {figures['rounds']} rounds"
    lines = [
        f"{model['name']}, {model['parameters']:,} parameters, {model['dtype']} on {model['device']}",
        f"{rounds}, {figures['new_tokens']} new tokens each",
        "",
        "prompt words  at once  tokens/s  first token  next token (p95)  loop lag p99",
    ]
    for burst in figures["continuations"]:
        token, lag = burst["token_seconds"], burst["event_loop_lag_seconds"]
        lines.append(
            f"{burst['prompt_words']:12}  {burst['concurrency']:7}  {burst['tokens_per_second']:8.1f}"
            f"  {burst['first_token_seconds']:9.3f} s"
            f"  {token['median'] * 1000:5.0f} ms ({token['p95'] * 1000:.0f})".ljust(64)
            + f"  {lag['p99'] * 1000:.1f} ms"
        )
    scored = figures["reviews_per_second"]
    lines.append(f"\nreviews/s: {'not measured' if scored is None else f'{scored:.1f}'}")
    newcomer, estimate = figures["newcomer"], figures["estimate"]
    if newcomer is not None:
        lines.append(
            f"first token, new request: {newcomer['first_token_seconds']:.3f} s with {newcomer['others']} others"
            f" running, {newcomer['alone_seconds']:.3f} s alone"
        )
    if estimate is not None and estimate["seen"]:
        lines.append(
            f"estimated waits of {estimate['wait_seconds']:.1f} s: off by {estimate['error_seconds']:.1f} s "
            f"(p95 {estimate['p95']:.1f} s)"
        )
    lines.append(f"peak memory: {figures['peak_memory_bytes'] / 1e9:.2f} GB")
    return "\n".join(lines)
