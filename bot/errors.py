"""Every failure that a person is told about, in one line: what was wrong, the limit, what to do.

BotError
├── UsageError                 what was asked cannot be done; asking differently helps
│   ├── EmptyPrompt
│   ├── PromptTooLong
│   ├── TokenWithoutWeights
│   ├── TokenizerFailed
│   ├── OptionOutOfRange
│   ├── OptionIgnored
│   ├── MessageWithoutText
│   ├── ReceiptUnusable
│   ├── NotYours
│   ├── NotPermitted
│   └── InputUnreadable
├── Refusal                    not now; asking later helps
│   ├── ModelLoading
│   ├── QueueFull
│   ├── UserLimitReached
│   └── ShuttingDown
├── DiscordUnreachable         the network's fault, or Discord's
├── Unhealthy                  the running bot does not do its work
├── Interrupted                begun, and ended before its result
│   ├── RequestTimedOut
│   ├── RequestCancelled
│   └── AcknowledgedLate
└── ConfigurationError         the one who runs the bot has to change something
    ├── InvalidSettings
    ├── ModelUnavailable
    ├── SentimentUnsupported
    ├── GenerationUnsupported
    ├── NumbersNotFinite
    ├── DatabaseUnavailable
    ├── PlaygroundUnavailable
    ├── TokenMissing
    ├── TokenRejected
    └── IntentsMissing
"""

from typing import ClassVar

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class BotError(Exception):
    """A failure with a cause that its user can understand."""

    exit_code = EXIT_FAILURE


class UsageError(BotError):
    """What was asked cannot be done as asked."""

    exit_code = EXIT_USAGE


class EmptyPrompt(UsageError):
    """There is nothing to compute from, or nothing before it from which it could be predicted."""

    def __init__(self, what: str, limit: int, *, least: int = 1, found: str = "is empty: 0 tokens") -> None:
        super().__init__(f"The {what} {found}, where {least} to {limit:,} are allowed. Write some text.")


class PromptTooLong(UsageError):
    """The prompt has more tokens than the limit, or than the model's context leaves room for."""

    def __init__(self, what: str, tokens: int, limit: int, *, context: int | None, new_tokens: int) -> None:
        """Take the model's `context` in tokens, None where nothing states it."""
        room = f", {new_tokens:,} of them for new ones" if new_tokens else ""
        why = "" if context is None else f" (the model's context holds {context:,}{room})"
        super().__init__(f"The {what} has {tokens:,} tokens, but at most {limit:,} are allowed{why}. Shorten it.")


class TokenWithoutWeights(UsageError):
    """The tokenizer gave a token that the model has no row of weights for."""

    def __init__(self, token: str, token_id: int, rows: int) -> None:
        problem = f"The text contains the token {token!r} (id {token_id:,}), which the model has no weights for"
        super().__init__(f"{problem}: its vocabulary has {rows:,} tokens. Leave that token out.")


class TokenizerFailed(UsageError):
    """The model's tokenizer ended with an error of its own on this text."""

    def __init__(self, model: str) -> None:
        super().__init__(f"The tokenizer of the model {model} fails on this text. Change the text, or shorten it.")


class OptionOutOfRange(UsageError):
    """An option's value is outside its range."""

    def __init__(self, option: str, value: object, allowed: str) -> None:
        super().__init__(f"{option} is {value}, but must be {allowed}.")


class OptionIgnored(UsageError):
    """An option was given that the chosen strategy does not use."""

    def __init__(self, option: str, strategy: str, users: str) -> None:
        problem = f"{option} has no effect with the strategy {strategy}"
        super().__init__(f"{problem}: leave it out, or choose the strategy {users}.")


class MessageWithoutText(UsageError):
    """A message that was chosen has nothing to read; `instead` says what it has."""

    def __init__(self, instead: str) -> None:
        super().__init__(f"There is no text to read in this message: {instead}. Choose one with text in it.")


class ReceiptUnusable(UsageError):
    """A button's message has nothing any more from which it could go on."""


class NotYours(UsageError):
    """A button is for its asker and for moderators."""


class NotPermitted(UsageError):
    """The asker, or the bot, may not do this there, or it is not the place for it."""


class InputUnreadable(UsageError):
    """A file or the standard input could not be read as text."""


class Refusal(BotError):
    """The request was not taken; nothing was computed."""


class ModelLoading(Refusal):
    """The model is not ready yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The model {name} is still loading. Try again in a minute.")


class QueueFull(Refusal):
    """As many requests wait as may."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"The queue is full: {_requests(waiting)} waiting, the most that may. Try again in a minute.")


class UserLimitReached(Refusal):
    """One user has as many requests waiting or running as one may."""

    def __init__(self, limit: int, waiting: int) -> None:
        taken = f"You already have {_requests(limit)} waiting or running, the most for one person"
        super().__init__(f"{taken} (the queue is {waiting} long). Wait for an answer, then ask again.")


class ShuttingDown(Refusal):
    """The bot is stopping."""

    def __init__(self) -> None:
        super().__init__("The bot is shutting down and takes no more requests. Try again when it is back.")


class Interrupted(BotError):
    """The computation ended before its result."""


class RequestTimedOut(Interrupted):
    """The computation ran into its deadline."""

    def __init__(self, seconds: float) -> None:
        limit = f"The computation was stopped after {seconds:g} seconds, the limit."
        super().__init__(f"{limit} Ask for fewer new tokens, or shorten the prompt.")


class RequestCancelled(Interrupted):
    """The request was withdrawn."""

    def __init__(self) -> None:
        super().__init__("The request was cancelled before anything was written.")


class AcknowledgedLate(Interrupted):
    """Discord did not say in time whether it took the acknowledgement."""

    def __init__(self) -> None:
        super().__init__("Discord was too slow to take this request, so nothing was computed. Ask again.")


class ConfigurationError(BotError):
    """The one who runs the bot has to change something."""

    exit_code = EXIT_CONFIGURATION


class InvalidSettings(ConfigurationError):
    """A setting in the environment or in `.env` is wrong."""


class ModelUnavailable(ConfigurationError):
    """The model could not be found or loaded."""

    def __init__(self, name: str, problem: str, remedy: str | None = None) -> None:
        remedy = remedy or "Try BOT_MODEL=demo or --model demo, a local folder, or set HF_TOKEN for a private model."
        super().__init__(f"The model {name} cannot be used: {problem.rstrip('.')}. {remedy}")


class SentimentUnsupported(ConfigurationError):
    """The model's tokenizer splits a label, so that its logit cannot be compared."""

    def __init__(self, model: str, label: str, pieces: list[str]) -> None:
        shown = " + ".join(repr(piece) for piece in pieces)
        super().__init__(
            f"The model {model} cannot judge sentiment: its tokenizer splits the label {label!r} into {shown}, "
            "and only single tokens can be compared. Use another model, such as BOT_MODEL=demo."
        )


class GenerationUnsupported(ConfigurationError):
    """The model cannot continue a text in the way that was asked for."""

    def __init__(self, model: str, what: str, reason: str, remedy: str) -> None:
        super().__init__(f"The model {model} cannot be used for {what}: {reason.rstrip('.')}. {remedy}")


class NumbersNotFinite(ConfigurationError):
    """The model computed a logit that is not a finite number: an overflow of its dtype, or damaged weights."""

    _REMEDIES: ClassVar = {
        "float16": "Set BOT_DTYPE=bfloat16 or float32",
        "int8": "Set BOT_DTYPE=bfloat16 or float32",
        "bfloat16": "Set BOT_DTYPE=float32",
    }

    def __init__(self, model: str, dtype: str) -> None:
        remedy = self._REMEDIES.get(dtype)
        what_to_do = f"{remedy} (--dtype in a terminal)" if remedy else "Its weights may be damaged: try another model"
        problem = f"The model {model} computed a number that is not finite, in {dtype}, so this text has no answer"
        super().__init__(f"{problem}. {what_to_do}.")


class DatabaseUnavailable(ConfigurationError):
    """There is no database where one was named, or none that this program can use."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"The database of BOT_DATABASE_URL cannot be used: {problem.rstrip('.')}. {remedy}")


class PlaygroundUnavailable(ConfigurationError):
    """The playground cannot start here."""


class TokenMissing(ConfigurationError):
    """There is no bot token, or what stands in its place is none."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"DISCORD_TOKEN {problem}. Put your bot's token into the environment or .env: Discord's developer portal, "
            "your application, Bot, Reset Token. Write it alone: no quotes, no spaces, no word before it."
        )


class TokenRejected(ConfigurationError):
    """Discord does not know the token."""

    def __init__(self) -> None:
        remedy = "Take a new one: Discord's developer portal, your application, Bot, Reset Token."
        super().__init__(f"Discord rejected DISCORD_TOKEN: it was reset, or belongs to nobody. {remedy}")


class IntentsMissing(ConfigurationError):
    """The application lacks an intent that the bot asks for."""

    def __init__(self) -> None:
        remedy = "Turn it on: Discord's developer portal, your application, Bot, Privileged Gateway Intents."
        super().__init__(f"Discord refused an intent that the bot asks for. {remedy}")


class Unhealthy(BotError):
    """The heartbeat says that the bot does not do its work, or there is none."""


class DiscordUnreachable(BotError):
    """There is no way to Discord."""

    def __init__(self, problem: str) -> None:
        remedy = "Check the network here and discordstatus.com, then start again."
        super().__init__(f"Discord cannot be reached: {problem}. {remedy}")


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"
