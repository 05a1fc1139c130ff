"""Every error that a user sees. Its message says what happened, the limit, and what to do next.

BotError
├── UsageError                 the request can't be done as asked; change it
│   ├── EmptyPrompt
│   ├── PromptTooLong
│   ├── TokenWithoutWeights
│   ├── TokenizerFailed
│   ├── OptionOutOfRange
│   ├── OptionIgnored
│   ├── OptionUnsupported
│   ├── SameToken
│   ├── DecisionInvalid
│   ├── NoChatTemplate
│   ├── LabelsUnsupported
│   ├── MessageWithoutText
│   ├── ReceiptUnusable
│   ├── NotYours
│   ├── NotPermitted
│   └── InputUnreadable
├── Refusal                    the request was not accepted; try again later
│   ├── ModelLoading
│   ├── QueueFull
│   ├── UserLimitReached
│   └── ShuttingDown
├── DiscordUnreachable         the network or Discord is down
├── TurnNotTaken               other processes of the bot kept this one from connecting
├── ShardsTaken                another process of the bot has a shard of this one
├── Unhealthy                  the running bot is not working
├── Interrupted                the request started and ended without a result
│   ├── RequestTimedOut
│   ├── RequestCancelled
│   ├── AcknowledgedLate
│   └── ModelServerUnavailable
└── ConfigurationError         the operator has to change something
    ├── InvalidSettings
    ├── ModelUnavailable
    ├── SentimentUnsupported
    ├── GenerationUnsupported
    ├── LayersUnsupported
    ├── NumbersNotFinite
    ├── DatabaseUnavailable
    ├── MeasurementUnavailable
    ├── PlaygroundUnavailable
    ├── TokenMissing
    ├── TokenRejected
    └── IntentsMissing
"""

from collections.abc import Sequence
from typing import ClassVar

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class BotError(Exception):
    """Base of the errors whose message is shown to the user."""

    exit_code = EXIT_FAILURE


class UsageError(BotError):
    """The request can't be done as asked."""

    exit_code = EXIT_USAGE


class EmptyPrompt(UsageError):
    """The text has too few tokens to compute anything from."""

    def __init__(self, what: str, limit: int, *, minimum: int = 1, problem: str = "is empty: 0 tokens") -> None:
        remedy = "Write some text." if minimum == 1 else "Write more text."
        super().__init__(f"The {what} {problem}. It must have {minimum} to {limit:,} tokens. {remedy}")


class PromptTooLong(UsageError):
    """The prompt has more tokens than the limit allows, or than fit in the model's context."""

    def __init__(self, what: str, tokens: int, limit: int, *, context: int | None, new_tokens: int) -> None:
        """`context` is the model's context length in tokens, or None if the model does not state one."""
        reserved = f", {new_tokens:,} of them reserved for new ones" if new_tokens else ""
        reason = "" if context is None else f" (the model's context is {context:,} tokens{reserved})"
        super().__init__(f"The {what} has {tokens:,} tokens, but the limit is {limit:,}{reason}. Shorten it.")


class TokenWithoutWeights(UsageError):
    """The tokenizer produced a token that the model has no embedding for."""

    def __init__(self, token: str, token_id: int, rows: int) -> None:
        problem = f"The text contains the token {token!r} (id {token_id:,}), but the model has no weights for it"
        super().__init__(f"{problem}: its vocabulary has {rows:,} tokens. Remove that token.")


class TokenizerFailed(UsageError):
    """The model's tokenizer raised an error on this text."""

    def __init__(self, model: str) -> None:
        super().__init__(f"The tokenizer of the model {model} failed on this text. Change the text or shorten it.")


class OptionOutOfRange(UsageError):
    """An option's value is outside its range."""

    def __init__(self, option: str, value: object, allowed: str) -> None:
        super().__init__(f"{option} is {value}, but must be {allowed}.")


class OptionIgnored(UsageError):
    """The chosen strategy doesn't use this option."""

    def __init__(self, option: str, strategy: str, suitable: str) -> None:
        problem = f"{option} has no effect with strategy {strategy}"
        super().__init__(f"{problem}. Leave it out, or choose strategy {suitable}.")


class OptionUnsupported(UsageError):
    """The engine can't compute with this value of an option; `reason` is a clause that says why."""

    def __init__(self, option: str, value: object, reason: str, remedy: str) -> None:
        super().__init__(f"{option} {value} isn't available here: {reason}. {remedy}")


class SameToken(UsageError):
    """Two texts that should be compared begin with the same token."""

    def __init__(self, text: str, other: str, token: str) -> None:
        read = f"{text!r} is" if text == other else f"{text!r} and {other!r} are both"
        super().__init__(
            f"{read} read as the token {token!r}, which can't be compared with itself. Change one of them."
        )


class DecisionInvalid(UsageError, ValueError):
    """A decision can't be asked: its template, labels or examples contradict each other or the limits."""


class NoChatTemplate(UsageError):
    """The model has no chat template, which this type of decision needs."""

    def __init__(self) -> None:
        super().__init__("This model has no chat template. Use type `template`.")


class LabelsUnsupported(UsageError):
    """The model's tokenizer can't keep the labels apart; `problem` is a sentence that says why."""

    def __init__(self, model: str, problem: str, remedy: str) -> None:
        super().__init__(f"The model {model} can't compare these labels. {problem} {remedy}")


class MessageWithoutText(UsageError):
    """The chosen message has no text; `instead` is a clause that says what it has."""

    def __init__(self, instead: str) -> None:
        super().__init__(f"This message has no text to read: {instead}. Choose a message with text.")


class ReceiptUnusable(UsageError):
    """The message no longer has the data that its button needs."""


class NotYours(UsageError):
    """Only the person who asked, or a moderator, can use this button."""


class NotPermitted(UsageError):
    """The user or the bot has no permission here, or the command does not work in this channel."""


class InputUnreadable(UsageError):
    """A file or standard input could not be read as text."""


class Refusal(BotError):
    """The request was not accepted; nothing was computed."""


class ModelLoading(Refusal):
    """The model is not ready yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The model {name} is still loading. Try again in a minute.")


class QueueFull(Refusal):
    """The queue has reached its limit: `waiting` requests."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"The queue is full ({waiting} of {_requests(waiting)} waiting). Try again in a minute.")


class UserLimitReached(Refusal):
    """One user has reached the limit of waiting and running requests."""

    def __init__(self, limit: int, waiting: int) -> None:
        taken = f"You already have {_requests(limit)} waiting or running, which is the limit for one person"
        super().__init__(f"{taken} ({_requests(waiting)} in the whole queue). Wait for an answer, then ask again.")


class ShuttingDown(Refusal):
    """The bot is stopping."""

    def __init__(self) -> None:
        super().__init__("The bot is shutting down and isn't accepting requests. Try again when it's back online.")


class Interrupted(BotError):
    """The computation ended without a result."""


class RequestTimedOut(Interrupted):
    """The computation reached its deadline."""

    def __init__(self, seconds: float) -> None:
        problem = f"The computation was stopped after {seconds:g} seconds, the time limit."
        super().__init__(f"{problem} Ask for fewer new tokens, or shorten the prompt.")


class RequestCancelled(Interrupted):
    """The user cancelled the request before it produced anything."""

    def __init__(self) -> None:
        super().__init__("The request was cancelled before anything was written.")


class AcknowledgedLate(Interrupted):
    """Discord did not confirm the acknowledgement in time."""

    def __init__(self) -> None:
        super().__init__("Discord took too long to confirm this request, so nothing was computed. Ask again.")


class ModelServerUnavailable(Interrupted):
    """The server that computes for the model can't be used; `problem` is a clause that says why."""

    def __init__(self, problem: str) -> None:
        remedy = "Try again in a minute, and tell the bot's operator if that doesn't help."
        super().__init__(f"The model's server can't be used right now: {problem}. {remedy}")


class ConfigurationError(BotError):
    """The operator has to change something."""

    exit_code = EXIT_CONFIGURATION


class InvalidSettings(ConfigurationError):
    """A setting in the environment or in `.env` is wrong."""


class ModelUnavailable(ConfigurationError):
    """The model could not be found or loaded."""

    def __init__(self, name: str, problem: str, remedy: str | None = None) -> None:
        remedy = remedy or "Try BOT_MODEL=demo or --model demo, a local folder, or set HF_TOKEN for a private model."
        super().__init__(f"The model {name} cannot be used: {problem.rstrip('.')}. {remedy}")


class SentimentUnsupported(ConfigurationError):
    """The model's tokenizer splits a label into several tokens, so its logit can't be compared."""

    def __init__(self, model: str, label: str, pieces: list[str]) -> None:
        shown = " + ".join(repr(piece) for piece in pieces)
        super().__init__(
            f"The model {model} cannot judge sentiment: its tokenizer splits the label {label!r} into {shown}, "
            "and only single tokens can be compared. Use another model, such as BOT_MODEL=demo."
        )


class GenerationUnsupported(ConfigurationError):
    """The model does not support the requested way to generate text."""

    def __init__(self, model: str, what: str, reason: str, remedy: str) -> None:
        super().__init__(f"The model {model} cannot be used for {what}: {reason.rstrip('.')}. {remedy}")


class LayersUnsupported(ConfigurationError):
    """The model's layers can't be read; `reason` is a clause that says why."""

    def __init__(self, model: str, reason: str, remedy: str) -> None:
        super().__init__(f"The layers of the model {model} can't be read: {reason}. {remedy}")


class NumbersNotFinite(ConfigurationError):
    """The model computed an infinite or NaN logit: its dtype overflowed, or its weights are damaged."""

    _REMEDIES: ClassVar = {
        "float16": "Set BOT_DTYPE=bfloat16 or float32",
        "int8": "Set BOT_DTYPE=bfloat16 or float32",
        "int4": "Set BOT_DTYPE=bfloat16 or float32",
        "bfloat16": "Set BOT_DTYPE=float32",
    }

    def __init__(self, model: str, dtype: str) -> None:
        remedy = self._REMEDIES.get(dtype)
        what_to_do = f"{remedy} (--dtype in a terminal)" if remedy else "Its weights may be damaged: try another model"
        problem = f"The model {model} computed a number that is not finite in {dtype}, so this text has no answer"
        super().__init__(f"{problem}. {what_to_do}.")


class DatabaseUnavailable(ConfigurationError):
    """The database is missing, unreachable, or not usable by this program."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"The database of BOT_DATABASE_URL cannot be used: {problem.rstrip('.')}. {remedy}")


class MeasurementUnavailable(ConfigurationError):
    """The packages that measurements need are not installed."""

    def __init__(self) -> None:
        remedy = 'Install them with pip install "nightword[measure]"'
        super().__init__(f"Measuring needs scipy, from the extra `measure`, which isn't installed. {remedy}.")


class PlaygroundUnavailable(ConfigurationError):
    """The playground cannot start here."""


class TokenMissing(ConfigurationError):
    """The bot token is missing or malformed."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"DISCORD_TOKEN {problem}. Copy your bot's token from Discord's developer portal (your application, Bot, "
            "Reset Token) and set it in the environment or in .env, without quotes, spaces or a prefix."
        )


class TokenRejected(ConfigurationError):
    """Discord rejected the token."""

    def __init__(self) -> None:
        remedy = "Get a new one in Discord's developer portal: your application, Bot, Reset Token."
        super().__init__(f"Discord rejected DISCORD_TOKEN: it was reset, or it is not a bot's token. {remedy}")


class IntentsMissing(ConfigurationError):
    """An intent that the bot requests is turned off for the application."""

    def __init__(self) -> None:
        remedy = "Turn it on in Discord's developer portal: your application, Bot, Privileged Gateway Intents."
        super().__init__(f"Discord refused an intent that the bot requests. {remedy}")


class Unhealthy(BotError):
    """The heartbeat is missing, or it says that the bot is not working."""


class DiscordUnreachable(BotError):
    """Discord can't be reached."""

    def __init__(self, problem: str) -> None:
        remedy = "Check this machine's network and discordstatus.com, then start the bot again."
        super().__init__(f"Discord cannot be reached: {problem}. {remedy}")


class TurnNotTaken(BotError):
    """The other processes of the bot, or its database, kept this one from connecting to Discord."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"This process could not connect a shard: it waited {seconds:g} seconds for its turn. Discord limits how "
            "many shards connect within 5 seconds. Check that the database of BOT_DATABASE_URL answers, start fewer "
            "processes at the same time, and start this one again."
        )


class ShardsTaken(BotError):
    """Another process of the bot has a shard of this one."""

    def __init__(self, shard_ids: Sequence[int], seconds: float) -> None:
        listed = ", ".join(str(shard) for shard in shard_ids)
        super().__init__(
            f"Another process of this bot still has a shard of this one ({listed}) after {seconds:g} seconds. Give "
            "each process different shards in BOT_SHARD_IDS, or stop the process that this one replaces."
        )


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"
