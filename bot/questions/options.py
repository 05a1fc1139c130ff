"""The table of all options of all commands. Discord's parameters, the terminal's arguments and the checks use it.

In Discord and in the terminal, a number that is not given is None. The question's `from_options` fills in the default.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar, get_args

from bot.errors import OptionOutOfRange
from bot.questions.decision import DECISION_TYPES, MOST_EXAMPLES, QUESTION_LENGTH
from bot.questions.language_model import DType

Door = Literal["discord", "terminal"]
Strategy = Literal["greedy", "sample", "beam"]
Number = TypeVar("Number", int, float)

STRATEGIES: tuple[Strategy, ...] = ("greedy", "sample", "beam")
MAX_NEW_TOKENS = 256
MAX_COMPARED_TOKENS = 64  # new tokens of one text: the tree of a longer beam search is unreadable
MAX_SEED = 2**32 - 1
TEXT_LIMIT = 6000  # characters of a text option in Discord
TOKEN_LIMIT = 100  # characters of a text that is read as one token, in Discord

DEFAULT_NEW_TOKENS = 20
DEFAULT_K = 10
DEFAULT_TEMPERATURE = 0.8
DEFAULT_TOP_K = 50
DEFAULT_TOP_P = 0.95
DEFAULT_NUM_BEAMS = 5
DEFAULT_POSITIONS = 6
DEFAULT_PENALTY = 1.0
DEFAULT_BEAM_PENALTY = 2.0  # for the second beam search in /compare, as in the notebook


@dataclass(frozen=True, slots=True)
class Option:
    """An option of a command.

    `smallest` and `largest` limit a number, or the length of a text in Discord. `without` says what happens if the
    option is left out and has no default. `strategy` is the only strategy that uses the option, and `door` the only
    interface that offers it; None means all. A positional option is written without its name in a terminal. An option
    with `placeholders` can be given several times in a terminal, each time with one value for each placeholder.
    """

    name: str
    kind: type
    help: str
    smallest: float | None = None
    largest: float | None = None
    default: str | float | tuple[int, ...] | None = None
    without: str = ""
    choices: tuple[str, ...] = ()
    strategy: Strategy | None = None
    door: Door | None = None
    is_required: bool = False
    is_positional: bool = False
    placeholders: tuple[str, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether the value is a number."""
        return self.kind in (int, float)

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest value. Raises TypeError if either is not set."""
        if self.smallest is None or self.largest is None:
            raise TypeError(f"{self.name} has no range")
        return self.smallest, self.largest

    @property
    def flag(self) -> str:
        """The name in a terminal, such as ``--top-k``."""
        return f"-{self.name}" if len(self.name) == 1 else "--" + self.name.replace("_", "-")

    @property
    def description(self) -> str:
        """The help text with the range and the default."""
        notes = []
        if self.is_number:
            upper = "" if self.largest is None else f" to {self.largest:,}"
            notes.append(f"{self.smallest:,}{upper or ' or more'}")
        if self.kind is not bool and self.default not in (None, ()):
            notes.append(f"default {self.default}")
        if self.without:
            notes.append(f"if left out: {self.without}")
        text = self.help if self.strategy is None else f"{self.strategy} only: {self.help[0].lower()}{self.help[1:]}"
        return f"{text} ({', '.join(notes)})" if notes else text

    def check(self, value: float) -> None:
        """Raise OptionOutOfRange unless `value` is in the range."""
        smallest, largest = self.range
        if not smallest <= value <= largest:
            raise OptionOutOfRange(self.name, value, f"from {smallest:,} to {largest:,}")


def given_or(value: Number | None, default: Number) -> Number:
    """Return `value`, or `default` if it is None."""
    return default if value is None else value


def _text(name: str, help_: str, *, without: str = "", is_main: bool = True) -> tuple[Option, Option]:
    """Return a text option for Discord, with a limited length, and for the terminal, where it can come from a pipe.

    `is_main` is false for a second text. The main text is required; in Discord only if `without` is empty.
    """
    in_discord = Option(
        name, str, help_, 1, TEXT_LIMIT, without=without, door="discord",
        is_required=is_main and not without, is_positional=is_main,
    )  # fmt: skip
    dash = '; "-" reads standard input; put "--" before a text that begins with a dash'
    in_terminal = Option(name, str, help_ + dash, door="terminal", is_required=is_main, is_positional=is_main)
    return in_discord, in_terminal


NEW_TOKENS = Option(
    "max_new_tokens", int, "Maximum number of new tokens to write", 1, MAX_NEW_TOKENS, default=DEFAULT_NEW_TOKENS
)
TEMPERATURE = Option(
    "temperature",
    float,
    "Below 1 sharpens the distribution, above 1 flattens it",
    0.05,
    5.0,
    default=DEFAULT_TEMPERATURE,
)
TOP_K = Option("top_k", int, "Keep the k most probable tokens; 0 keeps all", 0, 1000, default=DEFAULT_TOP_K)
TOP_P = Option(
    "top_p",
    float,
    "Keep the most probable tokens up to this total probability",
    0.01,
    1.0,
    default=DEFAULT_TOP_P,
)
MIN_P = Option("min_p", float, "Cut tokens below this share of the top one's probability", 0.0, 1.0, without="off")
# With 1, transformers keeps the 100 best tokens, and float32's rounding decides whether the last ones are among them.
TOP_H = Option("top_h", float, "Keep the top tokens up to this share of the entropy", 0.01, 0.99, without="off")
# The other stages of transformers' sampler. A value that transformers would ignore is out of range, unless it says that
# the stage is off: 0, or 1 for typical_p.
TYPICAL_P = Option(
    "typical_p", float, "Keep the tokens closest to the expected surprisal, up to this total probability", 0.01, 1.0,
    without="off", door="terminal",
)  # fmt: skip
EPSILON_CUTOFF = Option(
    "epsilon_cutoff", float, "Keep tokens with at least this probability", 0.0, 0.99, without="off", door="terminal"
)
ETA_CUTOFF = Option(
    "eta_cutoff", float, "Like epsilon_cutoff, with a limit that falls as the entropy rises", 0.0, 0.99,
    without="off", door="terminal",
)  # fmt: skip
NO_REPEAT_NGRAM_SIZE = Option(
    "no_repeat_ngram_size", int, "Cut each token that would repeat a sequence of this many tokens", 0, 100,
    without="off", door="terminal",
)  # fmt: skip
NUM_BEAMS = Option("num_beams", int, "How many beams the search keeps at each step", 2, 10, default=DEFAULT_NUM_BEAMS)
REPETITION_PENALTY = Option(
    "repetition_penalty", float, "Above 1 makes tokens less likely if they are already in the text", 0.5, 5.0,
    default=DEFAULT_PENALTY,
)  # fmt: skip
SEED = Option("seed", int, "The same seed gives the same text", 0, MAX_SEED, without="random and shown")

# Options of /continue, /compare and /topk that differ from those above.
STRATEGY = Option(
    "strategy", str, "greedy takes the most probable token, sample draws one, beam runs a beam search",
    default="greedy", choices=STRATEGIES,
)  # fmt: skip
COMPARED_TOKENS = replace(NEW_TOKENS, largest=MAX_COMPARED_TOKENS)
BEAM_PENALTY = replace(
    REPETITION_PENALTY, help="Repetition penalty of a second beam search; 1 skips it", default=DEFAULT_BEAM_PENALTY
)
K = Option(
    "k", int, "How many tokens to show", 1, 25, default=DEFAULT_K, door="discord"
)  # a menu has at most 25 options
K_IN_TERMINAL = replace(K, largest=None, door="terminal")
WALK_TEMPERATURE = replace(
    TEMPERATURE, help="Also show the probabilities at this temperature", default=1.0, door="terminal"
)

POSITIONS = Option(
    "positions", int, "How many of the last tokens to show", 1, 8, default=DEFAULT_POSITIONS, door="discord"
)
POSITIONS_IN_TERMINAL = replace(POSITIONS, largest=64, door="terminal")  # the picture shows the last 8

# What is decided in a terminal, by every command that asks decisions.
DECISION_OPTIONS = (
    Option("preset", str, "A ready-made question, or the path of a .toml file with one", door="terminal"),
    Option(
        "type", str, "How the question is asked", choices=DECISION_TYPES, door="terminal",
        without="template with --template, choice with --label, otherwise noul",
    ),
    Option("question", str, "The question, for noul, choice and score", door="terminal"),
    Option("template", str, "The prompt, with {text} where the text belongs", door="terminal"),
    Option(
        "label", str, "A possible answer; repeat it for each one. For a template, exactly as it follows the prompt",
        placeholders=("LABEL",), door="terminal",
    ),
    Option(
        "example", str, f"A text and its label, shown to the model before the text; up to {MOST_EXAMPLES}",
        placeholders=("TEXT", "LABEL"), door="terminal",
    ),
)  # fmt: skip

CALIBRATIONS = ("none", "contextual", "batch")
MIN_PRECISION = Option(
    "min_precision", float, "Choose the lowest threshold with at least this precision", 0.01, 1.0,
    without="the threshold with the best balanced accuracy", door="terminal",
)  # fmt: skip

PRIVATE = Option("private", bool, "Show the answer only to you", default=False, door="discord")

OPTIONS: dict[str, tuple[Option, ...]] = {
    "topk": (
        *_text("prompt", "The text whose next token you want to see"),
        K,
        K_IN_TERMINAL,
        Option("after_ids", tuple, "Ids of tokens to append to the prompt", default=(), door="terminal"),
        WALK_TEMPERATURE,
        PRIVATE,
    ),
    "continue": (
        *_text("prompt", "The text to continue", without="a form opens for longer text"),
        STRATEGY,
        NEW_TOKENS,
        replace(TEMPERATURE, strategy="sample"),
        replace(TOP_K, strategy="sample"),
        replace(TOP_P, strategy="sample"),
        replace(MIN_P, strategy="sample"),
        replace(TOP_H, strategy="sample"),
        replace(TYPICAL_P, strategy="sample"),
        replace(EPSILON_CUTOFF, strategy="sample"),
        replace(ETA_CUTOFF, strategy="sample"),
        replace(NUM_BEAMS, strategy="beam"),
        REPETITION_PENALTY,
        NO_REPEAT_NGRAM_SIZE,
        replace(SEED, strategy="sample"),
        PRIVATE,
    ),
    "sentiment": (
        *(
            replace(option, is_required=False)  # in a terminal, --lines can replace it
            for option in _text("review", "The review", without="a form opens for longer text")
        ),
        Option("lines", Path, 'Score each line of this file as a review; "-" reads standard input', door="terminal"),
        Option(
            "explain", bool, "Show the effect of each word, and a calibrated verdict", default=False, door="terminal"
        ),
        PRIVATE,
    ),
    "decide": (
        Option(
            "question", str, "A ready-made question, or your own", 1, QUESTION_LENGTH, door="discord", is_required=True
        ),
        *(
            replace(option, is_required=False)  # in a terminal, --lines can replace it
            for option in _text("text", "The text to decide about", without="a form opens for longer text")
        ),
        Option(
            "type",
            str,
            "How the question is asked",
            choices=DECISION_TYPES,
            door="discord",
            without="noul, or choice with labels, or template with {text}",
        ),
        Option(
            "labels",
            str,
            "The possible answers, separated by |",
            1,
            1000,
            door="discord",
            without="Yes and No; a template needs labels",
        ),
        *DECISION_OPTIONS,
        Option("lines", Path, 'Decide about each line of this file; "-" reads standard input', door="terminal"),
        Option(
            "explain",
            bool,
            "Show the effect of each word, and calibrated probabilities",
            default=False,
            door="terminal",
        ),
        PRIVATE,
    ),
    "measure": (
        Option(
            "file",
            str,
            'Texts with labels, as TSV or JSON Lines; "-" reads standard input',
            door="terminal",
            is_required=True,
            is_positional=True,
        ),
        *DECISION_OPTIONS,
        Option("against", str, "Compare with this preset on the same texts", door="terminal"),
        Option("flag", str, "The label that flags a text", without="the preset's, or the first label", door="terminal"),
        Option(
            "calibration",
            str,
            "How probabilities are corrected",
            default="none",
            choices=CALIBRATIONS,
            door="terminal",
        ),
        Option(
            "development",
            int,
            "How many texts the threshold is chosen on; it is reported on the others",
            1,
            without="a third",
            door="terminal",
        ),
        MIN_PRECISION,
        Option("per_day", int, "How many messages there are a day, to estimate the flags a day", 1, door="terminal"),
        Option(
            "map",
            str,
            "Which of the question's labels a label of the file means; can be given several times",
            placeholders=("FILE_LABEL=LABEL",),
            door="terminal",
        ),
    ),
    "tokenize": (
        *_text("text", "The text to split into tokens"),
        *_text("compare_with", "A second text, such as the same word without the space before it", is_main=False),
        PRIVATE,
    ),
    "xray": (*_text("text", "The text whose tokens are coloured by surprisal"), PRIVATE),
    "diff": (
        _text("text", "The text that both models read")[1],
        Option("model_b", str, "The second model", without="the same as the first", door="terminal"),
        Option(
            "dtype_b",
            str,
            "The second model's dtype",
            choices=get_args(DType),
            without="the same as the first",
            door="terminal",
        ),
        Option(
            "revision_b",
            str,
            "The second model's branch, tag or commit on the hub",
            without="that of the first, or the newest of another model",
            door="terminal",
        ),
    ),
    "replay": (
        Option(
            "file",
            str,
            'A picture with a receipt, or a receipt as JSON; "-" reads standard input',
            door="terminal",
            is_required=True,
            is_positional=True,
        ),
    ),
    "compare": (
        *_text("prompt", "The text to continue in several ways"),
        COMPARED_TOKENS,
        replace(NUM_BEAMS, strategy="beam"),
        BEAM_PENALTY,
        replace(SEED, strategy="sample"),
        PRIVATE,
    ),
    "contrast": (
        *_text("a", "The first prompt"),
        *_text("b", "The second prompt, such as the first one with another word"),
        PRIVATE,
    ),
    "sampler": (
        *_text("prompt", "The text whose next token is sampled"),
        TEMPERATURE,
        TOP_K,
        TOP_P,
        MIN_P,
        TOP_H,
        TYPICAL_P,
        EPSILON_CUTOFF,
        ETA_CUTOFF,
        REPETITION_PENALTY,
        NO_REPEAT_NGRAM_SIZE,
        PRIVATE,
    ),
    "layers": (
        *_text("prompt", "The text whose next token is read after each layer"),
        POSITIONS,
        POSITIONS_IN_TERMINAL,
        PRIVATE,
    ),
    "why": (
        *_text("prompt", "The text whose next token is explained"),
        Option("token", str, "The next token to explain", 1, TOKEN_LIMIT, without="the most probable one"),
        Option(
            "instead_of", str, "The token to compare it with", 1, TOKEN_LIMIT, without="the most probable other one"
        ),
        PRIVATE,
    ),
    "guess": (
        _text("prompt", "The text whose next token people guess", without="the opening of a well-known book")[0],
        PRIVATE,
    ),
    "model": (PRIVATE,),
    "help": (),
}

# For /continue: the range of each number, and the strategy of each option that only one strategy uses.
RANGES = {option.name: option.range for option in OPTIONS["continue"] if option.is_number}
STRATEGY_OF = {option.name: option.strategy for option in OPTIONS["continue"] if option.strategy is not None}


def options_of(command: str, door: Door) -> list[Option]:
    """Return the options of a command in Discord or in the terminal, in order."""
    return [option for option in OPTIONS[command] if option.door in (None, door)]
