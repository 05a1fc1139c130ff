"""The only place where an exception becomes an answer: one wrapper around every command, one handler for bugs."""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
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
    tell,
)
from bot.rendering.prose import plain_excerpt

IS_PRIVATE = "is_private"  # key of an interaction's extras: whether it was acknowledged for the asker alone

log = logging.getLogger(__name__)

P = ParamSpec("P")
SelfT = TypeVar("SelfT")  # a cog, or a modal
Callback = Callable[Concatenate[SelfT, Interaction, P], Awaitable[None]]

# One row for each failure that a member can meet. The text is the error's own.
TITLES: dict[type[errors.BotError], str] = {
    errors.EmptyPrompt: "Nothing to read",
    errors.PromptTooLong: "Too long",
    errors.TokenWithoutWeights: "Unknown to the model",
    errors.TokenizerFailed: "Not readable",
    errors.OptionOutOfRange: "Out of range",
    errors.OptionIgnored: "Option without effect",
    errors.MessageWithoutText: "No text",
    errors.ReceiptUnusable: "Expired",
    errors.NotYours: "Not yours",
    errors.NotPermitted: "Not here",
    errors.ModelLoading: "Still loading",
    errors.QueueFull: "Busy",
    errors.UserLimitReached: "Your other requests first",
    errors.ShuttingDown: "Shutting down",
    errors.RequestTimedOut: "Took too long",
    errors.RequestCancelled: "Cancelled",
    errors.AcknowledgedLate: "Discord was slow",
    errors.ModelUnavailable: "No model",
    errors.SentimentUnsupported: "Not with this model",
    errors.GenerationUnsupported: "Not with this model",
    errors.NumbersNotFinite: "Not a number",
    errors.BotError: "Not possible",
}


def reply_on_error(
    callback: "Callback[SelfT, P]",
) -> "Callable[Concatenate[SelfT, Interaction, P], Coroutine[object, object, None]]":
    """Wrap a command so that its BotErrors are answered, for the asker alone; everything else is a bug."""

    @functools.wraps(callback)
    async def answered(self: SelfT, interaction: Interaction, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with interaction.client.open_answers.counted():
            try:
                await callback(self, interaction, *args, **kwargs)
            except errors.BotError as error:
                await _send(interaction, error_embed(error))
            except Exception as error:
                if interaction.type is not discord.InteractionType.component:
                    raise
                await answer_bug(interaction, error, "a button")  # where the library would only log it

    return answered


class CommandTree(app_commands.CommandTree[BotClient]):
    """The bot's commands, everywhere: in servers, in direct messages, installed by a person for themselves."""

    def __init__(self, client: BotClient) -> None:
        super().__init__(
            client,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
        )

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Answer a bug in a command."""
        command = interaction.command.qualified_name if interaction.command else "an unknown command"
        await answer_bug(interaction, getattr(error, "original", error), command)


async def answer_bug(interaction: Interaction, error: BaseException, where: str) -> None:
    """Give the asker a reference id, which stands in the log beside the traceback."""
    reference = secrets.token_hex(4)
    log.error("unexpected failure %s in %s", reference, where, exc_info=error)
    await _send(interaction, bug_embed(reference))


def error_embed(error: errors.BotError) -> discord.Embed:
    """Return the failure in words: what was wrong, the limit, what to do."""
    title = next(TITLES[kind] for kind in type(error).__mro__ if kind in TITLES)
    colour = RED if isinstance(error, errors.ConfigurationError) else AMBER
    return discord.Embed(title=title, description=plain_excerpt(str(error), DESCRIPTION_LIMIT).text, colour=colour)


def bug_embed(reference: str) -> discord.Embed:
    """Return the apology for a bug, with the reference id under which the log has its traceback."""
    return discord.Embed(
        title="A bug in the bot",
        description=(
            f"This request failed in a way that nobody foresaw; nothing else is affected. Tell whoever runs the bot "
            f"the reference `{reference}`: the log has the details beside it."
        ),
        colour=RED,
    )


async def _send(interaction: Interaction, embed: discord.Embed) -> None:
    """Answer for the asker alone, also after a public defer, which would make a follow-up public."""
    if not interaction.response.is_done() and MAYBE_ACKNOWLEDGED not in interaction.extras:
        with contextlib.suppress(errors.AcknowledgedLate):  # nothing is left to say, and it stands in the log
            await acknowledge(interaction, interaction.response.send_message(embed=embed, ephemeral=True))
        return
    if interaction.response.type is discord.InteractionResponseType.deferred_message_update:
        # The original is the message above the button, which is no answer to it.
        await tell(interaction, embed)
        return
    delivery = await deliver(interaction, lambda: interaction.edit_original_response(embed=embed, view=None))
    if delivery is not Delivery.DONE or interaction.extras.get(IS_PRIVATE):
        return
    try:
        async with asyncio.timeout(ATTEMPT_SECONDS):
            await interaction.followup.send(embed=embed, ephemeral=True)
            await interaction.delete_original_response()
    except (discord.HTTPException, *NO_NEWS_FROM_DISCORD) as failure:
        # The edit stays: its words are there for the asker, if not for them alone.
        log.warning("the answer to interaction %s stays public: %s", interaction.id, failure or type(failure).__name__)
