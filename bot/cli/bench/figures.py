"""The figures that are measured, and the table of them for people."""

from typing import TypedDict


class ModelFigures(TypedDict):
    """Which model was measured."""

    name: str
    revision: str | None
    dtype: str
    device: str
    parameters: int
    engine_path: str


class Spread(TypedDict):
    """Seconds: the median, and the 95th percentile."""

    median: float
    p95: float


class Lag(TypedDict):
    """Seconds: the median, and the 99th percentile."""

    median: float
    p99: float


class Burst(TypedDict):
    """Medians over a few bursts of `concurrency` simultaneous continuations."""

    concurrency: int
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
    """How far the estimates of waiting times were off; `seen` counts them."""

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
    newcomer: Newcomer
    estimate: Estimates
    peak_memory_bytes: int


def figures_table(figures: Figures) -> str:
    """Return the figures in lines."""
    model = figures["model"]
    lines = [
        f"{model['name']}, {model['parameters']:,} parameters, {model['dtype']} on {model['device']}",
        f"medians of {figures['rounds']} rounds, {figures['new_tokens']} new tokens each",
        "",
        "at once  tokens/s  first token  next token (p95)  loop lag p99",
    ]
    for burst in figures["continuations"]:
        token, lag = burst["token_seconds"], burst["event_loop_lag_seconds"]
        lines.append(
            f"{burst['concurrency']:7}  {burst['tokens_per_second']:8.1f}  {burst['first_token_seconds']:9.3f} s"
            f"  {token['median'] * 1000:5.0f} ms ({token['p95'] * 1000:.0f})".ljust(50)
            + f"  {lag['p99'] * 1000:.1f} ms"
        )
    scored = figures["reviews_per_second"]
    lines.append(f"\nreviews/s: {'not measured' if scored is None else f'{scored:.1f}'}")
    newcomer, estimate = figures["newcomer"], figures["estimate"]
    lines.append(
        f"first token of a newcomer: {newcomer['first_token_seconds']:.3f} s while {newcomer['others']} others are "
        f"written, {newcomer['alone_seconds']:.3f} s alone"
    )
    if estimate["seen"]:
        lines.append(
            f"estimates of a wait of {estimate['wait_seconds']:.1f} s: off by {estimate['error_seconds']:.1f} s "
            f"(p95 {estimate['p95']:.1f} s)"
        )
    lines.append(f"peak memory: {figures['peak_memory_bytes'] / 1e9:.2f} GB")
    return "\n".join(lines)
