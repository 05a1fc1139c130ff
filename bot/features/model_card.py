"""`/model`: the running model and its state."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import __version__
from bot.answers.answer import AMBER, BLURPLE, RED, Answer
from bot.answers.client import BotClient, Interaction
from bot.answers.delivery import acknowledge
from bot.answers.error_reply import reply_on_error
from bot.answers.parameters import describe_options
from bot.engine.waiting import ExecutorStatus
from bot.questions.capabilities import capabilities
from bot.questions.language_model import ModelInfo, dtype_text
from bot.rendering.escaping import escape_prose


class ModelCard(commands.Cog):
    """The command `/model`. It doesn't use the model, so it also works while the model loads."""

    @app_commands.command(name="model", extras={"example": "/model"})
    @describe_options("model")
    @reply_on_error
    async def model(self, interaction: Interaction, private: bool = False) -> None:
        """Show which model is running, its dtype, and the length of the queue."""
        card = model_card_answer(interaction.client.executor.status, __version__)
        await acknowledge(interaction, interaction.response.send_message(embed=card.embed, ephemeral=private))


async def setup(bot: BotClient) -> None:
    """Add the command."""
    await bot.add_cog(ModelCard())


def model_card_answer(status: ExecutorStatus, version: str) -> Answer:
    """Show the model, how it computes, its state and the queue."""
    model = status.model
    embed = discord.Embed(title="Model", description=escape_prose(status.name), colour=_colour(status))
    if model is not None:
        dtype = escape_prose(dtype_text(model.dtype, model.quantization))
        facts = {
            "Revision": f"`{model.revision[:12]}`" if model.revision else "local files",
            "Parameters": "unknown" if model.parameter_count is None else f"{model.parameter_count:,}",
            "Computation": ", ".join(filter(None, (f"{dtype} on {model.device}", model.engine_path))),
            "Context": "not stated" if model.context_length is None else f"{model.context_length:,} tokens",
            "Vocabulary": f"{model.vocab_size:,} tokens",
        }
        for name, value in facts.items():
            embed.add_field(name=name, value=value)
        if model.path_reason:
            embed.add_field(name="Measured at loading", value=model.path_reason, inline=False)
        if model.weights:
            embed.add_field(name="Weights", value=model.weights)
        if model.engine != "transformers":
            embed.add_field(name="Questions", value=_capabilities_text(model), inline=False)
    embed.add_field(name="State", value=state(status))
    embed.add_field(name="Queue", value=f"{status.waiting} of {status.queue_limit} waiting")
    embed.set_footer(text=f"Nightword {version}")
    return Answer(embed)


def state(status: ExecutorStatus) -> str:
    """Return the model's state, with the reason if it is degraded."""
    if status.failed:
        return "could not be loaded"
    if status.model is None:
        return "loading"
    if status.model.problem:
        return f"degraded: the model's server can't be used, because {status.model.problem}"
    return "computing" if status.running else "ready"


def _colour(status: ExecutorStatus) -> discord.Colour:
    if status.failed:
        return RED
    return AMBER if status.model is None or status.model.problem else BLURPLE


def _capabilities_text(model: ModelInfo) -> str:
    return "\n".join(
        f"- {escape_prose(entry.questions)}: **{entry.level}** ({entry.note})" for entry in capabilities(model)
    )
