"""Recorded numbers of a model after a fixed prompt, by which its weights are recognised on a server."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from huggingface_hub import constants
from numpy.typing import NDArray

from bot.engine.model_files import ModelFiles
from bot.engine.primitives import Engine
from bot.questions.language_model import DEMO

PROMPT = "It was a dark and stormy night; the rain fell in"
COUNT = 10  # recorded tokens, the most probable ones


@dataclass(frozen=True, slots=True)
class WeightsRecord:
    """The most probable tokens after `input_ids` in float32, best first, with their log-probabilities."""

    input_ids: tuple[int, ...]
    ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]

    def difference(self, log_probabilities: NDArray[np.float32]) -> float:
        """Return the largest distance between the recorded log-probabilities and others: [vocab_size]."""
        return float(np.abs(log_probabilities[list(self.ids)] - np.array(self.log_probabilities)).max())


def record_weights(engine: Engine) -> WeightsRecord:
    """Compute the record of an engine's model."""
    input_ids = engine.codec.encode(PROMPT)
    (scores,) = engine.score_after_each(input_ids, first=len(input_ids) - 1, top=COUNT)
    ids = tuple(score.id for score in scores.top)
    return WeightsRecord(tuple(input_ids), ids, tuple(score.log_probability for score in scores.top))


def read_record(files: ModelFiles) -> WeightsRecord | None:
    """Return the record of a model, or None if there is none or it can't be read."""
    try:
        fields = json.loads(record_file(files).read_text())
        return WeightsRecord(**{name: tuple(values) for name, values in fields.items()})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_record(files: ModelFiles, record: WeightsRecord) -> Path:
    """Store a model's record, and return its file. Raises OSError."""
    file = record_file(files)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(record)) + "\n")
    return file


def record_file(files: ModelFiles) -> Path:
    """Return where the record of a model is stored: in HF_HOME, or beside the demo model's weights."""
    if files.name == DEMO:
        return files.folder / "record.json"
    weights = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files.folder.glob("*.safetensors")]
    what = [files.name, files.revision] if files.revision else [str(files.folder.resolve()), sorted(weights)]
    digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()
    return Path(constants.HF_HOME) / "nightword" / f"{digest[:32]}.json"
