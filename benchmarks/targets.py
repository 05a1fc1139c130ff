"""The targets: ratios of medians in one run, and whether they were reached."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BYTES = {"float32": 4.0, "bfloat16": 2.0, "int8": 1.0, "int4": 0.5}
BASE, VLLM = "the notebooks' way, float32", "vLLM, bfloat16"


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio, None if a part of it wasn't measured, and what it should be. `unit` is "×" or "s"."""

    what: str
    against: str
    bound: float
    ratio: float | None
    is_maximum: bool = False
    unit: str = "×"

    @property
    def is_reached(self) -> bool:
        """Whether the ratio was measured and is within its bound."""
        if self.ratio is None:
            return False
        return self.ratio <= self.bound if self.is_maximum else self.ratio >= self.bound

    @property
    def limit(self) -> str:
        """The bound as text."""
        return f"{'at most' if self.is_maximum else 'at least'} {self._show(self.bound, 'g')}"

    @property
    def figure(self) -> str:
        """The ratio as text."""
        return "" if self.ratio is None else self._show(self.ratio, ".2f")

    def _show(self, value: float, form: str) -> str:
        return f"{value * 1000:.0f} ms" if self.unit == "s" else f"{value:{form}}{self.unit}"


def check_targets(run: dict[str, Any], model: dict[str, Any]) -> Iterator[Target]:
    """Yield all targets for one model of a run."""
    figures = _Figures(model["systems"])
    bfloat16, int8, int4 = (f"Nightword, {dtype}" for dtype in ("bfloat16", "int8", "int4"))
    yield Target("bfloat16, 1 at a time", VLLM, 1.1, figures.ratio(bfloat16, VLLM))
    yield Target("", "llama.cpp, bfloat16", 1.0, figures.ratio(bfloat16, "llama.cpp, bfloat16"))
    yield Target("", "memory limit", 0.85, figures.share_of_limit("bfloat16", run["machine"]["bytes_per_second"]))
    yield Target("int8, 1 at a time", "llama.cpp, Q8_0", 1.0, figures.ratio(int8, "llama.cpp, Q8_0"))
    yield Target("", VLLM, 1.6, figures.ratio(int8, VLLM))
    yield Target("int4, 1 at a time", "llama.cpp, Q4_0", 1.0, figures.ratio(int4, "llama.cpp, Q4_0"))
    has_bfloat16 = any(name.endswith("_bf16") for name in run["machine"]["instructions"])
    many = "bfloat16" if has_bfloat16 else "int8"
    for people in ("8", "16", "32"):
        yield Target(f"{many}, {people} at once", VLLM, 1.1, figures.ratio(f"Nightword, {many}", VLLM, people))
    scored = f"scoring, {many}"
    for against, bound in ((VLLM, 1.2), (BASE, 12.0)):
        yield Target(scored, against, bound, figures.scoring_ratio(f"Nightword, {many}", against))
    yield Target("float32, 1 at a time", BASE, 1.5, figures.ratio("Nightword, float32", BASE))
    yield Target("first token beside 15 others", "alone", 1.8, figures.worst_newcomer(), is_maximum=True)
    error = figures.worst_estimate()
    yield Target("error of the estimated wait", "the wait", 0.25, error, is_maximum=True)
    topk = run.get("topk_seconds")
    ratio = None if topk is None else topk["nightword"] / topk["plain script"]
    yield Target("`nightword topk --model demo`", "a plain script", 1.2, ratio, is_maximum=True)
    yield Target("event loop's lag, p99", "", 0.02, figures.worst_lag(), is_maximum=True, unit="s")


@dataclass(frozen=True, slots=True)
class _Figures:
    systems: dict[str, dict[str, Any]]

    def ratio(self, name: str, against: str, people: str = "1") -> float | None:
        return _divide(self._speed(name, people), self._speed(against, people))

    def scoring_ratio(self, name: str, against: str) -> float | None:
        return _divide(*(self.systems.get(each, {}).get("reviews_per_second") for each in (name, against)))

    def share_of_limit(self, dtype: str, bandwidth: float) -> float | None:
        name = f"Nightword, {dtype}"
        parameters = self.systems.get(name, {}).get("model", {}).get("parameters")
        return _divide(self._speed(name, "1"), parameters and bandwidth / (BYTES[dtype] * parameters))

    def worst_newcomer(self) -> float | None:
        newcomers = [figures["newcomer"] for figures in self._engine() if figures.get("newcomer")]
        return max((each["first_token_seconds"] / each["alone_seconds"] for each in newcomers), default=None)

    def worst_estimate(self) -> float | None:
        estimates = [figures["estimate"] for figures in self._engine() if figures.get("estimate")]
        return max((each["error_seconds"] / each["wait_seconds"] for each in estimates if each["seen"]), default=None)

    def worst_lag(self) -> float | None:
        bursts = [burst for figures in self._engine() for burst in figures.get("continuations", [])]
        return max((burst["event_loop_lag_seconds"]["p99"] for burst in bursts), default=None)

    def _engine(self) -> list[dict[str, Any]]:
        return [figures for name, figures in self.systems.items() if name.startswith("Nightword")]

    def _speed(self, name: str, people: str) -> float | None:
        speed: float | None = self.systems.get(name, {}).get("tokens_per_second", {}).get("30", {}).get(people)
        return speed


def _divide(value: float | None, by: float | None) -> float | None:
    return value / by if value and by else None
