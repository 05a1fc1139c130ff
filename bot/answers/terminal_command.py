"""The terminal command that reproduces an answer."""

import shlex
from typing import TypeVar

from bot.questions.continuation import ContinuationQuestion
from bot.questions.language_model import RepeatableQuestion
from bot.questions.options import MAX_NEW_TOKENS, STRATEGY_OF, K, options_of
from bot.receipts.receipt import AnsweredBy

T = TypeVar("T")

_NAMES = {K.name: K.flag}
_NEW_LINE = " \\\n  "  # the shell joins the lines with a space
_COMMANDS = {"explain": ("sentiment", "--explain"), "explain_decision": ("decide", "--explain")}


def terminal_command(question: RepeatableQuestion[T], model: AnsweredBy) -> str | None:
    """Return the command for a POSIX shell, or None.

    There is no command for a text that a command line cannot hold, for two texts that are a lone dash, for a
    continuation longer than the terminal's limit, for one that starts from an earlier text, or for a decision with an
    example that begins with a dash.
    """
    options = question.options()
    command = _COMMANDS.get(question.command, (question.command,))
    positional = [option.name for option in options_of(command[0], "terminal") if option.is_positional]
    main_texts = [str(options.pop(name)) for name in positional]
    if options.get("type") == "template":
        options["template"] = options.pop("question")
    texts = [*main_texts, *_texts_in(list(options.values()))]
    dashes = [*main_texts, options.get("compare_with")].count("-")  # a lone dash means standard input
    if dashes > 1 or any("\x00" in value or not _is_utf8(value) for value in texts):
        return None
    examples = _texts_in(options.get("examples", ()))
    if any(part.startswith("-") for part in examples):  # argparse would read it as an option
        return None
    if isinstance(question, ContinuationQuestion) and not _terminal_can_write(question):
        return None
    options.pop("written", None)
    lines = [["nightword", *command]]
    lines += [["--model", model.name], ["--dtype", model.dtype]]
    for name, value in options.items():
        if value is None or value == () or not _is_used(name, options):
            continue
        if name in ("labels", "examples") and isinstance(value, tuple):
            lines += [[f"--label={part}"] if name == "labels" else ["--example", *part] for part in value]
            continue
        # Joined by "=", because a second text can begin with a dash.
        lines.append(
            [_NAMES[name], str(value)] if name in _NAMES else [f"--{name.replace('_', '-')}={_option_text(value)}"]
        )
    lines.append(main_texts if main_texts == ["-"] else ["--", *main_texts])
    before = ["printf %s - |"] if dashes else []
    if model.engine != "transformers":
        before.append(f"BOT_ENGINE={model.engine}")
    if model.revision is not None:
        before.append(f"BOT_MODEL_REVISION={model.revision}")
    return _NEW_LINE.join([*before, *map(shlex.join, lines)])


def _terminal_can_write(question: ContinuationQuestion) -> bool:
    return question.parameters.max_new_tokens <= MAX_NEW_TOKENS and not question.written


def _is_used(name: str, options: dict[str, object]) -> bool:
    strategy = options.get("strategy")
    return strategy is None or STRATEGY_OF.get(name, strategy) == strategy


def _option_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _texts_in(value: object) -> list[str]:
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts_in(part)]
    return [value] if isinstance(value, str) else []


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
