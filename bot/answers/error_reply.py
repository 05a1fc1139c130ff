"""The one place where exceptions become replies: a wrapper for every command, and a handler for bugs."""

import asyncio
import contextlib
import functools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Concatenate, ParamSpec, TypeVar

import discord
from discord import app_commands

from bot import errors
from bot.answers.answer import AMBER, DESCRIPTION_LIMIT, RED
from bot.answers.client import BotClient, Interaction
from bot.answers.delivery import (
    ATTEMPT_SECONDS,
    MAYBE_ACKNOWLEDGED,
    NO_NEWS_FROM_DISCORD,
    Delivery,
    acknowledge,
    deliver,
    send_private,
)
from bot.answers.endings import UNKNOWN_COMMAND, begin, report_ending, set_ending
from bot.rendering.prose import plain_excerpt

IS_PRIVATE = "is_private"  # key in an interaction's extras: whether only the asker sees the deferred response

log = logging.getLogger(__name__)

P = ParamSpec("P")
SelfT = TypeVar("SelfT")  # a cog, or a modal
Callback = Callable[Concatenate[SelfT, Interaction, P], Awaitable[None]]

# A channel that an error names, escaped. Discord shows its name. It notifies no one and reveals nothing.
_CHANNEL = re.compile(r"\\<#(\d+)\\>")

# One title for each error that a member can see. The description is the error's message.
TITLES: dict[type[errors.BotError], str] = {
    errors.EmptyPrompt: "Nothing to read",
    errors.PromptTooLong: "Too long",
    errors.TokenWithoutWeights: "Unknown token",
    errors.TokenizerFailed: "Tokenizer error",
    errors.OptionOutOfRange: "Out of range",
    errors.OptionIgnored: "Option has no effect",
    errors.OptionUnsupported: "Not available",
    errors.SameToken: "The same token twice",
    errors.DecisionInvalid: "Question not usable",
    errors.NoChatTemplate: "Not available",
    errors.LabelsUnsupported: "Labels not usable",
    errors.MessageWithoutText: "No text",
    errors.ReceiptUnusable: "Expired",
    errors.NotYours: "Not yours",
    errors.NotPermitted: "Not allowed here",
    errors.ModelLoading: "Still loading",
    errors.QueueFull: "Busy",
    errors.UserLimitReached: "Too many requests",
    errors.ShuttingDown: "Shutting down",
    errors.RequestTimedOut: "Took too long",
    errors.RequestCancelled: "Cancelled",
    errors.AcknowledgedLate: "Discord was slow",
    errors.ModelServerUnavailable: "Model unavailable",
    errors.ModelUnavailable: "Model unavailable",
    errors.SentimentUnsupported: "Not supported by this model",
    errors.GenerationUnsupported: "Not supported by this model",
    errors.LayersUnsupported: "Not supported by this model",
    errors.NumbersNotFinite: "Numerical error",
    errors.MeasurementUnavailable: "Not installed",
    errors.BotError: "Not possible",
}


def reply_on_error(
    callback: "Callback[SelfT, P]",
) -> "Callable[Concatenate[SelfT, Interaction, P], Coroutine[object, object, None]]":
    """Wrap a command so that a BotError becomes a private reply. Any other exception is a bug."""

    @functools.wraps(callback)
    async def wrapper(self: SelfT, interaction: Interaction, /, *args: P.args, **kwargs: P.kwargs) -> None:
        begin(interaction)
        with interaction.client.open_answers.track():
            try:
                with _reported(interaction, self):
                    await callback(self, interaction, *args, **kwargs)
            except errors.BotError as error:
                await _send(interaction, error_embed(error))
            except Exception as error:
                if interaction.type is not discord.InteractionType.component:
                    raise
                await answer_bug(interaction, error, "a button")  # discord.py would only log it

    return wrapper


@contextlib.contextmanager
def _reported(interaction: Interaction, owner: object) -> Iterator[None]:
    """Report how the interaction ends, under the name of its command, or else of its owner's class."""
    command = interaction.command
    try:
        yield
    except BaseException as error:
        set_ending(interaction, error)
        raise
    finally:
        report_ending(interaction, type(owner).__name__ if command is None else command.qualified_name)


class CommandTree(app_commands.CommandTree[BotClient]):
    """The bot's commands. They work in servers, in direct messages, and when installed by a user."""

    def __init__(self, client: BotClient) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Reply to a bug in a command."""
        set_ending(interaction, error)
        report_ending(interaction, interaction.command.qualified_name if interaction.command else UNKNOWN_COMMAND)
        command = interaction.command.qualified_name if interaction.command else "an unknown command"
        await answer_bug(interaction, getattr(error, "original", error), command)


async def answer_bug(interaction: Interaction, error: BaseException, where: str) -> None:
    """Log the traceback under a new reference id, and send the id to the asker."""
    reference = secrets.token_hex(4)
    log.error("unexpected failure %s in %s", reference, where, exc_info=error)
    await _send(interaction, bug_embed(reference))


def error_embed(error: errors.BotError) -> discord.Embed:
    """Return an embed with the error's title and message."""
    title = next(TITLES[kind] for kind in type(error).__mro__ if kind in TITLES)
    colour = RED if isinstance(error, errors.ConfigurationError) else AMBER
    text = plain_excerpt(str(error), DESCRIPTION_LIMIT).text
    return discord.Embed(title=title, description=_CHANNEL.sub(r"<#\1>", text), colour=colour)


def bug_embed(reference: str) -> discord.Embed:
    """Return the reply to a bug, with the reference id of its traceback in the log."""
    return discord.Embed(
        title="A bug in the bot",
        description=(
            "This request failed because of a bug. Nothing else is affected. Please give the bot's operator this "
            f"reference to the details in the log: `{reference}`."
        ),
        colour=RED,
    )


async def _send(interaction: Interaction, embed: discord.Embed) -> None:
    """Send a reply that only the asker sees.

    After a public defer, the first message is public. It is therefore edited to show the error, which is then sent
    again privately, and the public message is deleted.
    """
    if not interaction.response.is_done() and MAYBE_ACKNOWLEDGED not in interaction.extras:
        with contextlib.suppress(errors.AcknowledgedLate):  # already logged, and no reply is possible
            await acknowledge(interaction, interaction.response.send_message(embed=embed, ephemeral=True))
        return
    if interaction.response.type is discord.InteractionResponseType.deferred_message_update:
        # The original response is the message that carries the button, so it must not be replaced.
        await send_private(interaction, embed)
        return
    if MAYBE_ACKNOWLEDGED in interaction.extras and await _is_answered_elsewhere(interaction):
        return
    delivery = await deliver(interaction, lambda: interaction.edit_original_response(embed=embed, view=None))
    if delivery is not Delivery.DONE or interaction.extras.get(IS_PRIVATE):
        return
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await interaction.followup.send(embed=embed, ephemeral=True)
            await interaction.delete_original_response()
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as failure:
        # The edit stays: the asker still sees the error, although others do too.
        log.warning(
            "could not make the reply to interaction %s private: %s", interaction.id, failure or type(failure).__name__
        )


async def _is_answered_elsewhere(interaction: Interaction) -> bool:
    """Return whether another process of this bot has answered, while this one didn't know whether it was acknowledged.

    During a restart, two processes can run the same shard, and Discord sends both every interaction.
    """
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            response = await interaction.original_response()
    except (discord.HTTPException, discord.ClientException, *NO_NEWS_FROM_DISCORD):
        return False
    return not response.flags.loading  # "thinking…", so far
