"""How much a dtype differs from float32: the demo model's next token after 200 beginnings of reviews.

usage: python -m benchmarks.precision DTYPE
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from bot.cli.bench.work import median, quantile
from bot.engine.transformers.loading import load_model
from bot.questions.language_model import LanguageModel
from bot.questions.topk import TopKQuestion

REVIEWS = Path(__file__).parent.parent / "tests" / "data" / "plain_reviews.jsonl"
PROMPTS = 200
TOP = 10


@dataclass(frozen=True, slots=True)
class Distance:
    """One dtype compared with float32: the share of common top-ten tokens, and the largest probability difference."""

    overlap: float
    median_difference: float
    p95_difference: float
    same_first: float


def main() -> None:
    """Print the dtype's difference from float32 as JSON."""
    chosen_prompts = list(islice(prompts(), PROMPTS))
    exact = _distribution(_demo("float32"), chosen_prompts)
    print(json.dumps(asdict(_distance(exact, _distribution(_demo(sys.argv[1]), chosen_prompts)))))


def prompts() -> Iterator[str]:
    """Yield beginnings of 3, 6, 9 and 12 words of reviews that the model was not trained on."""
    reviews = [json.loads(line)["review"] for line in REVIEWS.read_text().splitlines()]
    for length in (3, 6, 9, 12):
        for review in reviews:
            yield " ".join(review.split()[:length])


Distribution = dict[int, float]


def _demo(dtype: str) -> LanguageModel:
    return load_model("demo", dtype=dtype, device="cpu", max_prompt_tokens=512)


def _distribution(model: LanguageModel, chosen_prompts: list[str]) -> list[Distribution]:
    return [
        {
            candidate.token.id: candidate.probability
            for candidate in model.answer(TopKQuestion(prompt, model.info.vocab_size)).next_tokens.candidates
        }
        for prompt in chosen_prompts
    ]


def _distance(exact: list[Distribution], other: list[Distribution]) -> Distance:
    differences = [max(abs(left[id_] - right[id_]) for id_ in left) for left, right in zip(exact, other, strict=True)]
    shared = [len(set(_top(left)) & set(_top(right))) for left, right in zip(exact, other, strict=True)]
    first = [_top(left)[0] == _top(right)[0] for left, right in zip(exact, other, strict=True)]
    return Distance(
        sum(shared) / len(shared) / TOP, median(differences), quantile(differences, 0.95), sum(first) / len(first)
    )


def _top(distribution: Distribution) -> list[int]:
    return sorted(distribution, key=distribution.__getitem__, reverse=True)[:TOP]


if __name__ == "__main__":
    main()
