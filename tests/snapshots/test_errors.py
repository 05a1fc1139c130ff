"""Every error that a user can see, as an embed and as a line in the terminal."""

import discord
import pytest
from syrupy.assertion import SnapshotAssertion

from bot import errors
from bot.answers.error_reply import TITLES, bug_embed, error_embed

ERRORS = (
    errors.BotError("What went wrong."),
    errors.UsageError("What cannot be done."),
    errors.EmptyPrompt("prompt", 491),
    errors.PromptTooLong("prompt", 600, 491, context=512, new_tokens=21),
    errors.PromptTooLong("text", 600, 512, context=None, new_tokens=0),
    errors.TokenWithoutWeights("<token>", 5000, 4096),
    errors.TokenizerFailed("demo"),
    errors.OptionOutOfRange("temperature", 9, "from 0.05 to 5.0"),
    errors.OptionIgnored("seed", "greedy", "sample"),
    errors.OptionUnsupported(
        "repetition_penalty", 1.2, "this engine only knows log-probabilities", "Use 1, or the transformers engine."
    ),
    errors.SameToken("night", "night", " night"),
    errors.SameToken("night", " night", " night"),
    errors.DecisionInvalid("What is wrong with the question."),
    errors.NoChatTemplate(),
    errors.LabelsUnsupported("demo", "Why they cannot be compared.", "What to do."),
    errors.MessageWithoutText("it has pictures"),
    errors.ReceiptUnusable("Why it cannot be used."),
    errors.NotYours("Whose it is."),
    errors.NotPermitted("What is missing."),
    errors.InputUnreadable("What cannot be read."),
    errors.Refusal("Why not now."),
    errors.ModelLoading("demo"),
    errors.QueueFull(32),
    errors.UserLimitReached(2, 5),
    errors.ShuttingDown(),
    errors.Interrupted("Why it ended."),
    errors.RequestTimedOut(60.0),
    errors.RequestCancelled(),
    errors.AcknowledgedLate(),
    errors.ModelServerUnavailable("nothing listens at its address"),
    errors.ConfigurationError("What to change."),
    errors.InvalidSettings("Which setting is wrong."),
    errors.ModelUnavailable("no/such", "it is not on the hub"),
    errors.SentimentUnsupported("no/such", " positive", [" pos", "itive"]),
    errors.GenerationUnsupported("no/such", "beam search", "it has no cache", "Use another model."),
    errors.LayersUnsupported("no/such", "it doesn't return its hidden states", "Try another model."),
    errors.NumbersNotFinite("demo", "float16"),
    errors.NumbersNotFinite("demo", "float32"),
    errors.DatabaseUnavailable("it did not answer", "Check that it runs."),
    errors.MeasurementUnavailable(),
    errors.PlaygroundUnavailable("Why it cannot start."),
    errors.TokenMissing("is not set"),
    errors.TokenRejected(),
    errors.IntentsMissing(),
    errors.Unhealthy("What is not done."),
    errors.DiscordUnreachable("the name cannot be resolved"),
    errors.TurnNotTaken(45.0),
    errors.ShardsTaken([2, 3], 45.0),
)


def embed_as_text(embed: discord.Embed) -> str:
    return f"# {embed.title} (colour {embed.colour})\n{embed.description}"


def test_errors(snapshot: SnapshotAssertion) -> None:
    parts = [
        f"{type(error).__name__}, exit code {error.exit_code}\n{embed_as_text(error_embed(error))}" for error in ERRORS
    ]
    assert "\n\n".join(parts) == snapshot


def test_every_error_class_is_in_the_snapshot() -> None:
    classes = {
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.BotError)
    }
    assert {type(error) for error in ERRORS} == classes
    assert TITLES.keys() <= classes


def test_a_bug(snapshot: SnapshotAssertion) -> None:
    assert embed_as_text(bug_embed("0a1b2c3d")) == snapshot


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_message_fits_into_an_embed_uncut(error: errors.BotError) -> None:
    assert error_embed(error).description.replace("\\", "") == str(error)  # type: ignore[union-attr]  # it has one
