"""How fast `nightword sentiment --lines` judges reviews, compared with the engine's rate for many requests at once.

`python -m benchmarks.lines FILE [--model demo] [--count 872] [--rounds 3]` repeats the texts of a TSV file.
"""

import argparse
import asyncio
import contextlib
import io
import json
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import bot.terminal.console
from bot.cli.bench.work import median
from bot.cli.main import run
from bot.engine.executor import ModelExecutor
from bot.questions.language_model import LanguageModel
from bot.questions.sentiment import SentimentQuestion
from bot.settings import read_settings


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="a TSV file whose first column is a text, below a line of column names")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--count", type=int, default=872, help="reviews in each round")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = Path(arguments.file).read_text(encoding="utf-8").splitlines()[1:]
    reviews = list(islice(cycle(row.partition("\t")[0] for row in rows), arguments.count))
    print(json.dumps(measure(arguments.model, reviews, arguments.rounds), indent=2))


def measure(model_name: str, reviews: list[str], rounds: int) -> dict[str, object]:
    """Return the median reviews per second of both, and their ratio. Both use the same loaded model."""
    settings = read_settings(model=model_name)
    model = bot.terminal.console.load(settings)
    bot.terminal.console.load_language_model = lambda _: model  # type: ignore[attr-defined,assignment,misc]  # loaded once
    executor = ModelExecutor(
        lambda: model, name=model_name, batch_size=settings.batch_size, queue_limit=len(reviews), user_limit=1,
        request_timeout=840.0,
    )  # fmt: skip
    executor.start()
    executor.wait_until_loaded()
    terminal, engine = [], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "reviews.txt"
        file.write_text("\n".join(reviews), encoding="utf-8")
        _judge_lines(file, model_name)  # warm up
        for _ in range(rounds):
            terminal.append(len(reviews) / _judge_lines(file, model_name))
            engine.append(len(reviews) / asyncio.run(_judge_at_once(executor, reviews)))
    executor.close()
    return {
        "model": _name(model),
        "reviews": len(reviews),
        "rounds": rounds,
        "terminal_reviews_per_second": median(terminal),
        "engine_reviews_per_second": median(engine),
        "ratio": median(terminal) / median(engine),
    }


def _judge_lines(file: Path, model_name: str) -> float:
    """Return the seconds of the command without loading the model. What it prints is dropped."""
    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        run(["sentiment", "--lines", str(file), "--json", "--model", model_name])
    return time.perf_counter() - began


async def _judge_at_once(executor: ModelExecutor, reviews: list[str]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(executor.submit(number, SentimentQuestion(review)) for number, review in enumerate(reviews)))
    return time.perf_counter() - began


def _name(model: LanguageModel) -> str:
    return f"{model.info.short_name} · {model.info.computed_in}"


if __name__ == "__main__":
    main()
