"""Ready-made decisions, as TOML files that anybody can read and add to."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from bot.errors import DecisionInvalid
from bot.questions.decision import Decision

_FOLDER = files("bot.decisions").joinpath("presets")
_KEYS = {"title", "description", "type", "question", "labels", "examples", "flags"}


@dataclass(frozen=True, slots=True)
class Preset:
    """A decision with a title and a description for people. `flags` is the label that moderators look for."""

    name: str
    title: str
    description: str
    decision: Decision
    flags: str


@cache
def preset_names() -> tuple[str, ...]:
    """Return the names of the presets that come with the project, in alphabetical order."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml")))


@cache
def preset(name: str) -> Preset:
    """Return a preset that comes with the project. Raises DecisionInvalid if there is none."""
    if name not in preset_names():
        raise DecisionInvalid(f"There is no preset {name!r}. The presets are {', '.join(preset_names())}.")
    return parse_preset(name, _FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def matching_presets(typed: str) -> list[Preset]:
    """Return the presets whose name or title contains what was typed, without regard to case."""
    wanted = typed.casefold().strip()
    presets = map(preset, preset_names())
    return [each for each in presets if wanted in f"{each.name} {each.title}".casefold()]


def load_preset(name: str) -> Preset:
    """Return the preset with this name, or the one in a file with this path that ends in .toml.

    Raises DecisionInvalid if there is none, or the file is not a preset.
    """
    if not name.endswith(".toml"):
        return preset(name)
    try:
        content = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise DecisionInvalid(f"The preset {name} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DecisionInvalid(f"The preset {name} is not valid UTF-8. Save it as UTF-8.") from None
    return parse_preset(Path(name).stem, content)


def parse_preset(name: str, content: str) -> Preset:
    """Return the preset in a TOML text. Raises DecisionInvalid, which names what is wrong."""
    try:
        table = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise DecisionInvalid(f"The preset {name} is not valid TOML: {error}.") from None
    if unknown := sorted(set(table) - _KEYS):
        raise DecisionInvalid(f"The preset {name} has unknown keys: {', '.join(unknown)}. Remove them.")
    if missing := sorted(_KEYS - {"examples"} - set(table)):
        raise DecisionInvalid(f"The preset {name} needs {', '.join(missing)}.")
    try:
        examples = [[example["text"], example["label"]] for example in table.get("examples", [])]
    except (KeyError, TypeError):
        raise DecisionInvalid(f"Each example of the preset {name} needs a text and a label.") from None
    parts = {key: table[key] for key in ("type", "question", "labels")}
    try:
        decision = Decision.of(parts | {"examples": examples})
    except DecisionInvalid as error:
        raise DecisionInvalid(f"The preset {name} can't be asked: {error}") from None
    if table["flags"] not in decision.labels:
        raise DecisionInvalid(f"The preset {name} flags {table['flags']!r}, which is not one of its labels.")
    return Preset(name, str(table["title"]), str(table["description"]), decision, table["flags"])
